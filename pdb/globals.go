package pdb

import (
	"errors"
	"iter"

	"github.com/symres/symres/internal/codeview"
	"github.com/symres/symres/internal/msf"
)

// globals is the table of the symbols that are not public: variables,
// constants, types by name, and references to the functions of the modules.
type globals struct {
	names
	data lazy[memoryMap] // the variables by address
}

func (f *File) loadGlobals() (*globals, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	return f.global.get(func() (*globals, error) { return readGlobals(f.msf, f.dbi) })
}

func readGlobals(m *msf.Container, d *dbi) (*globals, error) {
	g := new(globals)
	if d == nil || d.gsi == noStream || d.gss == noStream {
		return g, nil
	}
	gsi, err := m.Stream(d.gsi, "global symbol index")
	if err != nil {
		return nil, err
	}
	gss, err := m.Stream(d.gss, "symbol records")
	if err != nil {
		return nil, err
	}
	if g.table, err = loadTable(gsi, 0, gsi.Size); err != nil {
		return nil, err
	}
	g.gss, g.rest = gss, g.walk
	return g, nil
}

// walk finds the records of globals without the table, dead ones too, when the
// table is damaged.
func (g *globals) walk() (*offsetSet, error) {
	set := newOffsetSet(g.gss.Size)
	if g.table.bad == nil {
		return set, nil // the table is just empty
	}
	r := recordsOf(msf.Area{Stream: g.gss, End: g.gss.Size})
	for r.Step() {
		if g.holds(r.kind()) {
			set.add(r.Off)
		}
	}
	if fatal(r.Err) {
		return nil, r.Err
	}
	return set, nil
}

// Globals enumerates what the table of globals refers to, in the order of the
// records: variables, constants, types by name, and a reference for each
// function, which [File.GlobalsByName] follows. Each record comes once. Variables of
// functions are not among them; see [Module.Symbols].
//
// A damaged record gives an error, satisfying errors.Is(err, [ErrFormat]), in
// its place and the sequence goes on; an error of reading ends it.
func (f *File) Globals() iter.Seq2[Symbol, error] {
	return f.sequence(func(visit visitor) error {
		g, err := f.loadGlobals()
		if err != nil {
			return err
		}
		_, err = f.eachOf(&g.names, visit)
		return err
	})
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
func (f *File) eachOf(t *names, visit visitor) (bool, error) {
	if t.gss == nil {
		return true, nil
	}
	set, err := t.offsets()
	if err != nil {
		return false, err
	}
	return f.eachIn(t, set, visit)
}

// eachIn is eachOf for some of the records.
func (f *File) eachIn(t *names, set *offsetSet, visit visitor) (bool, error) {
	sec, err := f.placer()
	if err != nil {
		return false, err
	}
	w := msf.Walker{Stream: t.gss}
	count := msf.Tab{W: &f.msf.Work}
	var sym Symbol
	all := set.walk()
	for off, ok := all.next(); ok; off, ok = all.next() {
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

// placeSymbol fills in the RVA of a symbol that has an address. Where a
// thread-local variable lies is only the place of its first value. A symbol without
// RVA that is not absolute has no known place: the PDB has no section headers, or it
// was removed when the image was rearranged after linking.
func (s *sections) placeSymbol(sym *Symbol) {
	if sym.Kind.IsThreadLocal() {
		return
	}
	if sym.RVA, sym.HasRVA = s.place(sym.Segment, sym.Offset); !sym.HasRVA {
		sym.Absolute = len(s.orig) > 0 && !s.has(sym.Segment)
	}
}

// resolve follows a reference to a function into its module and returns the
// symbol there. Any other symbol is returned as it is. A reference that leads
// nowhere is returned together with an error that satisfies
// errors.Is(err, [ErrFormat]); other errors come from reading.
func (f *File) resolve(sym Symbol) (Symbol, error) {
	if !sym.Kind.isRef() {
		return sym, f.check()
	}
	sec, err := f.placer()
	if err != nil {
		return sym, err
	}
	ms, err := f.openModule(int(sym.Module) - 1)
	if err != nil {
		return sym, err
	}
	target, err := f.moduleSymbol(ms, sym.ref, sec)
	if err == nil && !sym.Kind.refersTo(target.Kind) {
		err = damage(ms.s.Name, int64(sym.ref), "%v leads to a %v", sym.Kind, target.Kind)
	}
	if err != nil {
		return sym, err
	}
	return target, nil
}

// moduleSymbol reads the symbol at off of the stream of a module.
func (f *File) moduleSymbol(ms *modStream, off uint32, sec *sections) (Symbol, error) {
	if ms.s == nil || off < ms.symbols.Off || off >= ms.symbols.End {
		return Symbol{}, damage("references to modules", int64(off), "module %d has no record there", ms.num+1)
	}
	rec, err := codeview.RecordAt(ms.s, off)
	if err == nil {
		err = f.msf.Work.Spend(len(rec) + msf.PerRecord)
	}
	if err != nil {
		return Symbol{}, err
	}
	w := scopeWalk{recordWalk: recordWalk{codeview.Records{Off: off, Rec: rec}}, ms: ms}
	var sym Symbol
	ok, err := f.symbolHere(&w, sec, &sym)
	if err == nil && !ok {
		err = damage(ms.s.Name, int64(off), "%v is no symbol to refer to", w.kind())
	}
	return sym, err
}
