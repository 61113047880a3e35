package pdb_test

import (
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sort"
	"testing"

	"github.com/symres/symres/pdb"
)

// TestCorpusIndex asks every address dbghelp was asked through the index and
// without it.
func TestCorpusIndex(t *testing.T) {
	t.Parallel()
	pairs := dbghelpPDBs(t)
	for _, file := range slices.Sorted(maps.Keys(pairs)) {
		t.Run(filepath.Base(pairs[file]), func(t *testing.T) {
			f := open(t, pairs[file])
			x, err := f.Index()
			if err != nil {
				t.Fatal(err)
			}
			bad := 0
			for _, line := range readListing(t, file).at {
				rva := parseAddressRow(t, line).rva
				with, err := x.Nearest(rva)
				if err != nil {
					t.Fatal(err)
				}
				if why := indexDiffers(nearest(t, f, rva), with); why != "" && bad < 20 {
					bad++
					t.Errorf("%#x: %s: %v, the index %v", rva, why, nearest(t, f, rva), with)
				}
			}
		})
	}
}

// indexDiffers compares an answer with that of an index, which may know more
// names.
func indexDiffers(plain, with []pdb.Symbol) string {
	if len(plain) == 0 != (len(with) == 0) {
		return "one knows nothing"
	}
	for _, p := range plain {
		i := slices.IndexFunc(with, func(w pdb.Symbol) bool { return w.Name() == p.Name() })
		if i < 0 {
			return "a name is missing"
		}
		w := with[i]
		if w.Segment != p.Segment || w.Offset != p.Offset || w.Displacement != p.Displacement || w.RVA != p.RVA {
			return "another address"
		}
		if w.Size != p.Size {
			return "another size"
		}
	}
	return ""
}

// TestIndexSize holds the index to what it may take, and its answers to those
// of a plain search.
func TestIndexSize(t *testing.T) {
	r, _ := openGenerated(t)
	f := open(t, r.Name())
	x, err := f.Index()
	if err != nil {
		t.Fatal(err)
	}
	if per := float64(x.Bytes()) / float64(x.Len()); per > 16 {
		t.Errorf("%.1f bytes a symbol, want at most 16", per)
	}
	addrs, sections := x.Addresses(), sectionsOf(t, f)
	rnd := rand.New(rand.NewPCG(5, 6))
	rvas := make([]uint32, 10_000)
	for i := range rvas {
		rvas[i] = randomRVA(rnd, sections)
	}
	for _, rva := range rvas {
		n := sort.Search(len(addrs), func(i int) bool { return addrs[i] > rva })
		run, ok := x.Find(rva)
		if ok && (run.First+run.Count != n || addrs[run.First] != rva-run.Displacement) || !ok && n > 0 && inSameSection(sections, addrs[n-1], rva) {
			t.Fatalf("Find(%#x) = %+v, %v; a plain search says %d", rva, run, ok, n)
		}
	}
	if n := testing.AllocsPerRun(10, func() {
		for _, rva := range rvas {
			x.Find(rva)
		}
	}); n != 0 {
		t.Errorf("%v allocations for %d lookups", n, len(rvas))
	}
	t.Logf("%d symbols, %d bytes", x.Len(), x.Bytes())
}

func sectionsOf(t testing.TB, f *pdb.File) []pdb.Section {
	t.Helper()
	list, err := f.Sections()
	if err != nil || len(list) == 0 {
		t.Fatalf("sections %v, %v", list, err)
	}
	return list
}

// randomRVA returns an address in any of the sections, or before them.
func randomRVA(rnd *rand.Rand, list []pdb.Section) uint32 {
	s := list[rnd.IntN(len(list))]
	return s.VirtualAddress + rnd.Uint32N(s.VirtualSize) - rnd.Uint32N(2)*rnd.Uint32N(64)
}

func inSameSection(list []pdb.Section, a, b uint32) bool {
	return slices.ContainsFunc(list, func(s pdb.Section) bool {
		return a >= s.VirtualAddress && b >= a && b < s.VirtualAddress+(s.VirtualSize+0xFFF)&^0xFFF
	})
}

// BenchmarkIndexFind is a random lookup; BenchmarkIndexFind/plain the same in
// a plain binary search over the same addresses.
func BenchmarkIndexFind(b *testing.B) {
	r, _ := openGenerated(b)
	f := open(b, r.Name())
	x, err := f.Index()
	if err != nil {
		b.Fatal(err)
	}
	addrs, sections := x.Addresses(), sectionsOf(b, f)
	rnd := rand.New(rand.NewPCG(5, 6))
	rvas := make([]uint32, 1<<20)
	for i := range rvas {
		rvas[i] = randomRVA(rnd, sections[:1])
	}
	b.Run("pages", func(b *testing.B) {
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			run, ok := x.Find(rvas[i&(len(rvas)-1)])
			if ok && run.Displacement > rvas[i&(len(rvas)-1)] {
				b.Fatal(run)
			}
			i++
		}
	})
	b.Run("plain", func(b *testing.B) {
		i := 0
		for b.Loop() {
			rva := rvas[i&(len(rvas)-1)]
			n, ok := slices.BinarySearch(addrs, rva)
			if ok != (n < len(addrs) && addrs[n] == rva) {
				b.Fatal(n)
			}
			i++
		}
	})
}

func BenchmarkIndexBuild(b *testing.B) {
	r, _ := openGenerated(b)
	n := 0
	for b.Loop() {
		f, err := pdb.OpenMapped(r.Name())
		if err != nil {
			b.Fatal(err)
		}
		x, err := f.Index()
		if err != nil || n != 0 && x.Len() != n {
			b.Fatal(x.Len(), err)
		}
		n = x.Len()
		f.Close()
	}
	b.ReportMetric(float64(n), "symbols")
}
