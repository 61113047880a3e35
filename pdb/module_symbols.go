package pdb

import (
	"cmp"
	"iter"

	"github.com/symres/symres/internal/codeview"
)

// scopeWalk walks the records of a module and keeps track of the scopes they
// open. It belongs to one goroutine.
type scopeWalk struct {
	recordWalk
	ms    *modStream
	open  []bool   // the records whose end has not come yet: which of them are procedures
	procs []uint32 // where the records of those lie
}

func (ms *modStream) scopes() scopeWalk { return scopeWalk{recordWalk: recordsOf(ms.symbols), ms: ms} }

// step moves to the next record. The scope it opens or closes counts from the
// record behind it.
func (w *scopeWalk) step() bool {
	if w.Rec != nil {
		w.track()
	}
	return w.recordWalk.Step()
}

// track enters or leaves the scope of the current record. Ends without a
// beginning are passed over: some tools leave them behind.
func (w *scopeWalk) track() {
	switch k := w.kind(); {
	case k.opens():
		if w.open = append(w.open, k.IsProc()); k.IsProc() {
			w.procs = append(w.procs, w.Off)
		}
	case k.closes() && len(w.open) > 0:
		last := len(w.open) - 1
		if w.open[last] {
			w.procs = w.procs[:len(w.procs)-1]
		}
		w.open = w.open[:last]
	}
}

// proc returns where the record of the innermost open procedure lies.
func (w *scopeWalk) proc() (at uint32, ok bool) {
	if n := len(w.procs); n > 0 {
		return w.procs[n-1], true
	}
	return 0, false
}

const endField = 8 // of a record that opens a scope: offset of its end record

// skipBody goes on behind the end of the scope the current record opens, when
// the record says rightly where that is. It need not: the walk then just takes
// one record after the other.
func (w *recordWalk) skipBody() error {
	if len(w.Rec) < endField+4 || !w.kind().opens() {
		return nil
	}
	end := u32(w.Rec, endField)
	if end < w.Next || end%4 != 0 || end >= w.End || codeview.RecordHead > w.End-end {
		return nil
	}
	rec, err := w.W.Span(end, codeview.RecordHead)
	if err != nil {
		return err
	}
	n := uint32(u16(rec, 0)) + codeview.LenField
	if n < codeview.RecordHead || !Kind(u16(rec, 2)).closes() || n > w.End-end {
		return nil
	}
	w.Rec, w.Next = nil, end+n // nothing was opened for it
	return nil
}

// Symbols enumerates the symbols of the module in the order of their
// records, as far as they have an address or are known by name outside a
// function: procedures, thunks, trampolines, cold parts, blocks, labels,
// variables, constants, types by name, and of the linker's module sections
// and COFF groups. InFunction marks those that belong to a function.
// Parameters and local variables are not among them.
//
// A damaged record gives an error, satisfying errors.Is(err, [ErrFormat]) and
// saying where, in its place; an error of reading ends the sequence.
func (m Module) Symbols() iter.Seq2[Symbol, error] {
	f := m.f
	return f.sequence(func(visit visitor) error {
		sec, err := f.layout()
		if err = cmp.Or(err, m.err); err != nil {
			return err
		}
		_, err = f.walkModule(m.num, func(w *scopeWalk, sym *Symbol) (bool, error) {
			ok, err := f.symbolHere(w, sec, sym)
			_, sym.InFunction = w.proc()
			return ok, err
		}, visit)
		return err
	})
}

// walkModule visits what pick takes from the records of module i, counted from
// 0. Damage is shown too; what it returns is an error of reading, and whether to
// go on.
func (f *File) walkModule(i int, pick func(*scopeWalk, *Symbol) (bool, error), visit visitor) (bool, error) {
	ms, err := f.openModule(i)
	if fatal(err) || err == nil && ms.s == nil {
		return true, err
	}
	if err != nil {
		return visit(new(Symbol), err), nil
	}
	w := ms.scopes()
	var sym Symbol
	for w.step() {
		ok, err := pick(&w, &sym)
		if fatal(err) {
			return false, err
		}
		if !ok && err == nil {
			continue
		}
		if err := f.check(); err != nil {
			return false, err
		}
		if !visit(&sym, err) {
			return false, nil
		}
	}
	if ms.bad != nil && !fatal(w.Err) {
		w.Err = ms.bad // records that make no sense follow from it
	}
	if fatal(w.Err) {
		return false, w.Err
	}
	return w.Err == nil || visit(new(Symbol), w.Err), nil
}

// symbolHere reads the symbol of the current record; ok is false when it is
// none.
func (f *File) symbolHere(w *scopeWalk, sec *sections, sym *Symbol) (ok bool, err error) {
	if !sym.parse(w.Rec) {
		kind := w.kind()
		*sym = Symbol{}
		if _, known := formOf(kind); known {
			err = damage(w.ms.s.Name, int64(w.Off), "%v of %d bytes is cut off", kind, len(w.Rec))
		}
		return false, err
	}
	if sym.Kind.isRef() || sym.Kind.IsPublic() {
		return false, nil
	}
	sym.Module = uint16(w.ms.num + 1)
	sec.place(sym)
	switch sym.Kind {
	case KindTrampoline:
		sym.name, err = f.trampolineName(w.Rec)
	case KindSepCode:
		sym.ref = w.Off
		sym.name, err = f.coldName(w)
	}
	return true, err
}
