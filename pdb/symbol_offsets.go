package pdb

import (
	"iter"
	"math/bits"
	"slices"
)

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

// with returns the union of two sets; the receiver may be nil.
func (s *offsetSet) with(other *offsetSet) *offsetSet {
	if s == nil {
		return other
	}
	for i, w := range other.words {
		s.words[i] |= w
	}
	s.odd = append(s.odd, other.odd...)
	return s
}

// below returns the highest offset of the set that is at or below off. Offsets
// kept aside do not count.
func (s *offsetSet) below(off uint32) (uint32, bool) {
	i := min(off/128, uint32(len(s.words))-1)
	w := s.words[i]
	if i == off/128 {
		w &= 1<<(off/4%32)<<1 - 1
	}
	for w == 0 {
		if i == 0 {
			return 0, false
		}
		i--
		w = s.words[i]
	}
	return i*128 + uint32(31-bits.LeadingZeros32(w))*4, true
}
