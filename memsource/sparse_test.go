package memsource_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
	"testing"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/memtest"
)

// TestSparseOverlaps draws each case: later ranges lie lower in the picture,
// each column is 16 bytes from 1000 on, and the last line is what is read.
func TestSparseOverlaps(t *testing.T) {
	for _, c := range []struct {
		name   string
		ranges []string // a letter is a byte value, ! a fault, a blank nothing
		want   string
	}{
		{"none", []string{""}, "        "},
		{"apart", []string{"aa", "    bb"}, "aa  bb  "},
		{"touching", []string{"aa", "  bb"}, "aabb    "},
		{"same", []string{"aaaa", "bbbb"}, "bbbb    "},
		{"tail stays", []string{" aaaa", "bbb"}, "bbbaa   "},
		{"head stays", []string{"aaaa", "  bbbb"}, "aabbbb  "},
		{"both sides stay", []string{"aaaaaa", "  bb"}, "aabbaa  "},
		{"swallowed", []string{"  aa", "bbbbbb"}, "bbbbbb  "},
		{"across two", []string{"aaa", "    bbb", "  cccc"}, "aaccccb "},
		{"across a gap", []string{"aa", "      b", " cccccc"}, "acccccc "},
		{"three deep", []string{"aaaaaaaa", " bbbbbb", "  cc", "    dd"}, "abccddba"},
		{"older shows again", []string{"aaaaaaaa", " b", "   b", "     b"}, "abababaa"},
		{"fault over bytes", []string{"aaaaaa", "  !!"}, "aa!!aa  "},
		{"bytes over fault", []string{"!!!!!!", "  aa"}, "!!aa!!  "},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s memsource.Sparse
			for _, r := range c.ranges {
				addPicture(t, &s, 0x1000, r)
			}
			if got := picture(&s, 0x1000); got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
			top := memsource.Sparse{}
			for _, r := range c.ranges {
				addPicture(t, &top, math.MaxUint64-127, r)
			}
			if got := picture(&top, math.MaxUint64-127); got != c.want {
				t.Errorf("at the top: got  %q\nwant %q", got, c.want)
			}
		})
	}
}

// addPicture adds the range a line of a picture shows.
func addPicture(t *testing.T, s *memsource.Sparse, addr uint64, line string) {
	t.Helper()
	body := bytes.TrimLeft([]byte(line), " ")
	addr += 16 * uint64(len(line)-len(body))
	if len(body) > 0 && body[0] == '!' {
		s.AddFault(addr, 16*uint64(len(body)), memsource.Fault{Reason: memsource.ReasonPagedOut})
		return
	}
	if err := s.Add(addr, bytes.Repeat(body, 16)); err != nil {
		t.Fatal(err)
	}
}

// picture reads eight columns.
func picture(s memsource.Source, addr uint64) string {
	var line []byte
	for i := range uint64(8) {
		var b [16]byte
		err := memsource.ReadFull(s, b[:], addr+16*i)
		switch {
		case err == nil:
			line = append(line, b[7])
		case errors.Is(err, memsource.ErrPagedOut):
			line = append(line, '!')
		default:
			line = append(line, ' ')
		}
	}
	return string(line)
}

func TestSparseSuite(t *testing.T) {
	text := bytes.Repeat([]byte("sixteen bytes..."), 0x200)
	s := &memsource.Sparse{Missing: memsource.ReasonNotInDump}
	for _, r := range []struct {
		addr uint64
		data []byte
	}{{0x2000, text}, {0x1000, text[:0x1800]}, {-uint64(len(text)), text}, {0x4000, text[:1]}} {
		if err := s.Add(r.addr, r.data); err != nil {
			t.Fatal(err)
		}
	}
	s.AddFault(0x5000, 0x3000, memsource.Fault{Reason: memsource.ReasonPagedOut, PageFileOffset: 0x1000})
	if err := s.AddReader(0x9000, 0x800, bytes.NewReader(text), 0x10); err != nil {
		t.Fatal(err)
	}
	err := memtest.TestSource(s,
		memtest.Hole(0, 0x1000, memsource.ReasonNotInDump),
		memtest.Data(0x1000, text[:0x1800]),
		memtest.Data(0x2800, text[0x800:0x2000]),
		memtest.Hole(0x4001, 0xfff, memsource.ReasonNotInDump),
		memtest.Hole(0x5000, 0x3000, memsource.ReasonPagedOut),
		memtest.Hole(0x8000, 0x1000, memsource.ReasonNotInDump),
		memtest.Data(0x9000, text[0x10:0x810]),
		memtest.Data(-uint64(len(text)), text))
	if err != nil {
		t.Error(err)
	}
}

func TestSparseZeroValue(t *testing.T) {
	var s memsource.Sparse
	err := memsource.ReadFull(&s, make([]byte, 1), 0)
	if f := asFault(t, err); f.Reason != memsource.ReasonNotMapped || f.Len != math.MaxUint64 {
		t.Errorf("fault %+v", *f)
	}
}

func TestSparseRefuses(t *testing.T) {
	var s memsource.Sparse
	if err := s.Add(math.MaxUint64, make([]byte, 2)); !errors.Is(err, memsource.ErrNonCanonical) {
		t.Errorf("range that wraps: %v", err)
	}
	r := bytes.NewReader(nil)
	if err := s.AddReader(math.MaxUint64, 2, r, 0); !errors.Is(err, memsource.ErrNonCanonical) {
		t.Errorf("file range that wraps: %v", err)
	}
	for _, c := range []struct {
		size uint64
		off  int64
	}{{1, -1}, {2, math.MaxInt64}, {math.MaxUint64, 0}} {
		if err := s.AddReader(0, c.size, r, c.off); err == nil {
			t.Errorf("file range of %#x bytes at %#x: no error", c.size, c.off)
		}
	}
	s.AddFault(math.MaxUint64, 2, memsource.Fault{Reason: memsource.ReasonPagedOut})
	if f := asFault(t, memsource.ReadFull(&s, make([]byte, 2), math.MaxUint64)); f.Reason != memsource.ReasonPagedOut || f.Len != 1 {
		t.Errorf("fault range cut at the top: %+v", *f)
	}
}

type failingReader struct{ err error }

func (r failingReader) ReadAt(p []byte, _ int64) (int, error) { return len(p) / 2, r.err }

func TestSparseFileFaults(t *testing.T) {
	var s memsource.Sparse
	for _, err := range []error{
		s.AddReader(0x1000, 0x1000, bytes.NewReader(make([]byte, 0x500)), 0x100),
		s.AddReader(0x3000, 0x1000, failingReader{io.ErrClosedPipe}, 0),
		s.AddReader(0x5000, 0x1000, bytes.NewReader(nil), math.MaxInt64-0x1000),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	n, err := s.ReadMemory(make([]byte, 0x800), 0x1000)
	if f := asFault(t, err); n != 0x400 || f.Reason != memsource.ReasonTruncated || f.Len != 0xc00 {
		t.Errorf("past the end of the file: n = %#x, %+v", n, *f)
	}
	n, err = s.ReadMemory(make([]byte, 0x10), 0x3000)
	if f := asFault(t, err); n != 8 || f.Reason != memsource.ReasonIO || !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("file that fails: n = %#x, %+v", n, *f)
	}
	if _, err = s.ReadMemory(make([]byte, 0x10), 0x5ff0); !errors.Is(err, memsource.ErrTruncated) {
		t.Errorf("far offset: %v", err)
	}
}

func TestSparseFaultMovesOn(t *testing.T) {
	var s memsource.Sparse
	s.AddFault(0x1800, 0x3000, memsource.Fault{Reason: memsource.ReasonFileBacked, File: "a.sys", FileOffset: 0x400})
	if err := s.Add(0x3000, []byte("x")); err != nil {
		t.Fatal(err)
	}
	f := asFault(t, memsource.ReadFull(&s, make([]byte, 1), 0x3001))
	if f.FileOffset != 0x2400 || f.Len != 0x17ff || f.Status != memsource.StatusInPageError {
		t.Errorf("fault %+v", *f)
	}
}

func TestSparseAddWhileReading(t *testing.T) {
	var s memsource.Sparse
	var wg sync.WaitGroup
	for i := range uint64(4) {
		wg.Go(func() {
			for k := range uint64(50) {
				addr := i<<32 + k<<12
				if err := s.Add(addr, []byte{byte(k)}); err != nil {
					t.Error(err)
				}
				if v, err := memsource.U8(&s, addr); err != nil || v != byte(k) {
					t.Errorf("%#x: %d, %v", addr, v, err)
				}
			}
		})
	}
	wg.Wait()
}

// FuzzSparse compares with a plain array, in a window at the bottom of the
// address space and one that ends at its very top.
func FuzzSparse(f *testing.F) {
	f.Add([]byte{0, 10, 20, 1, 15, 30, 2, 0, 255}, false)
	f.Add([]byte{0, 0, 255, 0, 250, 5, 1, 100, 100}, true)
	f.Fuzz(func(t *testing.T, ops []byte, top bool) {
		const window = 256
		base := uint64(0)
		if top {
			base = math.MaxUint64 - window + 1
		}
		const gap, fault = -1, -2
		var model [window]int
		for i := range model {
			model[i] = gap
		}
		var s memsource.Sparse
		for n := 0; len(ops) >= 3; n, ops = n+1, ops[3:] {
			at, size := int(ops[1]), min(int(ops[2]), window-int(ops[1]))
			value := n & 0xff
			if ops[0]%3 == 1 {
				value = fault
				s.AddFault(base+uint64(at), uint64(size), memsource.Fault{Reason: memsource.ReasonPagedOut})
			} else if err := s.Add(base+uint64(at), bytes.Repeat([]byte{byte(n)}, size)); err != nil {
				t.Fatal(err)
			}
			for i := range size {
				model[at+i] = value
			}
		}
		for at := range model {
			buf := make([]byte, window-at)
			n, err := s.ReadMemory(buf, base+uint64(at))
			run := 0
			for run < len(buf) && model[at+run] >= 0 {
				if run < n && int(buf[run]) != model[at+run] {
					t.Fatalf("byte at %d is %d, want %d", at+run, buf[run], model[at+run])
				}
				run++
			}
			if n != run || (err == nil) != (n == len(buf)) {
				t.Fatalf("read at %d: n = %d, %v; want %d", at, n, err, run)
			}
			if err != nil {
				checkHole(t, asFault(t, err), base, at+n, model[:])
			}
		}
	})
}

// checkHole checks that a fault is right for all the bytes it claims.
func checkHole(t *testing.T, f *memsource.Fault, base uint64, at int, model []int) {
	t.Helper()
	if f.Addr != base+uint64(at) || f.Len == 0 {
		t.Fatalf("fault %+v, want one at %d", *f, at)
	}
	for i := at; i < len(model) && uint64(i-at) < f.Len; i++ {
		if model[i] != model[at] {
			t.Fatalf("fault at %d claims %#x bytes, but at %d it is different", at, f.Len, i)
		}
	}
	if (f.Reason == memsource.ReasonPagedOut) != (model[at] == -2) {
		t.Fatalf("at %d: %v", at, f)
	}
}

// BenchmarkSparseBuild adds ranges in the worst order and reads one byte.
func BenchmarkSparseBuild(b *testing.B) {
	const ranges = 20000
	b.ReportAllocs()
	for b.Loop() {
		var s memsource.Sparse
		for i := range uint64(ranges) {
			if err := s.Add((ranges-i)*64, make([]byte, 32)); err != nil {
				b.Fatal(err)
			}
		}
		if v, err := memsource.U8(&s, 64); v != 0 || err != nil {
			b.Fatal(fmt.Errorf("%d, %w", v, err))
		}
	}
}
