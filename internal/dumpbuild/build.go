package dumpbuild

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"github.com/symres/symres/pdb"
)

// Build returns a dump of what s describes, and the facts of what is in it.
// The same s gives the same bytes. Every error wraps [ErrSpec]. Safe for
// concurrent use; s is not changed.
func Build(s Spec) ([]byte, *Facts, error) {
	b, err := newBuilder(s)
	if err != nil {
		return nil, nil, err
	}
	defer b.types.Close()
	b.kernel()
	for i := range b.spec.Modules {
		b.module(&b.spec.Modules[i])
		if i == 0 {
			b.typeObjects()
		}
	}
	b.linkModules()
	b.processes()
	b.sharedData()
	b.processor()
	b.debuggerBlock()
	b.finish()
	if b.err != nil {
		return nil, nil, b.err
	}
	return b.file()
}

// builder holds a dump under construction. The first error sticks.
type builder struct {
	spec            Spec
	lay             layout
	types           *pdb.File // of the kernel
	fields          map[string]*pdb.Field
	mem             *memory
	pte             format
	root            uint64 // the kernel's
	nonPaged, paged pool
	slot            uint32 // next free page of the pagefiles
	facts           Facts
	roots           []uint64            // of processes with an address space of their own
	sessions        map[uint32]uint64   // their structures
	sessionRoots    map[uint32]uint64   // IA64: their page tables
	members         map[uint32][]uint64 // roots of their processes
	images          map[string]*mapped  // of processes, by file
	inSession       []sessionImage
	sessionOf       map[uint32][]uint64 // processes by session
	objects         map[string]uint64   // object types by name
	stacks          int                 // so many are in use
	running         *activation
	contextBytes    []byte   // CONTEXT of the thread that was running
	out             []uint64 // pool pages to move to the pagefile at the end
	err             error
}

func newBuilder(s Spec) (*builder, error) {
	b := &builder{spec: s, slot: 0x1234, sessions: map[uint32]uint64{}, members: map[uint32][]uint64{}, images: map[string]*mapped{},
		sessionRoots: map[uint32]uint64{}, fields: map[string]*pdb.Field{}, sessionOf: map[uint32][]uint64{}, objects: map[string]uint64{}}
	switch s.Machine {
	case X86:
		b.spec.Build = cmpOr(s.Build, buildXP)
		b.lay = layout32()
	case X64:
		b.spec.Build = cmpOr(s.Build, build2004)
		b.lay = layout64()
	case IA64:
		b.spec.Build = cmpOr(s.Build, build7)
		b.lay = layoutIA64()
	default:
		return nil, fmt.Errorf("%w: machine %x", ErrSpec, s.Machine)
	}
	if s.Type != Full && s.Type != Bitmap && (s.Type != Triage || s.Machine != X64) {
		return nil, fmt.Errorf("%w: dump type %d for machine %x", ErrSpec, s.Type, s.Machine)
	}
	if len(s.Modules) == 0 {
		return nil, fmt.Errorf("%w: no kernel", ErrSpec)
	}
	if s.PAE && s.Machine != X86 || s.FiveLevels && s.Machine != X64 {
		return nil, fmt.Errorf("%w: page tables that machine %x does not have", ErrSpec, s.Machine)
	}
	types, err := pdb.New(bytes.NewReader(s.KernelPDB), int64(len(s.KernelPDB)))
	if err != nil {
		return nil, fmt.Errorf("%w: the kernel's PDB: %w", ErrSpec, err)
	}
	b.types = types
	b.mem = newMemory(&s, b.lay.firstFrame)
	b.pte = newFormat(&b.spec, b.lay)
	b.nonPaged, b.paged = newPool(b.lay.nonPaged, b.mem.page()), newPool(b.lay.pagedPool, b.mem.page())
	b.root = b.newRoot()
	if b.mem.ia64 != nil {
		b.mem.ia64.kernel = b.root
	}
	b.facts.Root, b.facts.PagedPool, b.facts.Subsections = b.root, b.lay.pagedPool, b.lay.nonPaged
	return b, nil
}

func cmpOr(v, other uint32) uint32 {
	if v == 0 {
		return other
	}
	return v
}

// newRoot returns the physical address of an empty top table that maps itself.
func (b *builder) newRoot() uint64 {
	f := b.mem.alloc()
	if b.mem.ia64 != nil {
		return f << b.mem.shift
	}
	if b.mem.pae() {
		var dirs [4]uint64
		for i := range dirs {
			dirs[i] = b.mem.alloc()
			b.mem.put(f, uint64(8*i), dirs[i]<<12|pteValid) // other bits are reserved there
		}
		for i, d := range dirs {
			b.mem.put(dirs[3], uint64(8*i), d<<12|pteKernel)
		}
		return f << 12
	}
	b.mem.put(f, b.lay.selfMap*b.mem.entrySize(), f<<12|pteKernel)
	return f << 12
}

func (b *builder) fail(err error) {
	if b.err == nil && err != nil {
		b.err = err
	}
}

func (b *builder) failf(format string, args ...any) {
	b.fail(fmt.Errorf("%w: "+format, append([]any{ErrSpec}, args...)...))
}

// write stores p in kernel memory.
func (b *builder) write(addr uint64, p []byte) {
	if b.err == nil {
		b.fail(b.mem.write(b.root, addr, p))
	}
}

func (b *builder) put(addr, v uint64, width uint64) {
	var p [8]byte
	binary.LittleEndian.PutUint64(p[:], v)
	b.write(addr, p[:width])
}

func (b *builder) put16(addr, v uint64)  { b.put(addr, v, 2) }
func (b *builder) put32(addr, v uint64)  { b.put(addr, v, 4) }
func (b *builder) putPtr(addr, v uint64) { b.put(addr, v, b.lay.pointer) }

// getPtr reads a pointer of kernel memory.
func (b *builder) getPtr(addr uint64) uint64 {
	if b.err != nil {
		return 0
	}
	p, err := b.mem.read(b.root, addr, int(b.lay.pointer))
	b.fail(err)
	return binary.LittleEndian.Uint64(append(p, 0, 0, 0, 0, 0, 0, 0, 0))
}

// link makes a circular doubly linked list of the head and the links.
func (b *builder) link(head uint64, links []uint64) { b.linkIn(b.root, head, links) }

// linkIn is link in an address space.
func (b *builder) linkIn(root, head uint64, links []uint64) {
	ring := append([]uint64{head}, links...)
	for i, at := range ring {
		var p [16]byte
		putN(p[:b.lay.pointer], ring[(i+1)%len(ring)])
		putN(p[b.lay.pointer:2*b.lay.pointer], ring[(i+len(ring)-1)%len(ring)])
		if b.err == nil {
			b.fail(b.mem.write(root, at, p[:2*b.lay.pointer]))
		}
	}
}

// kernel finds the debugger's block and the list heads in the kernel's image.
func (b *builder) kernel() {
	m := b.spec.Modules[0]
	img, err := loadImage(m.PE, b.spec.Machine, m.Base)
	if err != nil {
		b.fail(err)
		return
	}
	at := bytes.Index(img.flat, []byte("KDBG"))
	if at < 0x10 || bytes.Count(img.flat, []byte("KDBG")) != 1 || at > len(img.flat)-0x60 {
		b.failf("module %q has no KdDebuggerDataBlock, so it is no kernel", m.Name)
		return
	}
	block := img.flat[at-0x10:]
	f := &b.facts
	f.DebuggerBlock = m.Base + uint64(at-0x10)
	f.PsLoadedModuleList, f.PsActiveProcess = b.pointerIn(block[0x48:]), b.pointerIn(block[0x50:])
	for _, a := range []uint64{f.PsLoadedModuleList, f.PsActiveProcess} {
		if a-m.Base >= uint64(len(img.flat)) {
			b.failf("KdDebuggerDataBlock names %x, outside the kernel", a)
		}
	}
}

func (b *builder) pointerIn(p []byte) uint64 {
	if b.lay.pointer == 4 {
		return uint64(binary.LittleEndian.Uint32(p))
	}
	return binary.LittleEndian.Uint64(p)
}

// debuggerBlock gives KdDebuggerDataBlock what the kernel gives it at start.
// A 32-bit kernel extends its addresses by sign.
func (b *builder) debuggerBlock() {
	at := b.facts.DebuggerBlock
	b.put(at, at, 8)
	b.put(at+8, at, 8)
	b.put(at+0x18, b.spec.Modules[0].Base, 8)
	if b.mem.ia64 != nil {
		b.debuggerBlockIA64(b.record("KDDEBUGGER_DATA64", at))
	}
	if b.spec.PAE {
		b.record("KDDEBUGGER_DATA64", at).may("PaeEnabled", 1)
	}
	if b.err != nil {
		return
	}
	size, err := b.mem.read(b.root, at+0x14, 4)
	b.fail(err)
	for off := uint64(0); b.err == nil && b.lay.pointer == 4 && off+8 <= uint64(binary.LittleEndian.Uint32(size)); off += 8 {
		if v := b.getPtr(at + off); off != 0x10 && v>>31 == 1 && b.getPtr(at+off+4) == 0 {
			b.put32(at+off+4, 1<<32-1)
		}
	}
	if b.spec.MaskRVA != 0 {
		b.put(b.spec.Modules[0].Base+uint64(b.spec.MaskRVA), b.spec.PTEMask, 8)
	}
	for off, v := range b.variables() {
		if addr := b.getPtr(at + off); addr != 0 {
			b.putPtr(addr, v)
		}
	}
	b.unloaded()
}

// unloaded writes the array of unloaded drivers, which goes round.
func (b *builder) unloaded() {
	if len(b.spec.Unloaded) == 0 {
		return
	}
	const entries = 50
	ptr, at := b.lay.pointer, b.facts.DebuggerBlock
	size := 4*ptr + 8
	array := b.alloc(&b.nonPaged, "MmDT", entries*size)
	for i, u := range b.spec.Unloaded {
		e := array + uint64(i%entries)*size
		b.text(&b.nonPaged, "MmDN", e, u.Name)
		b.putPtr(e+2*ptr, u.Start)
		b.putPtr(e+3*ptr, u.End)
		b.put(e+4*ptr, u.Time, 8)
	}
	b.putPtr(b.getPtr(at+0x220), array)
	b.put32(b.getPtr(at+0x228), uint64(len(b.spec.Unloaded)%entries))
}

// variables are kernel variables by the place in KDDEBUGGER_DATA64 of their
// address (public debugger header, field order; 120 measured).
func (b *builder) variables() map[uint64]uint64 {
	v := map[uint64]uint64{0xc0: b.lay.pfnDatabase, 0x120: b.lay.pagedPool, 0x128: b.lay.pagedPool + 1<<24}
	if b.lay.pointer == 4 {
		maps.Copy(v, map[uint64]uint64{0xd8: b.lay.nonPaged, 0x110: b.lay.nonPaged, 0x118: b.lay.nonPagedEnd})
	}
	if b.mem.ia64 != nil {
		v[0x288] = b.root >> b.mem.shift // MmSystemParentTablePage
	}
	return v
}

// finish moves pool pages out, shares the kernel half of the address space
// and drops the page tables that are to be missing.
func (b *builder) finish() {
	b.refreshKernel()
	for _, va := range b.out {
		if b.err == nil {
			b.evict(va)
		}
	}
	for _, r := range b.roots {
		b.share(r)
	}
	b.placeSessions()
	for i := range b.spec.Modules {
		if b.spec.Modules[i].TableOut && b.err == nil {
			b.fail(b.dropTable(i))
		}
	}
	if b.mem.next >= b.lay.kernelFrames {
		b.failf("more than %x frames", b.lay.kernelFrames)
	}
	b.facts.Frames, b.facts.Memory = b.mem.list(), map[uint64][]byte{}
	for _, frame := range b.facts.Frames {
		b.facts.Memory[frame<<b.mem.shift] = b.mem.frames[frame]
	}
}

// share gives an address space the kernel's half of the first one, but for the
// entries by which its tables map themselves.
func (b *builder) share(root uint64) {
	if b.mem.ia64 != nil { // the kernel has a region of its own
		return
	}
	if !b.mem.pae() {
		self, half := b.lay.selfMap*b.mem.entrySize(), uint64(pageSize/2)
		own := b.mem.get(root>>12, self)
		copy(b.mem.frames[root>>12][half:], b.mem.frames[b.root>>12][half:])
		b.mem.put(root>>12, self, own)
		return
	}
	for i, self := range map[uint64]uint64{2: 0, 3: 4 * 8} {
		own, first := b.mem.frameOf(b.mem.get(root>>12, 8*i)), b.mem.frameOf(b.mem.get(b.root>>12, 8*i))
		copy(b.mem.frames[own][self:], b.mem.frames[first][self:])
	}
}

// sessionImage is a module that waits for the processes of its sessions.
type sessionImage struct {
	module int // its number
	image  *image
}

// placeSessions maps the images of session space, each session's in frames of
// its own. Processes of one session share the tables.
func (b *builder) placeSessions() {
	for _, s := range b.inSession {
		m, f := &b.spec.Modules[s.module], &b.facts.Modules[s.module]
		for _, n := range m.Sessions {
			roots := b.members[n]
			if n := len(b.mem.levels); n == 3 || n == 5 {
				b.failf("%s is of a session, whose space is all of a top entry only in tables of two or four levels", m.Name)
			}
			if b.err != nil || len(roots) == 0 {
				b.failf("%s is of session %d, which has no process", m.Name, n)
				return
			}
			pl := placer{b: b, root: roots[0], base: m.Base, pages: len(s.image.flat) / pageSize, file: f.Path, image: s.image}
			f.Pages = nil
			for i := range pl.pages {
				f.Pages = append(f.Pages, pl.place(i, m.Pages[i], s.image.flat[i*pageSize:][:pageSize]))
			}
			top := b.mem.index(m.Base, b.mem.shifts()[0])
			for _, r := range roots[1:] {
				b.mem.put(r>>12, top, b.mem.get(roots[0]>>12, top))
			}
		}
	}
}

// refreshKernel takes what was written to the kernel's variables into its facts.
func (b *builder) refreshKernel() {
	if b.err != nil {
		return
	}
	m := &b.facts.Modules[0]
	for _, p := range m.Pages {
		if at := p.Addr - m.Base; p.State == Resident {
			now, err := b.mem.resident(b.root, p.Addr)
			b.fail(err)
			copy(m.Memory[at:at+b.mem.page()], now)
		}
	}
}

// dropTable leaves the page table of a module out of the dump.
func (b *builder) dropTable(i int) error {
	region := func(va uint64) uint64 { return va / b.mem.largeSize() }
	mine := b.facts.Modules[i]
	for k, m := range b.facts.Modules {
		if k != i && (region(m.Base) == region(mine.Base) || region(m.Base+m.Size-1) == region(mine.Base)) {
			return fmt.Errorf("%w: %s shares the page table of %s", ErrSpec, m.Name, mine.Name)
		}
	}
	if region(mine.Base+mine.Size-1) != region(mine.Base) || slices.Contains([]uint64{region(b.lay.nonPaged), region(b.lay.pagedPool)}, region(mine.Base)) {
		return fmt.Errorf("%w: %s has more than one page table, or that of a pool", ErrSpec, mine.Name)
	}
	frame, err := b.mem.table(b.root, mine.Base, len(b.mem.shifts())-1)
	delete(b.mem.frames, frame)
	return err
}

// evict moves a page of the kernel to the next free page of pagefile 0.
func (b *builder) evict(va uint64) {
	page, err := b.mem.resident(b.root, va)
	b.fail(err)
	slot := b.freeSlot(0)
	pte, err := b.pte.pageFile(0, slot)
	b.fail(err)
	b.swap(0, uint64(slot)*b.mem.page(), page)
	if b.err == nil {
		b.fail(b.mem.evict(b.root, va, pte))
	}
}
