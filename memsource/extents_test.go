package memsource_test

import (
	"bytes"
	"context"
	"debug/pe"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/symres/symres/memsource"
)

// walk renders a range: data as runs of address+length, holes in brackets.
func walk(s memsource.Source, addr, size uint64) string {
	var out []string
	for ext, err := range memsource.ReadExtents(s, addr, size) {
		if err != nil {
			f, _ := errors.AsType[*memsource.Fault](err)
			out = append(out, fmt.Sprintf("[%x %v]", f.Addr, f.Reason))
			continue
		}
		out = append(out, fmt.Sprintf("%x+%x", ext.Addr, len(ext.Data)))
	}
	return strings.Join(out, " ")
}

func TestReadExtents(t *testing.T) {
	s := holding(t, 0x1000, make([]byte, 0x800))
	for _, r := range []struct {
		addr uint64
		size int
	}{{0x2000, 0x28000}, {math.MaxUint64 - 0xfff, 0x1000}} {
		if err := s.Add(r.addr, make([]byte, r.size)); err != nil {
			t.Fatal(err)
		}
	}
	const top = math.MaxUint64
	for _, c := range []struct {
		name       string
		addr, size uint64
		want       string
	}{
		{"nothing", 0x1000, 0, ""},
		{"all there", 0x1000, 0x800, "1000+800"},
		{"hole in between", 0x1700, 0x1000, "1700+100 [1800 not mapped] 2000+700"},
		{"begins in a hole", 0xfff, 2, "[fff not mapped] 1000+1"},
		{"ends in a hole", 0x17ff, 2, "17ff+1 [1800 not mapped]"},
		{"large", 0x2000, 0x28000, "2000+10000 12000+10000 22000+8000"},
		{"to the top", top - 1, 2, "fffffffffffffffe+2"},
		{"past the top", top - 1, 100, "fffffffffffffffe+2 [0 not a valid address]"},
		{"hole before the top", 0x2a000, top, "[2a000 not mapped] fffffffffffff000+1000 [0 not a valid address]"},
		{"everything", 0, top, "[0 not mapped] 1000+800 [1800 not mapped] 2000+10000 12000+10000 22000+8000 [2a000 not mapped] fffffffffffff000+fff"},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			if got := walk(s, c.addr, c.size); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestReadExtentsUnknownLength(t *testing.T) {
	s := memsource.Strict(readerFunc(func(buf []byte, addr uint64) (int, error) {
		if addr>>12&1 == 0 {
			return 0, errForeign
		}
		return min(len(buf), int(0x1000-addr&0xfff)), nil
	}))
	if got, want := walk(s, 0x2800, 0x2000), "[2800 unreadable] 3000+1000 [4000 unreadable]"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestReadExtentsBrokenSource(t *testing.T) {
	silent := readerFunc(func(buf []byte, addr uint64) (int, error) { return 0, nil })
	if got, want := walk(silent, 0x1000, 0x1800), "[1000 unreadable] [2000 unreadable]"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestReadExtentsStops(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	s := memsource.Bind(ctx, holding(t, 0x1000, make([]byte, 16)))
	if got, want := walk(s, 0x1000, 0x100000), "[1000 canceled]"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for range memsource.ReadExtents(holding(t, 0x1000, make([]byte, 16)), 0x1000, 0x100) {
		break // the walk must not go on
	}
}

func ExampleReaderAt() {
	var mem memsource.Sparse
	mem.Add(0x10000, []byte("MZ, and more"))
	mem.AddFault(0x1000c, 0x1000, memsource.Fault{Reason: memsource.ReasonPagedOut, PageFileOffset: 0x5000})

	module := io.NewSectionReader(memsource.ReaderAt(&mem, 0x10000, 0x1000), 0, 0x1000)
	magic := make([]byte, 2)
	fmt.Println(io.ReadFull(module, magic))
	_, err := io.ReadAll(module)
	fmt.Println(err)
	// Output:
	// 2 <nil>
	// 0001000c: paged out: pagefile 0 offset 0x5000
}

func TestReaderAtEnd(t *testing.T) {
	text := []byte("sixteen bytes...")
	r := memsource.ReaderAt(holding(t, 0x1000, text), 0x1000, uint64(len(text)))
	if err := iotest.TestReader(io.NewSectionReader(r, 0, int64(len(text))), text); err != nil {
		t.Error(err)
	}
	for _, c := range []struct {
		off     int64
		size, n int
		eof     bool
	}{{0, 16, 16, false}, {0, 17, 16, true}, {8, 9, 8, true}, {16, 1, 0, true}, {math.MaxInt64, 1, 0, true}, {4, 0, 0, false}} {
		n, err := r.ReadAt(make([]byte, c.size), c.off)
		if n != c.n || (err == io.EOF) != c.eof || (err == nil) == c.eof {
			t.Errorf("ReadAt(%d bytes, %d) = %d, %v", c.size, c.off, n, err)
		}
	}
	if _, err := r.ReadAt(make([]byte, 1), -1); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("negative offset: %v", err)
	}
}

func TestReaderAtHole(t *testing.T) {
	r := memsource.ReaderAt(holding(t, 0x1000, make([]byte, 16)), 0x1000, 0x1000)
	n, err := r.ReadAt(make([]byte, 32), 8)
	if f := asFault(t, err); n != 8 || f.Addr != 0x1010 || errors.Is(err, io.EOF) {
		t.Errorf("n = %d, %v", n, err)
	}
	eof := readerFunc(func([]byte, uint64) (int, error) { return 0, io.EOF })
	if _, err := memsource.ReaderAt(eof, 0x1000, 16).ReadAt(make([]byte, 8), 0); errors.Is(err, io.EOF) {
		t.Errorf("a hole looks like the end of a file: %v", err)
	}
}

func TestReaderAtTop(t *testing.T) {
	s := holding(t, math.MaxUint64-15, make([]byte, 16))
	r := memsource.ReaderAt(s, math.MaxUint64-15, 0x100)
	n, err := r.ReadAt(make([]byte, 32), 0)
	if n != 16 || !errors.Is(err, memsource.ErrNonCanonical) {
		t.Errorf("across the top: n = %d, %v", n, err)
	}
	if n, err := r.ReadAt(make([]byte, 1), 32); n != 0 || !errors.Is(err, memsource.ErrNonCanonical) {
		t.Errorf("beyond the top: n = %d, %v", n, err)
	}
}

// TestReaderAtKeepsFaultThroughParser: a parser that knows nothing of faults
// still lets the reason through.
func TestReaderAtKeepsFaultThroughParser(t *testing.T) {
	s := new(memsource.Sparse)
	s.AddFault(0x1000, 0x1000, memsource.Fault{Reason: memsource.ReasonPagedOut})
	_, err := pe.NewFile(memsource.ReaderAt(s, 0x1000, 0x1000))
	if !errors.Is(err, memsource.ErrPagedOut) {
		t.Errorf("debug/pe gives %v", err)
	}
}

// FuzzReadExtents: extents and holes together tile the range exactly once.
func FuzzReadExtents(f *testing.F) {
	f.Add([]byte{0, 10, 20, 40, 3, 9}, uint64(0x1000), uint64(0x3000), true)
	f.Add([]byte{}, uint64(math.MaxUint64), uint64(math.MaxUint64), false)
	f.Fuzz(func(t *testing.T, ops []byte, addr, size uint64, known bool) {
		s := new(memsource.Sparse)
		for ; len(ops) >= 2; ops = ops[2:] {
			start := addr + uint64(ops[0])*0x123
			_ = s.Add(start, bytes.Repeat([]byte{1}, int(ops[1])*0x111)) // may wrap: then it is not there
		}
		var src memsource.Source = s
		if !known { // the same without lengths, with small steps to keep it short
			size %= 1 << 20
			src = readerFunc(func(buf []byte, addr uint64) (int, error) {
				n, err := s.ReadMemory(buf, addr)
				if err != nil {
					err = memsource.NewFault(asFault(t, err).Reason, addr+uint64(n), 0)
				}
				return n, err
			})
		}
		next, covered := addr, uint64(0)
		for ext, err := range memsource.ReadExtents(src, addr, size) {
			at, n := ext.Addr, uint64(len(ext.Data))
			if err != nil {
				if ext.Data != nil {
					t.Fatal("both an extent and an error")
				}
				fault := asFault(t, err)
				if at, n = fault.Addr, fault.Len; n == 0 {
					n = 0x1000 - at%0x1000
				}
			}
			if at != next || n == 0 {
				t.Fatalf("at %#x, want %#x", at, next)
			}
			n = min(n, size-covered)
			next, covered = at+n, covered+n
			if next == 0 {
				return // the top: one more fault may follow, nothing else
			}
		}
		if covered != size {
			t.Fatalf("%#x of %#x bytes covered", covered, size)
		}
	})
}
