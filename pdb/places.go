package pdb

import (
	"math"
	"sort"
)

// place is a piece of code: where a function or its lines lie.
type place struct {
	off, size uint32
	seg       uint16
}

// makePlace cuts off what a damaged size puts past the last address.
func makePlace(seg uint16, off, size uint32) place {
	return place{off: off, size: min(size, math.MaxUint32-off), seg: seg}
}

func (p place) key() addrKey { return makeKey(p.seg, p.off) }

func (p place) covers(off uint32) bool { return off >= p.off && off-p.off < p.size }

// places is a list of places, sorted by address. Of those that begin at one
// place the first is the first in the file.
type places []place

// maxOverlap is how many places that begin before an address, but end before
// it too, are passed over to find one that covers it.
const maxOverlap = 16

// find returns the number of the last place that covers an address, the first
// of those that begin where it does; -1 where there is none.
func (p places) find(seg uint16, off uint32) int {
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
func (p places) above(want addrKey) int {
	lo, hi := 0, len(p)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if p[mid].key() <= want {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// exact returns the first place that begins at an address, -1 for none.
func (p places) exact(want addrKey) int {
	if want == 0 {
		return -1
	}
	if i := p.above(want - 1); i < len(p) && p[i].key() == want {
		return i
	}
	return -1
}

// byPlace sorts a list together with the places of its items.
type byPlace[T any] struct {
	at   places
	list []T
}

func (b byPlace[T]) Len() int           { return len(b.at) }
func (b byPlace[T]) Less(i, j int) bool { return b.at[i].key() < b.at[j].key() }
func (b byPlace[T]) Swap(i, j int) {
	b.at[i], b.at[j] = b.at[j], b.at[i]
	b.list[i], b.list[j] = b.list[j], b.list[i]
}

func sortPlaces[T any](at places, list []T) {
	if b := (byPlace[T]{at, list}); !sort.IsSorted(b) {
		sort.Stable(b)
	}
}
