package paging

import (
	"errors"
	"fmt"

	"github.com/symres/symres/memsource"
)

// Bits of an entry that the processor knows.
const (
	valid = 1 << 0
	large = 1 << 7 // of x86 and x64
)

// Protection values that are no protection (MM_DECOMMIT, MM_NOACCESS).
const (
	protDecommitted = 0x10
	protNoAccess    = 0x18
)

// maxNesting bounds how often the page of a prototype PTE may itself be mapped
// through a prototype PTE. Real kernels need two.
const maxNesting = 5

var (
	errNesting    = errors.New("prototype PTEs lead to prototype PTEs without end")
	errNoBase     = errors.New("the base its address is relative to is not known")
	errUnnamed    = errors.New("the entry does not tell its subsection")
	errNoResolver = errors.New("no way to read file names was given")
	errReserved   = errors.New("the entry has a form that is reserved")
)

// software decodes a PTE the processor would refuse.
func (w *walker) software(va, pte uint64) (mapping, *memsource.Fault) {
	switch {
	case pte == 0:
		return w.empty(va, 0)
	case w.s.cfg.Layout.Prototype.of(pte) == 0:
		return w.soft(va, pte)
	case w.s.cfg.Layout.VADMarker.allOnes(pte):
		f := w.pageFault(memsource.ReasonNotMapped, va, pte)
		f.Err = ErrConsultVAD
		return w.consultVAD(f)
	}
	return w.prototype(va, pte, w.s.cfg.Layout.Proto)
}

// soft decodes what a PTE and a prototype PTE have in common, the empty ones
// excepted.
func (w *walker) soft(va, v uint64) (mapping, *memsource.Fault) {
	l := &w.s.cfg.Layout
	switch {
	case l.inTransition(v):
		return w.s.geo.pageAt(va, w.transitionFrame(v), v), nil
	case l.PageFile.of(v) == 0 && (l.PageFileOffset.of(v) == 0 || l.pageFileOffset(v) == 0):
		return mapping{}, w.pageFault(unwritten(l.Protection.of(v)), va, v)
	}
	f := w.pageFault(memsource.ReasonPagedOut, va, v)
	f.PageFile = int(l.PageFile.of(v))
	f.PageFileOffset = l.pageFileOffset(v) << w.s.geo.pageShift()
	if w.s.cfg.CompressionStores>>f.PageFile&1 != 0 {
		f.Reason = memsource.ReasonCompressed
		return mapping{}, f
	}
	return w.swappedIn(f)
}

// unwritten says what an entry without any place means, by its protection.
func unwritten(protection uint64) memsource.Reason {
	switch protection {
	case 0, protDecommitted:
		return memsource.ReasonNotMapped
	case protNoAccess:
		return memsource.ReasonNoAccess
	}
	return memsource.ReasonDemandZero
}

// prototype follows a PTE to the prototype PTE it names in the form of a.
func (w *walker) prototype(va, pte uint64, a Address) (mapping, *memsource.Fault) {
	at, v, err := w.readPrototype(pte, a)
	if err != nil {
		return mapping{}, w.prototypeFault(err, va, pte)
	}
	return w.throughPrototype(va, v, at)
}

// throughPrototype decodes the prototype PTE v, which lies at at. An empty one
// is a page of a section nobody touched.
func (w *walker) throughPrototype(va, v, at uint64) (mapping, *memsource.Fault) {
	l := &w.s.cfg.Layout
	switch {
	case v == 0:
		return mapping{}, w.pageFault(memsource.ReasonDemandZero, va, v)
	case v&valid != 0:
		return w.s.geo.pageAt(va, v&w.s.geo.frame, v), nil
	case l.FileMask != 0 && v&l.FileMask == l.FileValue: // other bits mean nothing then
		f := w.pageFault(memsource.ReasonFileBacked, va, v)
		f.Err = errUnnamed
		return mapping{}, f
	case l.Prototype.of(v) != 0:
		return mapping{}, w.fileBacked(va, v, at)
	}
	return w.soft(va, v)
}

// readPrototype reads the prototype PTE and returns its address with it.
func (w *walker) readPrototype(pte uint64, a Address) (at, v uint64, err error) {
	if w.depth >= maxNesting {
		return 0, 0, errNesting
	}
	first, second := w.s.cfg.Layout.plain(pte)
	at, v, err = w.decodePrototype(first, a)
	if err != nil && first != second {
		if at, v, err2 := w.decodePrototype(second, a); err2 == nil {
			return at, v, nil
		}
	}
	return at, v, err
}

func (w *walker) decodePrototype(pte uint64, a Address) (at, v uint64, err error) {
	at, ok := a.decode(pte)
	if !ok {
		return 0, 0, errNoBase
	}
	v, err = w.prototypeAt(at)
	return at, v, err
}

// prototypeAt reads the prototype PTE at a virtual address.
func (w *walker) prototypeAt(at uint64) (uint64, error) {
	var b [8]byte
	p := b[:w.s.geo.entry]
	if _, err := w.s.read(w.phys, p, at, w.depth+1); err != nil {
		return 0, err
	}
	return w.s.geo.decode(p), nil
}

// prototypeFault is the fault of a page whose prototype PTE cannot be read:
// nothing is known of the page, and Err says why.
func (w *walker) prototypeFault(err error, va, pte uint64) *memsource.Fault {
	f := w.pageFault(memsource.ReasonTableNotInDump, va, pte)
	f.Err = because("prototype PTE", err)
	if below, ok := errors.AsType[*memsource.Fault](err); ok {
		keepTrouble(f, below)
	}
	return f
}

// because says what failed on the way to the page. Only a paged-out table makes
// the page match its sentinels too: that a prototype PTE's own page is, say, not
// mapped does not mean that the page is not.
func because(what string, err error) error {
	if errors.Is(err, memsource.ErrPagedOut) {
		return fmt.Errorf("%s: %w", what, err)
	}
	return fmt.Errorf("%s: %v", what, err)
}

// fileBacked is the fault of a page that is in a file; v is the subsection form
// found in the prototype PTE at address at.
func (w *walker) fileBacked(va, v, at uint64) *memsource.Fault {
	f := w.pageFault(memsource.ReasonFileBacked, va, v)
	if w.depth > 0 {
		return f // read on behalf of a translation or a resolver: no one asks for the name
	}
	f.File, f.FileOffset, f.Err = w.resolve(v, at)
	return f
}

func (w *walker) resolve(v, at uint64) (string, uint64, error) {
	if w.s.cfg.ResolveFile == nil {
		return "", 0, errNoResolver
	}
	first, second := w.s.cfg.Layout.plain(v)
	file, off, err := w.resolveAs(first, at)
	if err != nil && first != second {
		if file, off, err2 := w.resolveAs(second, at); err2 == nil {
			return file, off, nil
		}
	}
	return file, off, err
}

func (w *walker) resolveAs(v, at uint64) (string, uint64, error) {
	sub, ok := w.s.cfg.Layout.Subsection.decode(v)
	if !ok {
		return "", 0, fmt.Errorf("subsection: %w", errNoBase)
	}
	return w.s.cfg.ResolveFile(inner{w.s, w.phys, w.depth + 1}, sub, at)
}

// transitionFrame returns the frame of a transition entry. Where two readings
// are possible the one that physical memory has is taken.
func (w *walker) transitionFrame(e uint64) uint64 {
	l := &w.s.cfg.Layout
	first, second := l.plain(e)
	frame := l.TransitionFrame.of(first) << w.s.geo.pageShift()
	if first != second && !w.has(frame) {
		if other := l.TransitionFrame.of(second) << w.s.geo.pageShift(); w.has(other) {
			return other
		}
	}
	return frame
}

// has reports whether physical memory has the page at pa.
func (w *walker) has(pa uint64) bool {
	_, err := w.phys.ReadMemory(w.one[:1], pa)
	return err == nil
}

// outTable finds the table behind an entry above level 0 that is not valid:
// tables are pageable as well.
func (w *walker) outTable(va, e uint64, lv int) (mapping, *memsource.Fault) {
	f := w.pageFault(memsource.ReasonNotMapped, va, e)
	if w.s.cfg.Layout.Prototype.of(e) == 0 {
		m, sf := w.soft(va&^(1<<w.s.geo.pageShift()-1), e)
		if sf == nil {
			return m, nil
		}
		f.Reason, f.Status = sf.Reason, sf.Status
		if sf.Reason == memsource.ReasonPagedOut || sf.Reason == memsource.ReasonCompressed {
			f = w.pageFault(memsource.ReasonTableNotInDump, va, e)
			sf.Addr = va
			f.Err = because("page table", sf)
		}
	}
	f.Level, f.Len = int8(lv), rest(va, w.s.geo.levels[lv].shift)
	return mapping{}, f
}

// empty is what an entry that is all zero means. In the lower half, where
// processes live, tables are made as they are needed, so that only the VAD
// tree knows what is there.
func (w *walker) empty(va uint64, lv int) (mapping, *memsource.Fault) {
	f := memsource.NewFault(memsource.ReasonNotMapped, va, rest(va, w.s.geo.levels[lv].shift))
	f.Level = int8(lv)
	if w.s.geo.upper(va) {
		return mapping{}, f
	}
	f.Err = ErrConsultVAD
	return w.consultVAD(f)
}

// consultVAD asks the VAD tree about the page of f, the fault to give when it
// does not know either: then of that page alone, for of the next it may. It is
// not asked on behalf of a translation.
func (w *walker) consultVAD(f *memsource.Fault) (mapping, *memsource.Fault) {
	if w.s.cfg.PrototypeOf == nil || w.depth > 0 {
		return mapping{}, f
	}
	f.Len = w.s.geo.page(f.Addr)
	at, ok := w.s.cfg.PrototypeOf(f.Addr)
	if !ok {
		return mapping{}, f
	}
	v, err := w.prototypeAt(at)
	if err != nil {
		return mapping{}, w.prototypeFault(err, f.Addr, f.PTE)
	}
	return w.throughPrototype(f.Addr, v, at)
}

// pageFault is a fault for the rest of the page of va, found through entry.
func (w *walker) pageFault(r memsource.Reason, va, entry uint64) *memsource.Fault {
	f := memsource.NewFault(r, va, w.s.geo.page(va))
	f.PTE = entry
	return f
}
