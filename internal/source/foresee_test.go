package source_test

import (
	"math/rand/v2"
	"sort"
	"testing"

	"github.com/symres/symres/internal/source"
)

// list is a sorted list that notes which entries were asked for, and in how many rounds.
type list struct {
	keys   []uint64
	have   map[uint32]bool
	rounds int
}

func (l *list) Len() uint32 { return uint32(len(l.keys)) }

func (l *list) Expect(at []uint32) {
	l.rounds++
	for _, i := range at {
		l.have[i] = true
	}
}

func (l *list) KeyAt(i uint32) (uint64, error) { return l.keys[i], nil }

// TestForesee looks for keys in a list of a million: a search afterwards finds nearly all
// that it reads at hand, which would take twenty rounds one after the other.
func TestForesee(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	keys := make([]uint64, 1<<20)
	for i := range keys {
		keys[i] = uint64(i)<<8 + rnd.Uint64N(200)
	}
	missed := 0
	for range 100 {
		l := &list{keys: keys, have: map[uint32]bool{}}
		want := rnd.Uint64N(keys[len(keys)-1])
		source.Foresee(l, want)
		sort.Search(len(keys), func(i int) bool {
			if !l.have[uint32(i)] {
				missed++
			}
			return keys[i] > want
		})
		if l.rounds > 7 || len(l.have) > 400 {
			t.Fatalf("%d rounds for %d entries", l.rounds, len(l.have))
		}
	}
	if missed > 0 {
		t.Errorf("%d reads of 100 searches were not foreseen", missed)
	}
}
