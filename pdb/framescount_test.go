package pdb_test

import (
	"bytes"
	"io"
	"slices"
	"testing"

	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/pdb"
)

// checkFramePages asks for single addresses, each in a File of its own: beyond
// the stream of one module, read at once, an address costs a few pages.
func checkFramePages(t *testing.T, r io.ReaderAt, size int64, n int) {
	t.Helper()
	whole, err := pdb.New(r, size)
	if err != nil {
		t.Fatal(err)
	}
	worst := 0
	for _, rva := range randomCode(t, whole, n) {
		want, err := whole.Frames(rva)
		if err != nil {
			t.Fatal(err)
		}
		count := &countingReader{r: r, pages: map[int64]bool{}}
		f, err := pdb.New(count, size)
		if err != nil {
			t.Fatal(err)
		}
		got, err := f.Frames(rva)
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("Frames(%#x) = %+v, %v; want %+v", rva, got, err, want)
		}
		module, err := f.ModuleBytesAt(rva)
		if err != nil {
			t.Fatal(err)
		}
		other := len(count.pages) - int((module+filePage-1)/filePage)
		if worst = max(worst, other); other > 90 {
			t.Errorf("Frames(%#x): %d pages besides the %d bytes of its module, want at most 90", rva, other, module)
		}
	}
	t.Logf("%d addresses in %d bytes: at most %d pages besides those of the module", n, size, worst)
}

func TestFramePages(t *testing.T) {
	data := fixture.Bytes(t, "fs_rec/x64/private/fs_rec.pdb")
	checkFramePages(t, bytes.NewReader(data), int64(len(data)), 20)
}

func TestFramePages_generated(t *testing.T) {
	r, size := openGenerated(t)
	checkFramePages(t, r, size, 50)
}

// TestFrameReads: any number of addresses reads no byte of the file twice.
func TestFrameReads(t *testing.T) {
	data := fixture.Bytes(t, "fs_rec/x64/private/fs_rec.pdb")
	checkFrameReads(t, bytes.NewReader(data), int64(len(data)), 3000)
}

func TestFrameReads_generated(t *testing.T) {
	r, size := openGenerated(t)
	checkFrameReads(t, r, size, 10_000)
}

func checkFrameReads(t *testing.T, r io.ReaderAt, size int64, n int) {
	t.Helper()
	whole, err := pdb.New(r, size)
	if err != nil {
		t.Fatal(err)
	}
	rvas := randomCode(t, whole, n)
	count := &countingReader{r: r, pages: map[int64]bool{}}
	f, err := pdb.New(count, size)
	if err != nil {
		t.Fatal(err)
	}
	got, err := f.FramesOf(rvas, 1)
	if err != nil {
		t.Fatal(err)
	}
	for i, rva := range rvas {
		if want, err := whole.Frames(rva); err != nil || !slices.Equal(got[i], want) {
			t.Fatalf("Frames(%#x) = %+v, want %+v, %v", rva, got[i], want, err)
		}
	}
	t.Logf("%d addresses: %d reads of %d bytes, %d pages of a file of %d bytes", n, count.calls, count.bytes, len(count.pages), size)
	if count.bytes > size+64<<10 {
		t.Errorf("%d bytes read of a file of %d", count.bytes, size)
	}
}

// TestFrameAllocs: an address asked for again costs the name of its function.
func TestFrameAllocs(t *testing.T) {
	data := fixture.Bytes(t, "fs_rec/x64/private/fs_rec.pdb")
	f, err := pdb.New(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	rvas := randomCode(t, f, 200)
	var dst []pdb.Frame
	if n := testing.AllocsPerRun(10, func() {
		for _, rva := range rvas {
			if dst, err = f.AppendFrames(dst[:0], rva); err != nil {
				t.Fatal(err)
			}
		}
	}); n > float64(len(rvas)) {
		t.Errorf("%v allocations for %d addresses, want one each at most", n, len(rvas))
	}
}

// BenchmarkFrames answers addresses with their inlined frames and lines. File
// opens the file each time; Warm has asked before.
func BenchmarkFrames(b *testing.B) {
	data := fixture.Bytes(b, "fs_rec/x64/private/fs_rec.pdb")
	b.Run("fs_rec", func(b *testing.B) {
		benchFrames(b, func() (*pdb.File, error) { return pdb.New(bytes.NewReader(data), int64(len(data))) })
	})
	b.Run("generated", func(b *testing.B) {
		r, _ := openGenerated(b)
		for _, p := range providers() {
			b.Run(p.name, func(b *testing.B) {
				benchFrames(b, func() (*pdb.File, error) { return p.open(r.Name()) })
			})
		}
	})
}

func benchFrames(b *testing.B, open func() (*pdb.File, error)) {
	const n = 10_000
	whole, err := open()
	if err != nil {
		b.Fatal(err)
	}
	defer whole.Close()
	rvas := randomCode(b, whole, n)
	want, err := whole.FramesOf(rvas, 1)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("File", func(b *testing.B) {
		var got [][]pdb.Frame
		for b.Loop() {
			f, err := open()
			if err != nil {
				b.Fatal(err)
			}
			if got, err = f.FramesOf(rvas, 1); err != nil {
				b.Fatal(err)
			}
			f.Close()
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/address")
		for i := range want {
			if !slices.Equal(got[i], want[i]) {
				b.Fatalf("Frames(%#x) = %+v, want %+v", rvas[i], got[i], want[i])
			}
		}
	})
	b.Run("Warm", func(b *testing.B) {
		b.ReportAllocs()
		var dst []pdb.Frame
		i := 0
		for b.Loop() {
			if dst, err = whole.AppendFrames(dst[:0], rvas[i%n]); err != nil || len(dst) != len(want[i%n]) {
				b.Fatalf("Frames(%#x) = %+v, %v", rvas[i%n], dst, err)
			}
			i++
		}
		if last := want[(i-1)%n]; !slices.Equal(dst, last) {
			b.Fatalf("%+v, want %+v", dst, last)
		}
	})
}
