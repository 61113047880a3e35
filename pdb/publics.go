package pdb

import (
	"errors"
	"iter"
	"math/bits"
	"slices"
	"sync/atomic"

	"github.com/symres/symres/internal/msf"
)

// publics is what is kept of the PSI stream: where its parts lie.
type publics struct {
	names
	psi    *msf.Stream     // nil: the PDB has no publics
	addrs  diskMap         // the address map
	mapErr error           // why the address map cannot be used
	ilt    ilt             // the incremental-link table
	sized  atomic.Uint32   // sizes asked for before what tells them was read as a whole
	byAddr lazy[memoryMap] // when addrs is bad
	set    lazy[offsetSet] // what PublicsPart divides
}

const psiHead = 28

// loadPublics reads the head of the PSI stream.
func (f *File) loadPublics() (*publics, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	return f.pubs.get(func() (*publics, error) { return readPublics(f.msf, f.dbi) })
}

func readPublics(m *msf.Container, d *dbi) (*publics, error) {
	p := &publics{names: names{public: true}}
	if d == nil || d.psi == noStream || d.gss == noStream {
		return p, nil
	}
	psi, err := m.Stream(d.psi, "public symbol index")
	if err != nil {
		return nil, err
	}
	gss, err := m.Stream(d.gss, "symbol records")
	if err != nil {
		return nil, err
	}
	if psi.Size == 0 {
		return p, nil
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
		p, err := f.loadPublics()
		if err != nil {
			return err
		}
		_, err = f.eachOf(&p.names, visit)
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
		set, err := t.set.get(t.kept)
		if err != nil {
			return p.ofFirst(err)
		}
		part := set.part(p.I, p.N)
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
func (p *publics) kept() (*offsetSet, error) {
	set, err := p.offsets()
	if err == nil {
		p.gss.Container.Hold(4 * len(set.words))
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

// part returns part i of n of a set; what is kept aside is in the last.
func (s *offsetSet) part(i, n int) offsetSet {
	first, last := share(len(s.words), i, n)
	part := offsetSet{first: uint32(first), words: s.words[first:last]}
	if i == n-1 {
		part.odd = slices.Clone(s.odd)
	}
	return part
}

// share returns which of size things part i of n has.
func share(size, i, n int) (first, last int) {
	if i < 0 || i >= n {
		return 0, 0
	}
	return int(int64(size) * int64(i) / int64(n)), int(int64(size) * int64(i+1) / int64(n))
}

// listed returns the records the address map lists. Like the hash records it
// refers to live ones only.
func (p *publics) listed() (*offsetSet, error) {
	set := newOffsetSet(p.gss.Size)
	w := msf.Walker{Stream: p.psi}
	for i := range p.addrs.n {
		b, err := w.Span(p.addrs.off+i*4, 4)
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

// offsetSet is a set of record offsets, given back in ascending order without
// a sort: records are aligned to 4, so a bit each is enough. Offsets that are
// not, or lie outside, are kept aside.
type offsetSet struct {
	first uint32 // number of the first word
	words []uint32
	odd   []uint32
}

func newOffsetSet(size uint32) *offsetSet {
	s := &offsetSet{words: make([]uint32, size/128+1)}
	// add reads before it writes. A page of fresh memory that is read first is
	// mapped twice, and the second time other processors are told.
	for i := 0; i < len(s.words); i += readPage / 4 {
		s.words[i] = 0
	}
	return s
}

func (s *offsetSet) add(off uint32) {
	if i := off / 128; off%4 == 0 && i < uint32(len(s.words)) {
		s.words[i] |= 1 << (off / 4 % 32)
		return
	}
	s.addOdd(off)
}

func (s *offsetSet) addOdd(off uint32) { s.odd = append(s.odd, off) }

// all yields each offset once, the well placed ones first.
func (s *offsetSet) all() iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		w := s.walk()
		for off, ok := w.next(); ok && yield(off); off, ok = w.next() {
		}
	}
}

// walk is all for a loop that has no time for calls.
func (s *offsetSet) walk() setWalk {
	slices.Sort(s.odd)
	s.odd = slices.Compact(s.odd)
	return setWalk{at: s.first*128 - 128, words: s.words, odd: s.odd}
}

// setWalk is what is left of a set, in order.
type setWalk struct {
	word  uint32 // the offsets from at on
	at    uint32
	words []uint32 // those behind it
	odd   []uint32 // comes last
}

func (w *setWalk) next() (off uint32, ok bool) {
	if w.word == 0 {
		return w.nextWord()
	}
	off = w.at + uint32(bits.TrailingZeros32(w.word))*4
	w.word &= w.word - 1
	return off, true
}

func (w *setWalk) nextWord() (off uint32, ok bool) {
	for i, word := range w.words {
		if word != 0 {
			w.word, w.at, w.words = word, w.at+uint32(i+1)*128, w.words[i+1:]
			return w.next()
		}
	}
	w.words = nil
	if len(w.odd) == 0 {
		return 0, false
	}
	off, w.odd = w.odd[0], w.odd[1:]
	return off, true
}
