package nt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/paging"
)

const (
	scanChunk  = 256 << 10
	maxRecords = 16 // debug records and debugger data blocks kept, of each
	maxRoots   = 64 // and page-table roots

	// maxTables bounds the page tables read to find where records are mapped:
	// forged ones lead to each other in as many ways as there are addresses. Of
	// a real kernel there are some thousands for each root.
	maxTables = 1 << 18
)

// top is where the page tables of an address space begin.
type top struct {
	mode paging.Mode
	at   uint64 // physical
}

// blockHit is what looks like a debugger data block.
type blockHit struct {
	at   uint64 // physical address
	base uint64 // of the kernel, as it says
}

// through reads through memory for pages with the kernel's debug record or its
// debugger data block and for page tables that map themselves, until one of these
// tables shows one of those in a kernel.
func (f *finder) through() (*Kernel, error) {
	const what = KernelRoadDebugRecord
	if f.scan == 0 {
		return nil, fmt.Errorf("%v: reading through memory was not asked for", what)
	}
	chunk, zero := make([]byte, scanChunk), make([]byte, pageSize)
	for at := uint64(0); at < f.scan && !f.full(); {
		if at = f.dataFrom(at); at >= f.scan {
			break
		}
		n, err := f.plain.ReadMemory(chunk[:min(scanChunk, f.scan-at)], at)
		for off := 0; off+pageSize <= n; off += pageSize {
			page := chunk[off:][:pageSize]
			if bytes.Equal(page, zero) {
				continue
			}
			if k := f.look(page, at+uint64(off)); k != nil {
				return k, nil
			}
		}
		next := at + skip(n, err)
		if next <= at || errors.Is(err, memsource.ErrCanceled) { // the top of memory, or nobody waits
			break
		}
		at = next
	}
	if k := f.late(); k != nil {
		return k, nil
	}
	return nil, fmt.Errorf("%v: %d records and %d page tables found that do not fit, %d debugger data blocks", what, len(f.records), len(f.roots), len(f.blocks))
}

// full reports whether nothing more is taken in.
func (f *finder) full() bool {
	return len(f.records) >= maxRecords && len(f.blocks) >= maxRecords && len(f.roots) >= maxRoots
}

// dataFrom returns where to read on: past video memory and past holes.
func (f *finder) dataFrom(at uint64) uint64 {
	if f.next != nil {
		at = max(at, f.next(at)) &^ (pageSize - 1)
	}
	if at >= videoMemory && at < videoEnd {
		return videoEnd
	}
	return at
}

// look takes in what a page has, and tries what is new with all the rest.
func (f *finder) look(page []byte, pa uint64) *Kernel {
	f.pages++
	roots, records, blocks := len(f.roots), len(f.records), len(f.blocks)
	if records < maxRecords && hasRecord(page) {
		f.records = append(f.records, pa)
	}
	f.addBlocks(page, pa)
	f.addRoots(page, pa)
	for i := range f.roots {
		if !f.eager(i) {
			continue
		}
		n, m := records, blocks // with an old root only what is new
		if i >= roots {
			n, m = 0, 0
		}
		if k := f.by(f.roots[i], f.records[n:], f.blocks[m:]); k != nil {
			return k
		}
	}
	return nil
}

// eager reports whether what is found is tried at once with root i. Processes share
// the kernel's half of their tables, so that two of a form are as good as all; the
// others are tried when all of memory was read.
func (f *finder) eager(i int) bool {
	before := 0
	for _, r := range f.roots[:i] {
		if r.mode == f.roots[i].mode {
			before++
		}
	}
	return before < 2
}

// late tries the roots that were not tried yet.
func (f *finder) late() *Kernel {
	for i := range f.roots {
		if f.eager(i) {
			continue
		}
		if k := f.by(f.roots[i], f.records, f.blocks); k != nil {
			return k
		}
	}
	return nil
}

// by is the kernel that the tables show around one of these.
func (f *finder) by(root top, records []uint64, blocks []blockHit) *Kernel {
	for _, record := range records {
		if k := f.byRecord(root, record); k != nil {
			return k
		}
	}
	for _, block := range blocks {
		if k := f.byBlock(root, block); k != nil {
			return k
		}
	}
	return nil
}

// byRecord is the kernel around a debug record, if the tables show it in one.
func (f *finder) byRecord(root top, record uint64) *Kernel {
	addr := f.mapped(root, record)
	if addr == 0 {
		return nil
	}
	k, err := f.kernel(hint{root.mode, root.at, addr, KernelRoadDebugRecord})
	if err != nil {
		return nil
	}
	return k
}

// byBlock is the kernel a debugger data block tells of: where the tables show its
// image, or, if that is out, the block itself.
func (f *finder) byBlock(root top, b blockHit) *Kernel {
	space, err := f.space(root.mode, root.at)
	machine := machineOf(root.mode)
	w := pointerOf(machine)
	base := b.base & w.top() // kernels of 32 bits have it sign-extended
	if err != nil || !w.inKernel(base) {
		return nil
	}
	h := hint{root.mode, root.at, base, KernelRoadDebuggerData}
	if img := readKernel(space, base, machine); img != nil {
		if k, err := f.open(h, img); err == nil {
			return k
		}
	}
	addr := f.mapped(root, b.at&^(pageSize-1))
	if addr == 0 {
		return nil
	}
	addr += b.at % pageSize
	d, err := openDebuggerData(space, addr, w)
	if err != nil || !d.sound() {
		return nil
	}
	if k, err := f.make(h, space, base, addr); err == nil {
		return k
	}
	return nil
}

// addBlocks takes in what looks like a debugger data block in a page. A block
// that a page border cuts is found if its tag and what follows are in the page.
func (f *finder) addBlocks(page []byte, pa uint64) {
	tag, le := []byte("KDBG"), binary.LittleEndian
	for at := 0; len(f.blocks) < maxRecords; at += len(tag) {
		i := bytes.Index(page[at:], tag)
		if i < 0 {
			return
		}
		at += i
		if at < kdTag || at%8 != 0 || at+0x10 > len(page) {
			continue
		}
		size, base := le.Uint32(page[at+4:]), le.Uint64(page[at+8:])
		if size >= kdHeader && size <= maxBlock && base%pageSize == 0 && base>>31 != 0 {
			f.blocks = append(f.blocks, blockHit{pa + uint64(at) - kdTag, base})
		}
	}
}

// addRoots takes in what address spaces begin in a page.
func (f *finder) addRoots(page []byte, pa uint64) {
	self, known := false, false
	for _, mode := range f.modes {
		if len(f.roots) >= maxRoots {
			return
		}
		at, ok := pa, false
		switch mode {
		case paging.ModeX64, paging.ModeLA57:
			if !known {
				self, known = mapsItself(page, pa), true
			}
			ok = self && leadsOn(page, tiers(mode)[0])
		case paging.ModeX86:
			ok = directoryOfItself(page, pa)
		case paging.ModePAE:
			at, ok = f.pointers(page, pa)
		}
		if ok {
			f.roots = append(f.roots, top{mode, at})
		}
	}
}

// skip is how far a read came, or how far it cannot go.
func skip(n int, err error) uint64 {
	done := uint64(n) &^ (pageSize - 1)
	fault, ok := errors.AsType[*memsource.Fault](err)
	if !ok {
		return max(done, pageSize)
	}
	return done + max(fault.Len&^(pageSize-1), pageSize)
}

// hasRecord reports whether a page holds a CodeView record that names a
// kernel's PDB.
func hasRecord(page []byte) bool {
	const header = 24 // signature, GUID, age
	for at := 0; ; at++ {
		i := bytes.Index(page[at:], []byte("RSDS"))
		if i < 0 || at+i+header >= len(page) {
			return false
		}
		at += i
		name, _, ok := bytes.Cut(page[at+header:min(at+header+32, len(page))], []byte{0})
		if ok && isKernelPDB(string(name)) {
			return true
		}
	}
}

// mapsItself reports whether a page is a top table with an entry in its upper
// half that points to the page itself, as Windows makes them.
func mapsItself(page []byte, pa uint64) bool {
	for i := 256; i < 512; i++ {
		e := binary.LittleEndian.Uint64(page[8*i:])
		if e&frame == pa && e&tableFlags == tableFlags && pa != 0 {
			return true
		}
	}
	return false
}

// leadsOn reports whether a top table has anything where the kernel's images are.
func leadsOn(page []byte, t tier) bool {
	for i := t.first; i <= t.last; i++ {
		if binary.LittleEndian.Uint64(page[8*i:])&present != 0 {
			return true
		}
	}
	return false
}

// selfMapped is the entry of a page directory by which 32-bit Windows maps its
// page tables to c0000000.
const selfMapped = 0x300

// directoryOfItself reports whether a page is a page directory without PAE
// whose entry for the page tables points to the page itself.
func directoryOfItself(page []byte, pa uint64) bool {
	e := uint64(binary.LittleEndian.Uint32(page[4*selfMapped:]))
	return e&^0xfff == pa && e&tableFlags == tableFlags && pa != 0
}

// pointers finds a table of four page directories in a page, the root of an
// address space with PAE: the last of the directories maps all four.
func (f *finder) pointers(page []byte, pa uint64) (uint64, bool) {
	const (
		size     = 4 * 8
		reserved = 0xfff0_0000_0000_01e6 // must be zero, or the processor faults
	)
	le := binary.LittleEndian
next:
	for off := 0; off+size <= len(page); off += size {
		for i := range 4 {
			if e := le.Uint64(page[off+8*i:]); e&(reserved|present) != present || e&frame == 0 {
				continue next
			}
		}
		var maps [size]byte
		if memsource.ReadFull(f.phys, maps[:], le.Uint64(page[off+24:])&frame) != nil {
			continue
		}
		for i := range 4 {
			if e := le.Uint64(maps[8*i:]); e&tableFlags != tableFlags || e&frame != le.Uint64(page[off+8*i:])&frame {
				continue next
			}
		}
		return pa + uint64(off), true
	}
	return 0, false
}

// Bits of an entry of a page table.
const (
	present    = 1
	large      = 0x80
	tableFlags = 0x63 // present, writable, accessed, dirty
	frame      = 0x000ffffffffff000
)

// tier is one level of page tables, and the entries of it to look at: those of
// the kernel's half, or where its images are.
type tier struct {
	shift       uint
	first, last uint64
}

// tiers are the levels of a mode, the topmost first.
func tiers(mode paging.Mode) []tier {
	const kernelImages = 0x1f0 // of a table of 512 GB entries: fffff800`00000000
	four := []tier{{48, 511, 511}, {39, kernelImages, kernelImages}, {30, 0, 511}, {21, 0, 511}, {12, 0, 511}}
	switch mode {
	case paging.ModeX86:
		return []tier{{22, 512, 1023}, {12, 0, 1023}}
	case paging.ModePAE:
		return []tier{{30, 2, 3}, {21, 0, 511}, {12, 0, 511}}
	case paging.ModeX64:
		return four[1:]
	}
	return four
}

// mapped finds the address of a physical page in the kernel's half by the
// tables below root; 0 when they do not map it.
func (f *finder) mapped(root top, pa uint64) uint64 {
	base := uint64(0)
	switch root.mode {
	case paging.ModeARM64, paging.ModeIA64: // entries of another form
		return 0
	case paging.ModeX64:
		base = 0xffff000000000000
	case paging.ModeLA57:
		base = 0xfe00000000000000
	}
	return f.below(root.at, tiers(root.mode), base, pa, entrySize(root.mode))
}

func entrySize(mode paging.Mode) uint64 {
	if mode == paging.ModeX86 {
		return 4
	}
	return 8
}

// below looks for a page in the table at an address, whose entries map from va
// on. The places where a 32-bit kernel maps its own tables are left out.
func (f *finder) below(table uint64, levels []tier, va, pa, entry uint64) uint64 {
	const tables32, tablesEnd32 = selfMapped << 22, (selfMapped + 2) << 22
	t := levels[0]
	if f.tables++; f.tables > maxTables {
		return 0
	}
	b := make([]byte, (t.last-t.first+1)*entry)
	if memsource.ReadFull(f.phys, b, table+t.first*entry) != nil {
		return 0
	}
	for i := t.first; i <= t.last; i++ {
		e := width(entry).of(b, uint16((i-t.first)*entry))
		at := va | i<<t.shift
		if e&present == 0 || at >= tables32 && at < tablesEnd32 {
			continue
		}
		switch size := uint64(1) << t.shift; {
		case len(levels) == 1:
			if e&frame == pa {
				return at
			}
		case e&large == 0:
			if at := f.below(e&frame, levels[1:], at, pa, entry); at != 0 {
				return at
			}
		case len(levels) == 2: // larger ones hold no images
			if first := e & frame &^ (size - 1); pa-first < size {
				return at + (pa - first)
			}
		}
	}
	return 0
}
