// Package offsets has sets of offsets of records that are aligned to 4, and shares of
// work.
package offsets

import (
	"iter"
	"math/bits"
	"slices"
)

// Set is a set of offsets, given back in ascending order without a sort: a bit each is
// enough. Offsets that are not aligned to 4, or lie outside, are kept aside.
type Set struct {
	first uint32 // number of the first word
	words []uint32
	odd   []uint32
}

// New returns an empty set of offsets in size bytes.
func New(size uint32) *Set { return &Set{words: make([]uint32, size/128+1)} }

// Add adds an offset.
func (s *Set) Add(off uint32) {
	if i := off / 128; off%4 == 0 && i < uint32(len(s.words)) {
		s.words[i] |= 1 << (off / 4 % 32)
		return
	}
	s.odd = append(s.odd, off)
}

// All yields each offset once, the well placed ones first.
func (s *Set) All() iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		for i, word := range s.words {
			for ; word != 0; word &= word - 1 {
				if !yield((s.first+uint32(i))*128 + uint32(bits.TrailingZeros32(word))*4) {
					return
				}
			}
		}
		slices.Sort(s.odd)
		s.odd = slices.Compact(s.odd)
		for _, off := range s.odd {
			if !yield(off) {
				return
			}
		}
	}
}

// With returns the union of two sets; the receiver may be nil.
func (s *Set) With(other *Set) *Set {
	if s == nil {
		return other
	}
	for i, w := range other.words {
		s.words[i] |= w
	}
	s.odd = append(s.odd, other.odd...)
	return s
}

// Below returns the highest offset of the set that is at or below off. Offsets
// kept aside do not count.
func (s *Set) Below(off uint32) (uint32, bool) {
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

// Aside reports whether any offset is kept aside.
func (s *Set) Aside() bool { return len(s.odd) > 0 }

// Bytes returns the memory the set takes, but for what is kept aside.
func (s *Set) Bytes() int { return 4 * len(s.words) }

// Part returns part i of n of a set; what is kept aside is in the last.
func (s *Set) Part(i, n int) Set {
	first, last := Share(len(s.words), i, n)
	part := Set{first: uint32(first), words: s.words[first:last]}
	if i == n-1 {
		part.odd = slices.Clone(s.odd)
	}
	return part
}

// Share returns which of size things part i of n has.
func Share(size, i, n int) (first, last int) {
	if i < 0 || i >= n {
		return 0, 0
	}
	return int(int64(size) * int64(i) / int64(n)), int(int64(size) * int64(i+1) / int64(n))
}
