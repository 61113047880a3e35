package pdb_test

import (
	"fmt"
	"testing"

	"github.com/symres/symres/pdb"
)

// TestSizeOf_folded gives thousands of names one address, as identical code
// folding does: what a size costs must not depend on how many there are.
func TestSizeOf_folded(t *testing.T) {
	const names, perSize = 20000, 64 // about two reads for each step of a binary search
	p := &testPDB{sections: twoSections, contribs: []testContrib{{1, 0, 0x80}}}
	for i := range names {
		p.pubs = append(p.pubs, testPublic{name: fmt.Sprintf("fold%06d", i), seg: 1, off: 0x10, flags: 2})
	}
	image := p.write()
	r := &countingReader{r: image, pages: map[int64]bool{}}
	f, err := pdb.New(r, image.Size())
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for sym, err := range f.Publics() {
		if err != nil {
			t.Fatal(err)
		}
		if seen++; seen%1000 != 0 {
			continue
		}
		before := r.calls
		if size, err := f.SizeOf(sym); err != nil || size != 0x70 {
			t.Fatalf("%v: size %#x, %v; want 0x70", sym, size, err)
		}
		if calls := r.calls - before; calls > perSize {
			t.Errorf("%d reads for one size, at most %d", calls, perSize)
		}
	}
	if seen != names {
		t.Errorf("%d names, want %d", seen, names)
	}
}
