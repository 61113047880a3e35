package pdb_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/symres/symres/pdb"
)

// TestLongStreams walks records of more than 16 MiB, which the free block maps
// cut in the file: they must be walked where they lie, not put together.
func TestLongStreams(t *testing.T) {
	p := samplePDB()
	p.pubs = nil
	const n = 60_000
	for i := range n {
		p.pubs = append(p.pubs, testPublic{name: fmt.Sprintf("%s%d", strings.Repeat("long_", 60), i), seg: 1, off: uint32(i) / 8})
	}
	b := p.write().Bytes()
	f, err := pdb.NewMemory(b)
	if err != nil {
		t.Fatal(err)
	}
	for what, walk := range map[string]func() int{
		"Publics": func() (n int) {
			for _, err := range f.Publics() {
				if err != nil {
					t.Fatal(err)
				}
				n++
			}
			return n
		},
		"Matching": func() (n int) {
			for _, err := range f.Matching([]string{"LONG_"}, nil) {
				if err != nil {
					t.Fatal(err)
				}
				n++
			}
			return n
		},
		"Index": func() int {
			x, err := f.Index()
			if err != nil {
				t.Fatal(err)
			}
			return x.Len()
		},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if got := walk(); got != n {
			t.Errorf("%s: %d symbols, want %d", what, got, n)
		}
		runtime.ReadMemStats(&after)
		if d := after.TotalAlloc - before.TotalAlloc; d > 5<<20 {
			t.Errorf("%s allocated %d bytes over %d of records", what, d, len(b))
		}
	}
}

// TestMatchingWithoutAllocating: what is searched and does not match costs no
// memory, however much it is.
func TestMatchingWithoutAllocating(t *testing.T) {
	allocs := func(n int) float64 {
		p := privatePDB()
		for i := range n {
			p.pubs = append(p.pubs, testPublic{name: fmt.Sprint("?searched_in_vain", i, "@@YAXXZ"), seg: 1, off: uint32(i) / 8})
		}
		f, err := pdb.NewMemory(p.write().Bytes())
		if err != nil {
			t.Fatal(err)
		}
		return testing.AllocsPerRun(3, func() {
			for s, err := range f.Matching([]string{"vain7x", "searched"}, nil) {
				t.Error(s, err)
			}
		})
	}
	if few, many := allocs(10), allocs(20_000); many > few+2 || many > 40 {
		t.Errorf("%v allocations for 20,000 names, %v for 10", many, few)
	}
}

// TestMappedAnswersWithoutAllocating: with a mapped file an index makes its
// symbols from the bytes where they lie.
func TestMappedAnswersWithoutAllocating(t *testing.T) {
	p := privatePDB()
	f, err := pdb.NewMemory(p.write().Bytes())
	if err != nil {
		t.Fatal(err)
	}
	x, err := f.Index()
	if err != nil {
		t.Fatal(err)
	}
	for i := range x.Len() {
		s, err := x.Symbol(i)
		if err != nil {
			t.Fatal(err)
		}
		if s.Kind == pdb.KindSepCode {
			continue // its name is that of another record
		}
		if n := testing.AllocsPerRun(10, func() { x.Symbol(i) }); n != 0 {
			t.Errorf("%v: %v allocations", s, n)
		}
	}
}
