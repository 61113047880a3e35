package pdb

import (
	"errors"
	"iter"
	"math/bits"
	"slices"
)

// publics is what is kept of the PSI stream: where its parts lie.
type publics struct {
	psi, gss *stream // nil: the PDB has no publics
	table    *nameTable
	addrs    diskMap // the address map
	mapErr   error   // why the address map cannot be used
	ilt      ilt
	byHash   lazy[[]uint64]  // hash<<32 | offset, sorted: when table is bad
	byAddr   lazy[memoryMap] // when addrs is bad
}

const psiHead = 28

// loadPublics reads the head of the PSI stream.
func (f *File) loadPublics() (*publics, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	return f.pubs.get(func() (*publics, error) { return readPublics(f.msf, f.dbi) })
}

func readPublics(m *msf, d *dbi) (*publics, error) {
	p := new(publics)
	if d == nil || d.psi == noStream || d.gss == noStream {
		return p, nil
	}
	psi, err := m.stream(d.psi, "public symbol index")
	if err != nil {
		return nil, err
	}
	gss, err := m.stream(d.gss, "symbol records")
	if err != nil {
		return nil, err
	}
	if psi.size == 0 {
		return p, nil
	}
	var h [psiHead]byte
	if err := psi.read(h[:], 0); err != nil {
		return nil, err
	}
	tableBytes, mapBytes := u32(h[:], 0), u32(h[:], 4)
	if p.table, err = loadTable(psi, psiHead, tableBytes); err != nil {
		return nil, err
	}
	p.psi, p.gss = psi, gss
	p.layMap(tableBytes, mapBytes)
	p.ilt = p.loadILT(h[:])
	return p, nil
}

// layMap finds the address map behind the name table.
func (p *publics) layMap(tableBytes, mapBytes uint32) {
	rest := p.psi.size - psiHead
	if tableBytes > rest || mapBytes > rest-tableBytes || mapBytes%4 != 0 {
		p.mapErr = damage(p.psi.name, 4, "address map of %d bytes does not fit %d", mapBytes, p.psi.size)
		return
	}
	p.addrs = diskMap{psi: p.psi, gss: p.gss, off: psiHead + tableBytes, n: mapBytes / 4}
	if p.table.n != p.addrs.n {
		p.mapErr = damage(p.psi.name, 4, "address map of %d entries for %d hash records", p.addrs.n, p.table.n)
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
	return func(yield func(Symbol, error) bool) {
		p, err := f.loadPublics()
		if err == nil && p.psi == nil {
			return
		}
		var set *offsetSet
		if err == nil {
			set, err = p.offsets()
		}
		var sec *sections
		if err == nil {
			sec, err = f.placer()
		}
		if err != nil {
			yield(Symbol{}, err)
			return
		}
		w := walker{s: p.gss}
		for off := range set.all() {
			sym, ok, err := f.publicAt(&w, off, sec)
			if (ok || err != nil) && !yield(sym, err) || err != nil && !errors.Is(err, ErrFormat) {
				return
			}
		}
	}
}

// publicAt reads the symbol at off; ok is false for a record that is no
// public, which some writers index as well.
func (f *File) publicAt(w *walker, off uint32, sec *sections) (Symbol, bool, error) {
	if err := f.check(); err != nil {
		return Symbol{}, false, err
	}
	rec, err := w.record(off)
	if err != nil {
		return Symbol{}, false, err
	}
	sym, ok := parsePublic(rec)
	if ok {
		sym.RVA, sym.HasRVA = sec.place(sym.Segment, sym.Offset)
	}
	return sym, ok, nil
}

// offsets returns where the records of all publics lie: what the hash records
// say, or the address map where there are none. Both refer to live records only.
func (p *publics) offsets() (*offsetSet, error) {
	set := newOffsetSet(p.gss.size)
	w := walker{s: p.psi}
	t := p.table
	for i := range t.n {
		b, err := w.span(t.recs+i*hashRecord, hashRecord)
		if err != nil {
			return nil, err
		}
		set.add(u32(b, 0) - 1)
	}
	if t.n > 0 {
		return set, nil
	}
	for i := range p.addrs.n {
		b, err := w.span(p.addrs.off+i*4, 4)
		if err != nil {
			return nil, err
		}
		set.add(u32(b, 0))
	}
	if p.addrs.n == 0 {
		return set, p.table.bad // nil for a table that is just empty
	}
	return set, nil
}

// live calls visit for every public there is to be found. It is an error when
// all of them are damaged.
func (p *publics) live(visit func(off uint32, sym Symbol)) error {
	set, err := p.offsets()
	if err != nil {
		return err
	}
	var first error
	found := false
	w := walker{s: p.gss}
	for off := range set.all() {
		rec, err := w.record(off)
		if fatal(err) {
			return err
		}
		if sym, ok := parsePublic(rec); ok && err == nil {
			found = true
			visit(off, sym)
		} else if first == nil {
			first = err
		}
	}
	if found {
		return nil
	}
	return first
}

// offsetSet is a set of record offsets, given back in ascending order without
// a sort: records are aligned to 4, so a bit each is enough. Offsets that are
// not, or lie outside, are kept aside.
type offsetSet struct {
	words []uint32
	odd   []uint32
}

func newOffsetSet(size uint32) *offsetSet {
	return &offsetSet{words: make([]uint32, size/128+1)}
}

func (s *offsetSet) add(off uint32) {
	if i := off / 128; off%4 == 0 && i < uint32(len(s.words)) {
		s.words[i] |= 1 << (off / 4 % 32)
		return
	}
	s.odd = append(s.odd, off)
}

// all yields each offset once, the well placed ones first.
func (s *offsetSet) all() iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		for i, w := range s.words {
			for ; w != 0; w &= w - 1 {
				if !yield(uint32(i)*128 + uint32(bits.TrailingZeros32(w))*4) {
					return
				}
			}
		}
		slices.Sort(s.odd)
		for i, off := range s.odd {
			if (i == 0 || off != s.odd[i-1]) && !yield(off) {
				return
			}
		}
	}
}
