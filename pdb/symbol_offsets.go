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

func newOffsetSet(size uint32) *offsetSet { return &offsetSet{words: make([]uint32, size/128+1)} }

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
		for i, word := range s.words {
			for ; word != 0; word &= word - 1 {
				if !yield((s.first+uint32(i))*128 + uint32(bits.TrailingZeros32(word))*4) {
					return
				}
			}
		}
		slices.Sort(s.odd)
		for _, off := range slices.Compact(s.odd) {
			if !yield(off) {
				return
			}
		}
	}
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
