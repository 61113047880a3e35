package paging

import (
	"errors"
	"fmt"

	"github.com/symres/symres/memsource"
)

// Bits of an entry that never moved. Bit 11 alone does not make a transition
// entry: with the prototype bit set it means something else (Combined,
// ColdPage).
const (
	valid      = 1 << 0
	large      = 1 << 7
	prototype  = 1 << 10
	transition = 1 << 11
	softKind   = valid | prototype | transition
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
)

// software decodes a PTE the processor would refuse.
func (w *walker) software(va, pte uint64) (mapping, *memsource.Fault) {
	switch {
	case pte&prototype == 0:
		return w.soft(va, pte, false)
	case w.s.cfg.Layout.VADMarker.allOnes(pte):
		f := pageFault(memsource.NotMapped, va, pte)
		f.Err = ErrConsultVAD
		return w.consult(va, f)
	}
	at, v, err := w.readPrototype(pte)
	if err != nil {
		return mapping{}, prototypeFault(err, va, pte)
	}
	return w.prototype(va, at, v)
}

// consult asks the VAD tree about a page the tables leave to it. What it has no
// prototype PTE for stays the fault f.
func (w *walker) consult(va uint64, f *memsource.Fault) (mapping, *memsource.Fault) {
	if w.s.cfg.PrototypeOf == nil || f.Err != ErrConsultVAD {
		return mapping{}, f
	}
	at, ok := w.s.cfg.PrototypeOf(va)
	if !ok {
		return mapping{}, f
	}
	v, err := w.entryAt(at)
	if err != nil {
		return mapping{}, prototypeFault(err, va, f.PTE)
	}
	return w.prototype(va, at, v)
}

// soft decodes what a PTE and a prototype PTE have in common. An empty
// prototype PTE is a page of a section nobody touched; an empty PTE is none.
func (w *walker) soft(va, v uint64, proto bool) (mapping, *memsource.Fault) {
	l := &w.s.cfg.Layout
	switch {
	case v&softKind == transition:
		return w.s.geo.page(va, w.transitionFrame(v), v), nil
	case v == 0 && proto:
		return mapping{}, pageFault(memsource.DemandZero, va, v)
	case v == 0:
		return w.consult(va, w.emptyEntry(va, 0))
	case l.PageFile.of(v) == 0 && (l.PageFileOffset.of(v) == 0 || l.pageFileOffset(v) == 0):
		return mapping{}, pageFault(unwritten(l.Protection.of(v)), va, v)
	}
	f := pageFault(memsource.PagedOut, va, v)
	f.PageFile = int(l.PageFile.of(v))
	f.PageFileOffset = l.pageFileOffset(v) << pageShift
	if w.s.cfg.CompressionStores>>f.PageFile&1 != 0 {
		f.Reason = memsource.Compressed
	}
	return mapping{}, f
}

// unwritten says what an entry without any place means, by its protection.
func unwritten(protection uint64) memsource.Reason {
	switch protection {
	case 0, protDecommitted:
		return memsource.NotMapped
	case protNoAccess:
		return memsource.NoAccess
	}
	return memsource.DemandZero
}

// prototype decodes the prototype PTE of a page, v, which is at address at.
func (w *walker) prototype(va, at, v uint64) (mapping, *memsource.Fault) {
	l := &w.s.cfg.Layout
	switch {
	case v&valid != 0:
		return w.s.geo.page(va, v&w.s.geo.frame, v), nil
	case l.FileMask != 0 && v&l.FileMask == l.FileValue: // other bits mean nothing then
		f := pageFault(memsource.FileBacked, va, v)
		f.Err = errUnnamed
		return mapping{}, f
	case v&prototype != 0:
		return mapping{}, w.fileBacked(va, v, at)
	}
	return w.soft(va, v, true)
}

// readPrototype reads the prototype PTE and returns its address with it.
func (w *walker) readPrototype(pte uint64) (at, v uint64, err error) {
	if w.depth >= maxNesting {
		return 0, 0, errNesting
	}
	first, second := w.s.cfg.Layout.plain(pte)
	at, v, err = w.readPrototypeAt(first)
	if err != nil && first != second {
		if at, v, err2 := w.readPrototypeAt(second); err2 == nil {
			return at, v, nil
		}
	}
	return at, v, err
}

func (w *walker) readPrototypeAt(pte uint64) (at, v uint64, err error) {
	at, ok := w.s.cfg.Layout.Proto.decode(pte)
	if !ok {
		return 0, 0, errNoBase
	}
	v, err = w.entryAt(at)
	return at, v, err
}

// entryAt reads a prototype PTE.
func (w *walker) entryAt(at uint64) (uint64, error) {
	if w.depth >= maxNesting {
		return 0, errNesting
	}
	var b [8]byte
	p := b[:w.s.geo.entry]
	if _, err := w.s.read(w.phys, p, at, w.depth+1); err != nil {
		return 0, err
	}
	return w.s.geo.decode(p), nil
}

// prototypeFault is the fault of a page whose prototype PTE cannot be read:
// nothing is known of the page, and Err says why.
func prototypeFault(err error, va, pte uint64) *memsource.Fault {
	f := pageFault(memsource.TableNotInDump, va, pte)
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
	f := pageFault(memsource.FileBacked, va, v)
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
	frame := l.TransitionFrame.of(first) << pageShift
	if first != second && !w.has(frame) {
		if other := l.TransitionFrame.of(second) << pageShift; w.has(other) {
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

// noTable is the fault of an entry above level 0 that leads to no table.
func (w *walker) noTable(va, e uint64, lv int) *memsource.Fault {
	if e == 0 {
		return w.emptyEntry(va, lv)
	}
	_, f := w.soft(va, e, false)
	if f == nil || e&prototype != 0 {
		f = pageFault(memsource.NotMapped, va, e)
	}
	if f.Reason == memsource.PagedOut || f.Reason == memsource.Compressed {
		table := *f
		f = pageFault(memsource.TableNotInDump, va, e)
		f.Err = because("page table", &table)
	}
	f.Level, f.Len = int8(lv), rest(va, w.s.geo.levels[lv].shift)
	return f
}

// emptyEntry is the fault of an entry that is all zero. In the lower half,
// where processes live, tables are made as they are needed, so that only the
// VAD tree knows what is there.
func (w *walker) emptyEntry(va uint64, lv int) *memsource.Fault {
	f := memsource.NewFault(memsource.NotMapped, va, rest(va, w.s.geo.levels[lv].shift))
	f.Level = int8(lv)
	if va>>(w.s.geo.addrBits-1) == 0 {
		f.Err = ErrConsultVAD
	}
	return f
}

// pageFault is a fault for the rest of the page of va, found through entry.
func pageFault(r memsource.Reason, va, entry uint64) *memsource.Fault {
	f := memsource.NewFault(r, va, rest(va, pageShift))
	f.PTE = entry
	return f
}
