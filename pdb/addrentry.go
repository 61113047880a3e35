package pdb

import (
	"cmp"
	"math/bits"
	"slices"
)

// addrEntry is a symbol in a list that is ordered by addresses: 12 bytes without
// a pointer.
type addrEntry struct {
	off, rec uint32 // its offset in the segment, and where its record lies
	part     uint16 // the segment
}

func (e addrEntry) key() addrKey { return makeKey(e.part, e.off) }

// memoryMap stands in for an address map of the file, where that is out of order
// or there is none.
type memoryMap []addrEntry

func (m memoryMap) len() uint32 { return uint32(len(m)) }

func (m memoryMap) at(i uint32) (addrKey, uint32, error) { return m[i].key(), m[i].rec, nil }

// sort orders the map by address; what has the same stays in its order.
func (m memoryMap) sort() {
	compare := func(a, b addrEntry) int { return cmp.Compare(a.key(), b.key()) }
	switch {
	case slices.IsSortedFunc(m, compare):
	case len(m) < fewEntries:
		slices.SortStableFunc(m, compare)
	default:
		last := addrKey(0)
		for _, e := range m {
			last = max(last, e.key())
		}
		copy(m, sortEntries(m, last))
	}
}

const (
	fewEntries = 128 // that are sorted faster by comparing them
	maxDigit   = 12  // bits that are sorted by at a time
)

// sortEntries sorts by the bits of the keys that last has, and keeps the order of
// equal ones: rounds of counting, of as many bits each as last needs. It uses
// list, and may return it.
func sortEntries(list []addrEntry, last addrKey) []addrEntry {
	other := make([]addrEntry, len(list))
	left := bits.Len64(uint64(last))
	for shift, rounds := 0, (left+maxDigit-1)/maxDigit; rounds > 0; rounds-- {
		width := (left + rounds - 1) / rounds
		sortDigit(list, other, shift, uint32(1)<<width-1)
		list, other = other, list
		shift, left = shift+width, left-width
	}
	return list
}

// sortDigit sorts by the bits of mask above shift.
func sortDigit(from, to []addrEntry, shift int, mask uint32) {
	var starts [1<<maxDigit + 1]uint32
	for _, e := range from {
		starts[uint32(e.key()>>shift)&mask+1]++
	}
	for d := range mask {
		starts[d+1] += starts[d]
	}
	for _, e := range from {
		d := uint32(e.key()>>shift) & mask
		to[starts[d]] = e
		starts[d]++
	}
}
