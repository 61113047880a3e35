package pdb

import (
	"errors"
	"iter"

	"github.com/symres/symres/internal/budget"
	"github.com/symres/symres/internal/codeview"
	"github.com/symres/symres/internal/kept"
	"github.com/symres/symres/internal/msf"
	"github.com/symres/symres/internal/offsets"
)

// globals is the table of the symbols that are not public: variables,
// constants, types by name, and references to the functions of the modules.
type globals struct {
	names
	data kept.Value[memoryMap] // the variables by address
}

func (f *File) loadGlobals() (*globals, error) { return load(f, &f.global, f.readGlobals) }

func (f *File) readGlobals() (*globals, error) {
	g := new(globals)
	gsi, gss, err := f.symbolIndex(f.dbi.gsi, "global symbol index")
	if gsi == nil || err != nil {
		return g, err
	}
	if g.table, err = loadTable(gsi, 0, gsi.Size); err != nil {
		return nil, err
	}
	g.gss, g.rest = gss, g.walk
	return g, nil
}

// globals returns the names of [File.loadGlobals].
func (f *File) globals() (*names, error) {
	g, err := f.loadGlobals()
	if err != nil {
		return nil, err
	}
	return &g.names, nil
}

// publics returns the names of [File.loadPublics].
func (f *File) publics() (*names, error) {
	p, err := f.loadPublics()
	if err != nil {
		return nil, err
	}
	return &p.names, nil
}

// symbolIndex opens an index of symbols and the records it leads to, nil if the PDB
// lacks either.
func (f *File) symbolIndex(num uint32, what string) (index, records *msf.Stream, err error) {
	if f.dbi.gss == noStream {
		return nil, nil, nil
	}
	if index, err = f.stream(num, what); index == nil || err != nil {
		return nil, nil, err
	}
	records, err = f.msf.Stream(f.dbi.gss, "symbol records")
	return index, records, err
}

// walk finds the records of globals without the table, dead ones too, when the
// table is damaged.
func (g *globals) walk() (*offsets.Set, error) {
	set := offsets.New(g.gss.Size)
	if g.table.bad == nil {
		return set, nil // the table is just empty
	}
	r := recordsOf(msf.Area{Stream: g.gss, End: g.gss.Size})
	for r.Step() {
		if g.holds(r.kind()) {
			set.Add(r.Off)
		}
	}
	if fatal(r.Err) {
		return nil, r.Err
	}
	return set, nil
}

// Globals enumerates the records in the table of globals, in their order:
// variables, constants, names of types, and a reference for each function,
// which [File.GlobalsByName] follows. Each record is yielded once. Variables
// inside functions are not included; see [Module.Symbols].
//
// A damaged record gives an error, satisfying errors.Is(err, [ErrFormat]), in
// its place and the sequence goes on; an error of reading ends it.
func (f *File) Globals() iter.Seq2[Symbol, error] {
	return f.sequence(func(visit visitor) error {
		_, err := f.eachOf(f.globals, visit)
		return err
	})
}

// place fills in the RVA of a symbol that has an address. Where a
// thread-local variable lies is only the place of its first value. A symbol without
// RVA that is not absolute has no known place: the PDB has no section headers, or it
// was removed when the image was rearranged after linking.
func (s *sections) place(sym *Symbol) {
	if sym.Kind.IsThreadLocal() {
		return
	}
	if sym.RVA, sym.HasRVA = s.rva(sym.Segment, sym.Offset); !sym.HasRVA {
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
	sec, err := f.layout()
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
		err = f.msf.Work.Spend(len(rec) + budget.PerRecord)
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

// publics is what is kept of the PSI stream: where its parts lie.
type publics struct {
	names
	psi    *msf.Stream             // nil: the PDB has no publics
	addrs  diskMap                 // the address map
	mapErr error                   // why the address map cannot be used
	ilt    ilt                     // the incremental-link table
	sized  kept.Tally              // sizes asked for before what tells them was read as a whole
	byAddr kept.Value[memoryMap]   // when addrs is bad
	set    kept.Value[offsets.Set] // what PublicsPart divides
}

const psiHead = 28

// loadPublics reads the head of the PSI stream.
func (f *File) loadPublics() (*publics, error) { return load(f, &f.pubs, f.readPublics) }

func (f *File) readPublics() (*publics, error) {
	p := &publics{names: names{public: true}}
	psi, gss, err := f.symbolIndex(f.dbi.psi, "public symbol index")
	if psi == nil || err != nil || psi.Size == 0 {
		return p, err
	}
	var h [psiHead]byte
	if err := psi.Read(h[:], 0); err != nil {
		return nil, err
	}
	tableBytes, mapBytes := u32(h[:], 0), u32(h[:], 4)
	if p.table, err = loadTable(psi, psiHead, tableBytes); err != nil {
		return nil, err
	}
	p.psi, p.gss, p.rest = psi, gss, p.listed
	p.layMap(tableBytes, mapBytes)
	p.ilt = p.loadILT(h[:])
	return p, nil
}

// layMap finds the address map behind the name table.
func (p *publics) layMap(tableBytes, mapBytes uint32) {
	rest := p.psi.Size - psiHead
	if tableBytes > rest || mapBytes > rest-tableBytes || mapBytes%4 != 0 {
		p.mapErr = damage(p.psi.Name, 4, "address map of %d bytes does not fit %d", mapBytes, p.psi.Size)
		return
	}
	p.addrs = diskMap{psi: p.psi, gss: p.gss, off: psiHead + tableBytes, n: mapBytes / 4}
	if p.table.n != p.addrs.n {
		p.mapErr = damage(p.psi.Name, 4, "address map of %d entries for %d hash records", p.addrs.n, p.table.n)
	}
}

// Publics enumerates the public symbols in the order their records lie in.
// They are taken from the hash records, each record once: the record stream
// also holds dead records that no table refers to.
//
// A damaged record gives an error, satisfying errors.Is(err, [ErrFormat]), in
// its place and the sequence goes on; an error of reading ends it. Size is not
// filled in; see [File.SizeOf].
func (f *File) Publics() iter.Seq2[Symbol, error] {
	return f.sequence(func(visit visitor) error {
		_, err := f.eachOf(f.publics, visit)
		return err
	})
}

// Part is part I, counted from 0, of N of a File, for use by several goroutines at
// once: the parts of a sequence one after the other are the whole of it. Where nothing
// can be read part 0 says so. A Symbol is overwritten by the next and must not be
// changed.
type Part struct {
	File *File
	I, N int
}

// granted is what a walk over the part may cost.
func (p Part) granted() int64 { return p.File.msf.Work.Whole() / int64(max(p.N, 1)) }

// Publics enumerates the part of [File.Publics].
func (p Part) Publics() iter.Seq2[*Symbol, error] {
	return granted(p.File, p.granted(), func(visit func(*Symbol, error) bool) error {
		t, err := p.File.loadPublics()
		if err != nil || t.gss == nil {
			return p.ofFirst(err)
		}
		set, err := t.set.Get(t.kept)
		if err != nil {
			return p.ofFirst(err)
		}
		part := set.Part(p.I, p.N)
		_, err = p.File.eachIn(&t.names, &part, visit)
		return err
	})
}

// Procs enumerates the part of [File.Procs].
func (p Part) Procs() iter.Seq2[*Symbol, error] {
	return granted(p.File, p.granted(), func(visit func(*Symbol, error) bool) error {
		_, err := p.File.eachProc(p, visit)
		return err
	})
}

// kept returns the offsets of all publics, to be held.
func (p *publics) kept() (*offsets.Set, error) {
	set, err := p.offsets()
	if err == nil {
		p.gss.Container.Hold(set.Bytes())
	}
	return set, err
}

// ofFirst leaves an error that all parts have to part 0.
func (p Part) ofFirst(err error) error {
	if p.I > 0 && !errors.Is(err, ErrClosed) {
		return nil
	}
	return err
}

// listed returns the records the address map lists. Like the hash records it
// refers to live ones only.
func (p *publics) listed() (*offsets.Set, error) {
	set := offsets.New(p.gss.Size)
	w := msf.Walker{Stream: p.psi}
	for i := range p.addrs.n {
		b, err := w.Span(p.addrs.off+i*4, 4)
		if err != nil {
			return nil, err
		}
		set.Add(u32(b, 0))
	}
	if p.addrs.n == 0 {
		return set, p.table.bad // nil for a table that is just empty
	}
	return set, nil
}
