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
	scanChunk  = 64 << 10
	maxRecords = 16 // debug records and page-table roots kept

	// maxTables bounds the page tables read to find where records are mapped:
	// forged ones lead to each other in as many ways as there are addresses. Of
	// a real kernel there are some thousands for each root.
	maxTables = 1 << 18
)

// debugRecord reads through memory for the kernel's debug record and for page
// tables that map themselves, and finds the addresses at which the tables show
// the record.
func (f *finder) debugRecord() (hints []hint, err error) {
	const what = "debug record"
	if f.scan == 0 {
		return nil, fmt.Errorf("%s: reading through memory was not asked for", what)
	}
	records, roots := f.through()
	for _, root := range roots {
		for _, record := range records {
			if addr := f.mapped(root, record); addr != 0 {
				hints = append(hints, hint{root.mode, root.at, addr, what})
			}
		}
	}
	if len(hints) == 0 {
		return nil, fmt.Errorf("%s: %d records and %d page tables found that do not fit", what, len(records), len(roots))
	}
	return hints, nil
}

// top is where the page tables of an address space begin.
type top struct {
	mode paging.Mode
	at   uint64 // physical
}

// through reads through memory for pages with a debug record and for roots.
func (f *finder) through() (records []uint64, roots []top) {
	chunk := make([]byte, scanChunk)
	for at := uint64(0); at < f.scan && (len(records) < maxRecords || len(roots) < maxRecords); {
		if at == videoMemory {
			at = videoEnd
		}
		n, err := f.phys.ReadMemory(chunk[:min(scanChunk, f.scan-min(at, f.scan))], at)
		for off := 0; off+pageSize <= n; off += pageSize {
			page, pa := chunk[off:][:pageSize], at+uint64(off)
			if len(records) < maxRecords && hasRecord(page) {
				records = append(records, pa)
			}
			roots = f.addRoots(roots, page, pa)
		}
		next := at + skip(n, err)
		if next <= at || errors.Is(err, memsource.ErrCanceled) { // the top of memory, or nobody waits
			break
		}
		at = next
	}
	return records, roots
}

// addRoots appends what address spaces begin in a page.
func (f *finder) addRoots(roots []top, page []byte, pa uint64) []top {
	for _, mode := range f.modes {
		if len(roots) == maxRecords {
			break
		}
		at, ok := pa, false
		switch mode {
		case paging.ModeX64, paging.ModeLA57:
			ok = mapsItself(page, pa)
		case paging.ModeX86:
			ok = directoryOfItself(page, pa)
		case paging.ModePAE:
			at, ok = f.pointers(page, pa)
		}
		if ok {
			roots = append(roots, top{mode, at})
		}
	}
	return roots
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
