package pdb

import (
	"errors"
	"fmt"
	"iter"

	"github.com/symres/symres/internal/codeview"
	"github.com/symres/symres/internal/msf"
)

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
	sec, err := f.placer()
	if err != nil {
		return false, part.ofFirst(err)
	}
	pick := func(w *scopeWalk, sym *Symbol) (bool, error) { return f.procHere(w, sec, sym) }
	first, last := share(list.len(), part.I, part.N)
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
		err = ms.s.Work().Spend(len(rec) + msf.PerRecord)
	}
	if err != nil || !Kind(u16(rec, 2)).IsProc() {
		return nil, err
	}
	name, _ := nameOf(rec)
	return name, nil
}

// ilt is the incremental-link table as the PSI stream describes it: thunks of
// one size in one section, and where each jumps.
type ilt struct {
	psi     *msf.Stream
	targets uint32 // offset of the u32 target RVAs
	n, size uint32
	start   addrKey
}

// loadILT reads the description of the incremental-link table. A PDB without
// one, or with one that cannot be, has an empty table.
func (p *publics) loadILT(h []byte) ilt {
	t := ilt{psi: p.psi, targets: p.addrs.off + p.addrs.n*4, n: u32(h, 8), size: u32(h, 12),
		start: makeKey(u16(h, 16), u32(h, 20))}
	room := (p.psi.Size - min(t.targets, p.psi.Size)) / 4
	if p.addrs.psi == nil || t.size == 0 || t.n > room || uint64(t.start.off())+uint64(t.n)*uint64(t.size) > 1<<32 {
		return ilt{}
	}
	return t
}

// find returns the number of the thunk at or nearest below an address; ok is
// false for addresses before the table and in other sections.
func (t ilt) find(want addrKey) (i uint32, ok bool) {
	if t.n == 0 || want.seg() != t.start.seg() || want < t.start {
		return 0, false
	}
	return min((want.off()-t.start.off())/t.size, t.n-1), true
}

// target returns the RVA, as linked, thunk i jumps to.
func (t ilt) target(i uint32) (uint32, error) {
	var b [4]byte
	err := t.psi.Read(b[:], t.targets+i*4)
	return u32(b[:], 0), err
}

// thunkBelow returns the thunk of the incremental-link table at or nearest
// below an address.
func (f *File) thunkBelow(sec *sections, want addrKey) (Symbol, bool, error) {
	p, err := f.loadPublics()
	if err != nil {
		return Symbol{}, false, err
	}
	i, ok := p.ilt.find(want)
	if !ok {
		return Symbol{}, false, nil
	}
	sym, err := f.thunk(sec, p, i)
	return sym, true, err
}

// thunk returns thunk i of the incremental-link table.
func (f *File) thunk(sec *sections, p *publics, i uint32) (Symbol, error) {
	rva, err := p.ilt.target(i)
	if err != nil {
		return Symbol{}, err
	}
	sym := Symbol{Kind: KindTrampoline, Segment: p.ilt.start.seg(), Offset: p.ilt.start.off() + i*p.ilt.size, Size: p.ilt.size}
	sec.placeSymbol(&sym)
	seg, off, _ := sec.locateLinked(rva)
	sym.name, err = f.thunkName(p, i*p.ilt.size, makeKey(seg, off))
	return sym, err
}

// trampolineName names an S_TRAMPOLINE after its target.
func (f *File) trampolineName(rec []byte) ([]byte, error) {
	p, err := f.loadPublics()
	if err != nil {
		return nil, err
	}
	thunk, target := makeKey(u16(rec, 16), u32(rec, 8)), makeKey(u16(rec, 18), u32(rec, 12))
	start := p.ilt.start
	if _, ok := p.ilt.find(thunk); !ok {
		// Without a description the table begins with its contribution.
		c, ok, err := f.contribAt(thunk.seg(), thunk.off())
		if fatal(err) {
			return nil, err
		}
		start = thunk
		if ok {
			start = makeKey(c.sect, c.off)
		}
	}
	return f.thunkName(p, thunk.off()-start.off(), target)
}

// thunkName returns @ILT+N(name of the target).
func (f *File) thunkName(p *publics, n uint32, target addrKey) ([]byte, error) {
	name, err := p.nameAt(target)
	if err != nil {
		return nil, err
	}
	if name == nil {
		name = fmt.Appendf(nil, "%04x:%08x", target.seg(), target.off())
	}
	return fmt.Appendf(nil, "@ILT+%d(%s)", n, name), nil
}

// nameAt returns the first public at exactly an address, nil if there is none.
func (p *publics) nameAt(want addrKey) ([]byte, error) {
	if p.psi == nil {
		return nil, nil
	}
	a, err := p.around(want)
	if err != nil || len(a.records) == 0 || a.key != want {
		return nil, err
	}
	rec, err := p.recordAt(a.first)
	if err == nil {
		err = p.gss.Work().Spend(len(rec) + msf.PerRecord + len(a.records)*perEntry)
	}
	if err != nil {
		return nil, err
	}
	name, _ := nameOf(rec)
	return name, nil
}
