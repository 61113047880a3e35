package pdb

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
	"sort"
)

// addressEntry is a symbol in a list that is ordered by addresses: 12 bytes without
// a pointer.
type addressEntry struct {
	off, rec uint32 // its offset in the segment, and where its record lies
	part     uint16 // the segment
}

func (e addressEntry) key() addressKey { return makeKey(e.part, e.off) }

// memoryMap stands in for an address map of the file, where that is out of order
// or there is none.
type memoryMap []addressEntry

func (m memoryMap) Len() uint32 { return uint32(len(m)) }

func (m memoryMap) at(i uint32) (addressKey, uint32, error) { return m[i].key(), m[i].rec, nil }

// sort orders the map by address; what has the same stays in its order.
func (m memoryMap) sort() {
	compare := func(a, b addressEntry) int { return cmp.Compare(a.key(), b.key()) }
	switch {
	case slices.IsSortedFunc(m, compare):
	case len(m) < fewEntries:
		slices.SortStableFunc(m, compare)
	default:
		last := addressKey(0)
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
func sortEntries(list []addressEntry, last addressKey) []addressEntry {
	other := make([]addressEntry, len(list))
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
func sortDigit(from, to []addressEntry, shift int, mask uint32) {
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

// codeRange is a piece of code: where a function or its lines lie.
type codeRange struct {
	off, size uint32
	seg       uint16
}

// makeRange cuts off what a damaged size puts past the last address.
func makeRange(seg uint16, off, size uint32) codeRange {
	return codeRange{off: off, size: min(size, math.MaxUint32-off), seg: seg}
}

func (p codeRange) key() addressKey { return makeKey(p.seg, p.off) }

func (p codeRange) covers(off uint32) bool { return off >= p.off && off-p.off < p.size }

// codeRanges is a list of places, sorted by address. Of those that begin at one
// place the first is the first in the file.
type codeRanges []codeRange

// maxOverlap is how many places that begin before an address, but end before
// it too, are passed over to find one that covers it.
const maxOverlap = 16

// find returns the number of the last place that covers an address, the first
// of those that begin where it does; -1 where there is none.
func (p codeRanges) find(seg uint16, off uint32) int {
	n := p.above(makeKey(seg, off))
	for i := n - 1; i >= 0 && i >= n-maxOverlap && p[i].seg == seg; i-- {
		if !p[i].covers(off) {
			continue
		}
		for i > 0 && p[i-1].key() == p[i].key() && p[i-1].covers(off) {
			i--
		}
		return i
	}
	return -1
}

// above returns the number of places at or below an address.
func (p codeRanges) above(want addressKey) int {
	return sort.Search(len(p), func(i int) bool { return p[i].key() > want })
}

// exact returns the first place that begins at an address, -1 for none.
func (p codeRanges) exact(want addressKey) int {
	if want == 0 {
		return -1
	}
	if i := p.above(want - 1); i < len(p) && p[i].key() == want {
		return i
	}
	return -1
}

// byPlace sorts a list together with the places of its items.
type byRange[T any] struct {
	at   codeRanges
	list []T
}

func (b byRange[T]) Len() int           { return len(b.at) }
func (b byRange[T]) Less(i, j int) bool { return b.at[i].key() < b.at[j].key() }
func (b byRange[T]) Swap(i, j int) {
	b.at[i], b.at[j] = b.at[j], b.at[i]
	b.list[i], b.list[j] = b.list[j], b.list[i]
}

func sortRanges[T any](at codeRanges, list []T) {
	if b := (byRange[T]{at, list}); !sort.IsSorted(b) {
		sort.Stable(b)
	}
}
