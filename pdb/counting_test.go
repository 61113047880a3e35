package pdb_test

import (
	"bytes"
	"io"
	"math/bits"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/pdb"
)

// genEnv names the environment variable with the path of a large generated PDB.
const genEnv = "SYMRES_GEN_PDB"

const filePage = 4096

// countingReader counts the distinct 4096-byte pages of a file that were read.
type countingReader struct {
	r     io.ReaderAt
	mu    sync.Mutex // guards the fields below
	pages map[int64]bool
	bytes int64
	calls int
}

func (c *countingReader) ReadAt(p []byte, off int64) (int, error) {
	c.mu.Lock()
	for page := off / filePage; page*filePage < off+int64(len(p)); page++ {
		c.pages[page] = true
	}
	c.bytes += int64(len(p))
	c.calls++
	c.mu.Unlock()
	return c.r.ReadAt(p, off)
}

// pointCost is what one [Open + ByName] took.
type pointCost struct {
	pages, calls int
	bytes, alloc uint64
}

// lookUp opens a PDB, asks for one name and measures both together.
func lookUp(tb testing.TB, r io.ReaderAt, size int64, name string) ([]pdb.Symbol, pointCost) {
	tb.Helper()
	count := &countingReader{r: r, pages: make(map[int64]bool, 1024)}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f, err := pdb.New(count, size)
	if err != nil {
		tb.Fatal(err)
	}
	syms, err := f.ByName(name)
	runtime.ReadMemStats(&after)
	if err != nil {
		tb.Fatal(err)
	}
	return syms, pointCost{pages: len(count.pages), calls: count.calls, bytes: uint64(count.bytes), alloc: after.TotalAlloc - before.TotalAlloc}
}

// bucketSizes returns how many records lie in the bucket of each name, from
// the hash of the format computed here and all names of the file.
func bucketSizes(tb testing.TB, f *pdb.File) (map[uint32]int, []pdb.Symbol) {
	tb.Helper()
	sizes := map[uint32]int{}
	var all []pdb.Symbol
	for sym, err := range f.Publics() {
		if err != nil {
			tb.Fatal(err)
		}
		sizes[testHash(sym.Name())%4096]++
		all = append(all, sym)
	}
	return sizes, all
}

// checkPointQueries looks up names of a PDB, each in a File of its own, and
// holds every lookup to the limits.
func checkPointQueries(tb testing.TB, r io.ReaderAt, size int64, n int) {
	tb.Helper()
	whole, err := pdb.New(r, size)
	if err != nil {
		tb.Fatal(err)
	}
	sizes, all := bucketSizes(tb, whole)
	rnd := rand.New(rand.NewPCG(1, 2))
	var worst pointCost
	beyond := 0 // pages at most, without one for each record
	for range n {
		want := all[rnd.IntN(len(all))]
		got, cost := lookUp(tb, r, size, want.Name())
		found := false
		for _, sym := range got {
			found = found || sym.Name() == want.Name() && sym.RVA == want.RVA && sym.Segment == want.Segment
		}
		if !found {
			tb.Fatalf("%s: got %v, want %v", want.Name(), got, want)
		}
		records := sizes[testHash(want.Name())%4096]
		if limit := 40 + records; cost.pages > limit {
			tb.Errorf("%s: %d pages, want at most 40 + %d records", want.Name(), cost.pages, records)
		}
		beyond = max(beyond, cost.pages-records)
		// The block numbers of the pages touched are kept.
		if limit := 64<<10 + uint64(size)>>13; cost.alloc >= limit {
			tb.Errorf("%s: %d bytes allocated, want less than %d", want.Name(), cost.alloc, limit)
		}
		worst.pages, worst.alloc = max(worst.pages, cost.pages), max(worst.alloc, cost.alloc)
		worst.bytes, worst.calls = max(worst.bytes, cost.bytes), max(worst.calls, cost.calls)
	}
	tb.Logf("%d lookups among %d publics in %d bytes: at most %d pages (%d more than records), %d reads of %d bytes together, %d bytes allocated",
		n, len(all), size, worst.pages, beyond, worst.calls, worst.bytes, worst.alloc)
}

func TestPointQueryPages(t *testing.T) {
	data := fixture.Bytes(t, "fs_rec/x64/good/fs_rec.pdb")
	checkPointQueries(t, bytes.NewReader(data), int64(len(data)), 20)
}

func TestPointQueryPages_generated(t *testing.T) {
	r, size := openGenerated(t)
	checkPointQueries(t, r, size, 100)
}

// TestNearestPages: an address costs a binary search, two pages a step, and
// the record itself.
func TestNearestPages(t *testing.T) {
	data := fixture.Bytes(t, "fs_rec/x64/good/fs_rec.pdb")
	checkNearestPages(t, bytes.NewReader(data), int64(len(data)), 20)
}

func TestNearestPages_generated(t *testing.T) {
	r, size := openGenerated(t)
	checkNearestPages(t, r, size, 100)
}

func checkNearestPages(t *testing.T, r io.ReaderAt, size int64, n int) {
	t.Helper()
	whole, err := pdb.New(r, size)
	if err != nil {
		t.Fatal(err)
	}
	_, all := bucketSizes(t, whole)
	limit := 5 + 4*bits.Len(uint(len(all)))
	rnd := rand.New(rand.NewPCG(3, 4))
	worst := 0
	for range n {
		want := all[rnd.IntN(len(all))]
		if !want.HasRVA {
			continue
		}
		count := &countingReader{r: r, pages: map[int64]bool{}}
		f, err := pdb.New(count, size)
		if err != nil {
			t.Fatal(err)
		}
		got, err := f.NearestPublics(want.RVA)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(got, func(s pdb.Symbol) bool { return s.Name() == want.Name() && s.RVA == want.RVA }) {
			t.Fatalf("Nearest(%#x) = %v, want %s", want.RVA, got, want.Name())
		}
		if worst = max(worst, len(count.pages)); len(count.pages) > limit {
			t.Errorf("Nearest(%#x): %d pages, want at most %d", want.RVA, len(count.pages), limit)
		}
	}
	t.Logf("at most %d pages", worst)
}

func openGenerated(tb testing.TB) (*os.File, int64) {
	tb.Helper()
	path := os.Getenv(genEnv)
	if path == "" {
		tb.Skipf("SKIPPED, NOT PASSED: set %s to a PDB of about 100 MB, made by gen_pdb.py --scale m of the shared tools", genEnv)
	}
	r, err := os.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { r.Close() })
	st, err := r.Stat()
	if err != nil {
		tb.Fatal(err)
	}
	return r, st.Size()
}

// BenchmarkByName is one lookup in a file just opened, the way a debugger that
// starts feels it. It asserts the answer and the limits of [TestPointQueryPages].
func BenchmarkByName(b *testing.B) {
	data := fixture.Bytes(b, "fs_rec/x64/good/fs_rec.pdb")
	b.Run("fs_rec", func(b *testing.B) { benchByName(b, bytes.NewReader(data), int64(len(data))) })
	b.Run("generated", func(b *testing.B) {
		r, size := openGenerated(b)
		benchByName(b, r, size)
	})
}

func benchByName(b *testing.B, r io.ReaderAt, size int64) {
	checkPointQueries(b, r, size, 5)
	f, err := pdb.New(r, size)
	if err != nil {
		b.Fatal(err)
	}
	var want pdb.Symbol
	for sym, err := range f.Publics() {
		if err != nil {
			b.Fatal(err)
		}
		if want = sym.Clone(); sym.Flags&pdb.PublicFunction != 0 {
			break
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		f, err := pdb.New(r, size)
		if err != nil {
			b.Fatal(err)
		}
		got, err := f.ByName(want.Name())
		if err != nil || len(got) == 0 || got[0].Name() != want.Name() || got[0].RVA != want.RVA {
			b.Fatalf("got %v, %v; want %v", got, err, want)
		}
	}
}
