package pdb

import (
	"fmt"

	"github.com/symres/symres/internal/budget"
	"github.com/symres/symres/internal/msf"
)

// ilt is the incremental-link table as the PSI stream describes it: thunks of
// one size in one section, and where each jumps.
type ilt struct {
	psi     *msf.Stream
	targets uint32 // offset of the u32 target RVAs
	n, size uint32
	start   addressKey
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
func (t ilt) find(want addressKey) (i uint32, ok bool) {
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
func (f *File) thunkBelow(sec *sections, want addressKey) (Symbol, bool, error) {
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
	sec.place(&sym)
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
func (f *File) thunkName(p *publics, n uint32, target addressKey) ([]byte, error) {
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
func (p *publics) nameAt(want addressKey) ([]byte, error) {
	if p.psi == nil {
		return nil, nil
	}
	a, err := p.around(want)
	if err != nil || len(a.records) == 0 || a.key != want {
		return nil, err
	}
	rec, err := p.recordAt(a.first)
	if err == nil {
		err = p.gss.Work().Spend(len(rec) + budget.PerRecord + len(a.records)*perEntry)
	}
	if err != nil {
		return nil, err
	}
	name, _ := nameOf(rec)
	return name, nil
}
