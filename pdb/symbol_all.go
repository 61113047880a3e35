package pdb

import (
	"errors"
	"iter"
	"slices"

	"github.com/symres/symres/internal/budget"
	"github.com/symres/symres/internal/codeview"
	"github.com/symres/symres/internal/msf"
	"github.com/symres/symres/internal/offsets"
)

// Symbols enumerates functions and variables the way Microsoft's debuggers
// list them: every private function, every variable and thread-local variable
// that is no part of a function, and every public whose address has none of
// these. Functions that were folded together are all listed. Kind tells where
// a symbol is from. Privates come first, by module; publics last.
//
// Damage is reported as by [File.Procs].
func (f *File) Symbols() iter.Seq2[Symbol, error] {
	return f.sequence(func(visit visitor) error {
		var taken []addressKey
		keep := func(s *Symbol, err error) bool {
			if err == nil && (s.Kind.IsProc() || s.Kind.IsData()) {
				taken = append(taken, makeKey(s.Segment, s.Offset))
			} else if err == nil && !s.Kind.IsThreadLocal() {
				return true
			}
			return visit(s, err)
		}
		if on, err := f.eachProc(Part{N: 1}, keep); !on || err != nil {
			return err
		}
		if on, err := f.eachOf(f.globals, keep); !on || err != nil {
			return err
		}
		sec, err := f.layout()
		if err != nil {
			return err
		}
		slices.Sort(taken)
		_, err = f.eachOf(f.publics, func(s *Symbol, err error) bool {
			if err == nil && sec.has(s.Segment) {
				if _, private := slices.BinarySearch(taken, makeKey(s.Segment, s.Offset)); private {
					return true
				}
			}
			return visit(s, err)
		})
		return err
	})
}

// Procs enumerates the functions of all modules: procedures, thunks,
// trampolines, and cold parts that lie apart from their procedure, under its
// name. A trampoline of an incremental-link table is named @ILT+N(target),
// where N is its offset in the table, as Microsoft's debuggers do. Size is that
// of the record.
//
// Damage gives an error, satisfying errors.Is(err, [ErrFormat]) and saying
// where, and the sequence goes on behind it, with the next module at the
// latest; an error of reading ends it.
func (f *File) Procs() iter.Seq2[Symbol, error] {
	return f.sequence(func(visit visitor) error {
		_, err := f.eachProc(Part{N: 1}, visit)
		return err
	})
}

// eachProc visits all functions of a part of the modules. It returns an
// error that ends the sequence, and whether to go on.
func (f *File) eachProc(part Part, visit visitor) (bool, error) {
	list, err := f.loadModules()
	if err != nil {
		return false, part.ofFirst(err)
	}
	sec, err := f.layout()
	if err != nil {
		return false, part.ofFirst(err)
	}
	pick := func(w *scopeWalk, sym *Symbol) (bool, error) { return f.procHere(w, sec, sym) }
	first, last := offsets.Share(list.len(), part.I, part.N)
	for m := first; m < last; m++ {
		on, err := f.walkModule(m, pick, visit)
		if errors.Is(err, ErrFormat) && !errors.Is(err, ErrLimit) { // the file lost bytes of this module, maybe not of others
			on, err = visit(new(Symbol), err), nil
		}
		if !on || err != nil {
			return on, err
		}
	}
	return list.bad == nil || part.I != part.N-1 || visit(new(Symbol), list.bad), nil
}

// procHere reads the current record if it is code, and passes over what
// belongs to it.
func (f *File) procHere(w *scopeWalk, sec *sections, sym *Symbol) (bool, error) {
	if !w.kind().IsCode() {
		return false, nil
	}
	ok, err := f.symbolHere(w, sec, sym)
	if err == nil {
		err = w.skipBody()
	}
	return ok, err
}

// coldName returns the name of the procedure an S_SEPCODE record belongs to:
// the one around it, or the one at the address its record names.
func (f *File) coldName(w *scopeWalk) ([]byte, error) {
	if at, ok := w.proc(); ok {
		return w.ms.nameAt(at)
	}
	o, err := f.outlineOf(w.ms)
	if err != nil {
		return nil, err
	}
	a, err := f.aroundIn(o.addrs, makeKey(u16(w.Rec, 30), u32(w.Rec, 24)))
	for _, at := range a.records {
		if name, err := w.ms.nameAt(at); name != nil || fatal(err) {
			return name, err
		}
	}
	return nil, err
}

// nameAt returns the name of the procedure record at off, nil when there is
// none.
func (ms *modStream) nameAt(off uint32) ([]byte, error) {
	w := ms.symbols.Walker()
	rec, err := codeview.RecordIn(&w, off)
	if err == nil {
		err = ms.s.Work().Spend(len(rec) + budget.PerRecord)
	}
	if err != nil || !Kind(u16(rec, 2)).IsProc() {
		return nil, err
	}
	name, _ := nameOf(rec)
	return name, nil
}

// visitor is shown one symbol after the other, and damage in its place: the
// Symbol is then an empty one. It is overwritten by the next, since to hand
// copies on takes as long as to read them, and must not be changed. A visitor
// that wants no more returns false.
type visitor = func(*Symbol, error) bool

// sequence is a sequence of symbols that ends with the error each returns, if
// it returns one. The file stays open while it is walked.
func (f *File) sequence(each func(visitor) error) iter.Seq2[Symbol, error] {
	return within(f, func(yield func(Symbol, error) bool) error {
		return each(func(sym *Symbol, err error) bool { return yield(*sym, err) })
	})
}

// eachOf visits all symbols of a table. It returns an error that ends the
// sequence, and whether to go on.
func (f *File) eachOf(table func() (*names, error), visit visitor) (bool, error) {
	t, err := table()
	if err != nil || t.gss == nil {
		return err == nil, err
	}
	set, err := t.offsets()
	if err != nil {
		return false, err
	}
	return f.eachIn(t, set, visit)
}

// eachIn is eachOf for some of the records.
func (f *File) eachIn(t *names, set *offsets.Set, visit visitor) (bool, error) {
	sec, err := f.layout()
	if err != nil {
		return false, err
	}
	w := msf.Walker{Stream: t.gss}
	count := budget.Tab{W: &f.msf.Work}
	var sym Symbol
	for off := range set.All() {
		if err := f.check(); err != nil {
			return false, err
		}
		rec, err := codeview.RecordIn(&w, off)
		if err != nil {
			if !errors.Is(err, ErrFormat) {
				return false, err
			}
			if !visit(new(Symbol), err) {
				return false, nil
			}
			continue
		}
		if err := count.Record(len(rec)); err != nil {
			return false, err
		}
		// Some writers index records that do not belong to the table as well.
		if t.symbol(&sym, rec, sec) && !visit(&sym, nil) {
			return false, nil
		}
	}
	return true, count.Pay()
}

// sequenceOf makes a sequence of what each yields, and behind that of the error it
// returns, if any but errStop.
func sequenceOf[T any](each func(yield func(T, error) bool) error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		if err := each(yield); err != nil && err != errStop {
			var none T
			yield(none, err)
		}
	}
}

// errStop ends a walk whose caller has seen enough.
var errStop = errors.New("stop")

// within is sequenceOf for a walk over the whole file, which stays open meanwhile.
func within[T any](f *File, each func(yield func(T, error) bool) error) iter.Seq2[T, error] {
	return granted(f, f.msf.Work.Whole(), each)
}

// granted is within for what may cost so much.
func granted[T any](f *File, most int64, each func(yield func(T, error) bool) error) iter.Seq2[T, error] {
	return sequenceOf(func(yield func(T, error) bool) error {
		q, err := f.ask(most)
		if err != nil {
			return err
		}
		defer q.end()
		return each(yield)
	})
}
