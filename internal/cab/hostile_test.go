package cab_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"testing"

	"github.com/symres/symres/internal/cab"
	"github.com/symres/symres/internal/cabbuild"
	"github.com/symres/symres/internal/fixture"
)

// smallCabinets are cabinets short enough to damage in every possible place.
func smallCabinets(t *testing.T) map[string][]byte {
	data := sample(rand.New(rand.NewPCG(11, 11)), 700)
	all := map[string][]byte{}
	for name, m := range everyMethod() {
		all[name] = single(t, m, data)
	}
	long := bytes.Repeat([]byte("one frame after another, "), 4000)
	all["mszip_frames"] = single(t, cabbuild.MSZIP{}, long)
	all["lzx_frames"] = single(t, cabbuild.LZX{Window: 16, Blocks: []cabbuild.Block{{Kind: cabbuild.Aligned, Size: 50_000}}}, long)
	return all
}

// costly is the most one damaged cabinet may allocate in bytes: the largest
// window and some. It does not depend on what the cabinet claims.
const costly = 4 << 20

// try expands b and checks what it cost.
func try(t *testing.T, b []byte) ([]byte, error) {
	t.Helper()
	before := allocated()
	var out sink
	f, err := cab.Expand(bytes.NewReader(b), int64(len(b)), cab.Limits{})
	if err == nil {
		_, err = io.Copy(&out, f)
	}
	if cost := allocated() - before; cost > costly+uint64(2*cap(out.b)) {
		t.Errorf("%d bytes allocated for a cabinet of %d, %d expanded", cost, len(b), len(out.b))
	}
	return out.b, err
}

// allocated returns the bytes allocated so far. Reading it does not stop the
// world, and the few small objects it may not yet count do not matter here.
func allocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// sink collects what is written; its growth costs about twice its capacity.
type sink struct{ b []byte }

func (s *sink) Write(p []byte) (int, error) {
	s.b = append(s.b, p...)
	return len(p), nil
}

// TestEveryTruncation: a cabinet that was cut is never taken for a whole one.
func TestEveryTruncation(t *testing.T) {
	for name, good := range smallCabinets(t) {
		t.Run(name, func(t *testing.T) {
			for n := range good {
				if got, err := try(t, good[:n]); err == nil {
					t.Errorf("cut to %d of %d bytes: %d bytes without an error", n, len(good), len(got))
				}
			}
		})
	}
}

// TestEveryBitFlip: a damaged cabinet gives the right bytes or an error.
func TestEveryBitFlip(t *testing.T) {
	for name, good := range smallCabinets(t) {
		t.Run(name, func(t *testing.T) { flipEveryBit(t, good) })
	}
	t.Run("corpus", func(t *testing.T) {
		const name = "ivellioscolin+kdlibcpp/kdlib/tests/dumps/targetapp_test_cv_allreg_i386/targetapp_test_cv_allreg_i386.cab"
		good, err := os.ReadFile(filepath.Join(fixture.Shared(t), filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		flipEveryBit(t, good)
	})
}

func flipEveryBit(t *testing.T, good []byte) {
	want, err := expand(good, cab.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	b := bytes.Clone(good)
	for i := range b {
		for bit := range 8 {
			b[i] ^= 1 << bit
			if got, err := try(t, b); err == nil && !bytes.Equal(got, want) {
				t.Errorf("bit %d of byte %#x: %d bytes that are wrong", bit, i, len(got))
			}
			b[i] ^= 1 << bit
		}
	}
}

// TestEveryBitFlipUnchecked damages cabinets without checksums: what comes out
// may be wrong, but is what fits the claims, and cheap.
func TestEveryBitFlipUnchecked(t *testing.T) {
	data := sample(rand.New(rand.NewPCG(12, 12)), 700)
	for name, m := range everyMethod() {
		t.Run(name, func(t *testing.T) {
			b := build(t, cabbuild.Cabinet{NoChecksums: true, Folders: []cabbuild.Folder{{
				Method: m, Files: []cabbuild.File{{Name: "f", Data: data}},
			}}})
			for i := range 8 * len(b) {
				b[i/8] ^= 1 << (i % 8)
				if got, err := try(t, b); err == nil && len(got) != len(data) {
					t.Errorf("bit %d: %d bytes without an error", i, len(got))
				}
				b[i/8] ^= 1 << (i % 8)
			}
		})
	}
}

// TestHavoc damages longer cabinets without checksums in several places.
func TestHavoc(t *testing.T) {
	for name, m := range everyMethod() {
		t.Run(name, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(13, 13))
			data := sample(rnd, 120_000)
			good := build(t, cabbuild.Cabinet{NoChecksums: true, Folders: []cabbuild.Folder{{
				Method: m, Files: []cabbuild.File{{Name: "f", Data: data}},
			}}})
			for range 100 {
				b := bytes.Clone(good)
				for range 1 + rnd.IntN(8) {
					b[rnd.IntN(len(b))] = byte(rnd.Uint32())
				}
				got, err := try(t, b)
				if err == nil && len(got) != len(data) && bytes.Equal(b[44:48], good[44:48]) {
					t.Errorf("%d bytes without an error, want %d", len(got), len(data))
				}
			}
		})
	}
}

// TestBombs reads containers that expand to far more than they hold.
func TestBombs(t *testing.T) {
	zeros := make([]byte, 24<<20)
	for name, b := range map[string][]byte{
		"mszip": single(t, cabbuild.MSZIP{}, zeros),
		"lzx":   single(t, cabbuild.LZX{Window: 21, Blocks: []cabbuild.Block{{Kind: cabbuild.Verbatim, Size: 8 << 20}}}, zeros),
		"gzip":  gzipped(t, "", zeros),
		"zip":   zipped(t, map[string][]byte{"f": zeros}),
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := expand(b, cab.Limits{MaxRatio: -1}); err != nil || len(got) != len(zeros) {
				t.Errorf("no ratio: %d bytes, %v; want all", len(got), err)
			}
			limited(t, b, cab.Limits{}, "MaxRatio", max(16<<20, 200*int64(len(b))))
			limited(t, b, cab.Limits{MaxRatio: 1, RatioFrom: 1 << 20}, "MaxRatio", max(1<<20, int64(len(b))))
			limited(t, b, cab.Limits{MaxSize: 12345}, "MaxSize", 12345)
			limited(t, b, cab.Limits{MaxRatio: -1, MaxSize: 24<<20 - 1}, "MaxSize", 24<<20-1)
		})
	}
}

// limited expands b, which must hit the named limit and give no more than it
// allows. A container that stays below is not a bomb and passes.
func limited(t *testing.T, b []byte, l cab.Limits, name string, most int64) {
	t.Helper()
	got, err := expand(b, l)
	if most >= 24<<20 {
		if err != nil {
			t.Errorf("%+v: %v", l, err)
		}
		return
	}
	var limit *cab.LimitError
	if !errors.As(err, &limit) || !errors.Is(err, cab.ErrTooLarge) || limit.Limit != name || limit.Max != most || int64(len(got)) > most {
		t.Errorf("%+v: %d bytes, %v; want %s at %d", l, len(got), err, name, most)
	}
}

// TestClaims: what a cabinet claims costs nothing.
func TestClaims(t *testing.T) {
	b := single(t, cabbuild.Raw{Code: 21<<8 | 3, Frames: []cabbuild.Frame{{Packed: []byte{0}, Size: 1}}}, []byte("x"))
	copy(b[44:], "\xff\xff\xff\xff") // a file of 4 GiB
	if got, err := try(t, b); !errors.Is(err, cab.ErrTooLarge) {
		t.Errorf("%d bytes, %v; want ErrTooLarge", len(got), err)
	}
}

// TestWorkBeforeMember: the folder bytes in front of a member count too.
func TestWorkBeforeMember(t *testing.T) {
	b := build(t, cabbuild.Cabinet{Folders: []cabbuild.Folder{{Method: cabbuild.MSZIP{}, Files: []cabbuild.File{
		{Name: "zeros", Data: make([]byte, 1<<20)}, {Name: "small", Data: []byte("x")},
	}}}})
	c, err := cab.New(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Open(c.Members()[1], cab.Limits{MaxSize: 1 << 20}); !errors.Is(err, cab.ErrTooLarge) {
		t.Errorf("%v, want ErrTooLarge", err)
	}
}

// TestMemoryFollowsData: a stream costs a window and a frame, not the file.
func TestMemoryFollowsData(t *testing.T) {
	data := sample(rand.New(rand.NewPCG(14, 14)), 4<<20)
	for name, c := range map[string]struct {
		m    cabbuild.Method
		size int
		most uint64
	}{
		"stored":      {cabbuild.Stored{}, len(data), 512 << 10},
		"lzx15":       {cabbuild.LZX{Window: 15}, len(data), 512 << 10},
		"lzx21":       {cabbuild.LZX{Window: 21}, len(data), 2<<20 + 512<<10},
		"lzx21_small": {cabbuild.LZX{Window: 21}, 40_000, 512 << 10},
	} {
		t.Run(name, func(t *testing.T) {
			b := single(t, c.m, data[:c.size])
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			f, err := cab.Expand(bytes.NewReader(b), int64(len(b)), cab.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			n, err := io.Copy(io.Discard, f)
			runtime.ReadMemStats(&after)
			if cost := after.TotalAlloc - before.TotalAlloc; err != nil || n != int64(c.size) || cost > c.most {
				t.Errorf("%d bytes, %v, %d allocated; want %d, at most %d", n, err, cost, c.size, c.most)
			}
		})
	}
}
