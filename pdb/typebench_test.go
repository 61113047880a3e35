package pdb_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/pdb"
)

// checkTypePages looks names up, each in a File of its own, and holds every
// lookup to what it may read: the hash values of all types, the index of their
// records, what lies between two entries of that for each type in the bucket,
// and a few frames around the records it ends at.
func checkTypePages(t *testing.T, r io.ReaderAt, size int64) {
	t.Helper()
	whole, err := pdb.New(r, size)
	if err != nil {
		t.Fatal(err)
	}
	types, all := countTypes(t, whole)
	const frame = 16 // pages
	hash, index := types*4/filePage+2, types*16/8192*8/filePage+2
	limit := hash + index + 5*frame + 16
	rnd := rand.New(rand.NewPCG(5, 6))
	worst := 0
	for range 20 {
		name := all[rnd.IntN(len(all))]
		count := &countingReader{r: r, pages: map[int64]bool{}}
		f, err := pdb.New(count, size)
		if err != nil {
			t.Fatal(err)
		}
		typ, err := f.TypeByName(name)
		if err != nil || typ.Name() != name || typ.IsForward() {
			t.Fatalf("TypeByName(%q) = %v, %v", name, typ, err)
		}
		for _, err := range typ.Members() {
			if err != nil {
				t.Fatal(err)
			}
		}
		bucket, err := whole.TypeBucket(name)
		if err != nil {
			t.Fatal(err)
		}
		if worst = max(worst, len(count.pages)); len(count.pages) > limit+3*bucket {
			t.Errorf("%s: %d pages, want at most %d and 3 for each of %d types", name, len(count.pages), limit, bucket)
		}
	}
	count := &countingReader{r: r, pages: map[int64]bool{}}
	f, err := pdb.New(count, size)
	if err != nil {
		t.Fatal(err)
	}
	countTypes(t, f)
	t.Logf("%d types: a name takes at most %d pages (%d hold hashes), a scan %d", types, worst, hash, len(count.pages))
}

// countTypes returns the number of types and the names of those with a
// definition that names lead to.
func countTypes(t *testing.T, f *pdb.File) (n int, names []string) {
	t.Helper()
	for typ, err := range f.Types() {
		if err != nil {
			t.Fatal(err)
		}
		n++
		if typ.IsTag() && !typ.IsForward() && !typ.IsAnonymous() && !typ.IsScoped() {
			names = append(names, typ.Name())
		}
	}
	return n, names
}

func TestTypePages(t *testing.T) {
	data := fixture.Bytes(t, "nt/x64/ntkrnlmp.pdb")
	checkTypePages(t, bytes.NewReader(data), int64(len(data)))
}

func TestTypePages_generated(t *testing.T) {
	r, size := openGenerated(t)
	checkTypePages(t, r, size)
}

// TestTypeAllocs: a type by index, its parts and its size cost no memory.
func TestTypeAllocs(t *testing.T) {
	f, err := pdb.NewMemory(fixture.Bytes(t, "nt/x64/ntkrnlmp.pdb"))
	if err != nil {
		t.Fatal(err)
	}
	typ, err := f.TypeByName("_MMVAD_SHORT")
	if err != nil {
		t.Fatal(err)
	}
	size := uint64(0)
	if n := testing.AllocsPerRun(100, func() {
		again, err := f.Type(typ.Index())
		if err != nil {
			t.Fatal(err)
		}
		size, err = again.Size()
		if err != nil {
			t.Fatal(err)
		}
	}); n != 0 || size != 64 {
		t.Errorf("%v allocations, size %d; want none and 64", n, size)
	}
}

// scanForType is what a reader without the hash does.
func scanForType(tb testing.TB, f *pdb.File, name string) (found pdb.Type) {
	tb.Helper()
	for typ, err := range f.Types() {
		if err != nil {
			tb.Fatal(err)
		}
		if typ.IsTag() && !typ.IsForward() && string(typ.NameBytes()) == name {
			found = typ
		}
	}
	return found
}

func BenchmarkTypeByName(b *testing.B) {
	data := fixture.Bytes(b, "nt/x64/ntkrnlmp.pdb")
	b.Run("nt", func(b *testing.B) { benchTypeByName(b, bytes.NewReader(data), int64(len(data)), "_EPROCESS") })
	b.Run("generated", func(b *testing.B) {
		r, size := openGenerated(b)
		benchTypeByName(b, r, size, generatedType(b, r, size))
	})
}

// generatedType returns the name of a structure near the end of the types.
func generatedType(tb testing.TB, r io.ReaderAt, size int64) (name string) {
	tb.Helper()
	f, err := pdb.New(r, size)
	if err != nil {
		tb.Fatal(err)
	}
	for typ, err := range f.Types() {
		if err != nil {
			tb.Fatal(err)
		}
		if typ.Kind() == pdb.TypeStruct && !typ.IsForward() && !typ.IsAnonymous() {
			name = typ.Name()
		}
	}
	return name
}

func benchTypeByName(b *testing.B, r io.ReaderAt, size int64, name string) {
	f, err := pdb.New(r, size)
	if err != nil {
		b.Fatal(err)
	}
	want := scanForType(b, f, name)
	check := func(b *testing.B, got pdb.Type, err error) {
		if err != nil || got.Index() != want.Index() || got.Name() != name {
			b.Fatalf("%v, %v; want %#x %s", got, err, want.Index(), name)
		}
	}
	b.Run("open", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			f, err := pdb.New(r, size)
			if err != nil {
				b.Fatal(err)
			}
			got, err := f.TypeByName(name)
			check(b, got, err)
		}
	})
	b.Run("repeat", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			got, err := f.TypeByName(name)
			check(b, got, err)
		}
	})
	b.Run("scan", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			check(b, scanForType(b, f, name), nil)
		}
	})
}
