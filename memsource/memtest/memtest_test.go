package memtest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/memtest"
)

func ExampleTestSource() {
	var src memsource.Sparse
	src.Add(0x2000, []byte("readable"))

	fmt.Println(memtest.TestSource(&src,
		memtest.Hole(0x1000, 0x1000, memsource.ReasonNotMapped),
		memtest.Data(0x2000, []byte("readable")),
		memtest.Hole(0x2008, 0x1000, memsource.ReasonNotMapped)))
	fmt.Println(memtest.TestSource(&src, memtest.Hole(0x2000, 1, memsource.ReasonPagedOut)) != nil)
	// Output:
	// <nil>
	// true
}

// spliced is a list of regions that reads correctly, until one of the faults
// known from debuggers is switched on.
type spliced struct {
	loses    bool // adding a region throws away what it did not overlap
	forwards bool // an address below the first region is given to that region
	silent   bool // the end of the last region is a short read without error
	untyped  bool // errors say what, not where
	regions  []region
}

type region struct {
	addr uint64
	data []byte
}

func (r region) end() uint64 { return r.addr + uint64(len(r.data)) }

// add puts a region over the ones there.
//
//	old   |-----------|
//	new        |---|
//	left  |---|     |-|   and with loses: |---|
func (s *spliced) add(addr uint64, data []byte) {
	n := region{addr, data}
	var kept []region
	for _, r := range s.regions {
		if r.addr < n.addr {
			kept = append(kept, region{r.addr, r.data[:min(r.end(), n.addr)-r.addr]})
		}
		if r.end() > n.end() && !s.loses {
			from := max(r.addr, n.end())
			kept = append(kept, region{from, r.data[from-r.addr:]})
		}
	}
	s.regions = append(kept, n)
}

func (s *spliced) ReadMemory(buf []byte, addr uint64) (n int, err error) {
	for n < len(buf) {
		at := addr + uint64(n)
		r, ok := s.find(at)
		if at < addr || !ok {
			return s.miss(n, at, at < addr)
		}
		past := at - r.addr
		if at < r.addr {
			past = 0
		}
		n += copy(buf[n:], r.data[past:])
	}
	return n, nil
}

func (s *spliced) miss(n int, at uint64, wrapped bool) (int, error) {
	reason := memsource.ReasonNotMapped
	if wrapped {
		reason = memsource.ReasonNonCanonical
	}
	switch {
	case s.silent && n > 0:
		return n, nil
	case s.untyped:
		return n, errors.New("did not match any regions")
	}
	return n, memsource.NewFault(reason, at, 0)
}

func (s *spliced) find(addr uint64) (region, bool) {
	first := s.regions[0]
	for _, r := range s.regions {
		if addr >= r.addr && addr-r.addr < uint64(len(r.data)) {
			return r, true
		}
		if r.addr < first.addr {
			first = r
		}
	}
	return first, s.forwards && addr < first.addr
}

// TestSourceCatchesSplicedMemory runs the suite over a source that is right
// and over the same source with each of the four faults found in delve's
// SplicedMemory.
func TestSourceCatchesSplicedMemory(t *testing.T) {
	below := bytes.Repeat([]byte{'A'}, 0x1000)
	above := bytes.Repeat([]byte{'B'}, 0x1400)
	want := []memtest.Want{
		memtest.Hole(0x800, 0x800, memsource.ReasonNotMapped),
		memtest.Data(0x1000, above),
		memtest.Data(0x2400, below[:0x200]),
		memtest.Hole(0x2600, 0x1000, memsource.ReasonNotMapped),
	}
	for _, c := range []struct {
		name   string
		source spliced
		report string // part of the report, "" for none
	}{
		{"correct", spliced{}, ""},
		{"loses memory above an overlap", spliced{loses: true}, "should be there"},
		{"forwards an address below the first region", spliced{forwards: true}, "in a hole"},
		{"short read with nil error", spliced{silent: true}, "err = <nil>"},
		{"untyped error", spliced{untyped: true}, "error without Fault"},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			src := c.source
			src.add(0x1600, below)
			src.add(0x1000, above)
			expect(t, memtest.TestSource(&src, want...), c.report)
		})
	}
}

// expect checks that a report says something, or that there is none.
func expect(t *testing.T, err error, part string) {
	t.Helper()
	switch {
	case part == "" && err != nil:
		t.Errorf("got %v, want no report", err)
	case part != "" && (err == nil || !strings.Contains(err.Error(), part)):
		t.Errorf("got %v, want a report with %q", err, part)
	}
}

type readerFunc func(buf []byte, addr uint64) (int, error)

func (f readerFunc) ReadMemory(buf []byte, addr uint64) (int, error) { return f(buf, addr) }

// text is what the broken sources below hold at 0x1000.
var text = strings.Repeat("0123456789abcdef", 0x80)

func sparse() *memsource.Sparse {
	s := new(memsource.Sparse)
	if err := s.Add(0x1000, []byte(text)); err != nil {
		panic(err)
	}
	return s
}

// twist returns sparse() with its answers changed.
func twist(f func(buf []byte, addr uint64, n int, err error) (int, error)) memsource.Source {
	s := sparse()
	return readerFunc(func(buf []byte, addr uint64) (int, error) {
		n, err := s.ReadMemory(buf, addr)
		return f(buf, addr, n, err)
	})
}

// twistFault changes the fault of a failed read.
func twistFault(f func(*memsource.Fault)) memsource.Source {
	return twist(func(_ []byte, _ uint64, n int, err error) (int, error) {
		if fault, ok := errors.AsType[*memsource.Fault](err); ok {
			f(fault)
		}
		return n, err
	})
}

func TestSourceCatches(t *testing.T) {
	for _, c := range []struct {
		name, report string
		src          memsource.Source
	}{
		{"count too large", "n = ", twist(func(_ []byte, _ uint64, n int, err error) (int, error) { return n + 1, err })},
		{"negative count", "n = -1", twist(func(_ []byte, _ uint64, n int, err error) (int, error) { return n - 1, err })},
		{"error with a full count", "but err = ", twist(func(buf []byte, addr uint64, n int, err error) (int, error) {
			if n == len(buf) {
				err = memsource.NewFault(memsource.ReasonIO, addr+uint64(n), 0)
			}
			return n, err
		})},
		{"wrong bytes", "wrong bytes", twist(func(buf []byte, _ uint64, n int, err error) (int, error) {
			if n > 4 {
				buf[n-1]++
			}
			return n, err
		})},
		{"writes behind the buffer", "behind the end of the buffer", twist(func(buf []byte, _ uint64, n int, err error) (int, error) {
			if cap(buf) > len(buf) {
				buf[:len(buf)+1][len(buf)] = 0
			}
			return n, err
		})},
		{"all or nothing", "should be there", twist(func(buf []byte, addr uint64, n int, err error) (int, error) {
			if err != nil {
				return 0, memsource.NewFault(memsource.ReasonNotMapped, addr, 0)
			}
			return n, err
		})},
		{"fault at the start of the read", "but Fault.Addr", twist(func(_ []byte, addr uint64, n int, err error) (int, error) {
			if err != nil {
				err = memsource.NewFault(memsource.ReasonNotMapped, addr, 0)
			}
			return n, err
		})},
		{"length covers readable bytes", "covers", twistFault(func(f *memsource.Fault) { f.Len = math.MaxUint64 })},
		{"no status", "without Status", twistFault(func(f *memsource.Fault) { f.Status = 0 })},
		{"wrong reason", "want \"not mapped\"", twistFault(func(f *memsource.Fault) { f.Reason = memsource.ReasonPagedOut })},
		{"wrap is a hole", "past the top", wrapIsHole()},
		{"wraps around", "past the top of the address space", wrapsAround()},
		{"two lines", "more than one line", twoLines()},
		{"answers change", "two reads", changing()},
		{"cancel hides its cause", "does not unwrap", cancelHides{sparse()}},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			expect(t, memtest.TestSource(c.src,
				memtest.Hole(0xf00, 0x100, memsource.ReasonNotMapped),
				memtest.Data(0x1000, []byte(text)),
				memtest.Hole(0x1800, 0x1000, memsource.ReasonNotMapped)), c.report)
		})
	}
}

func twoLines() memsource.Source {
	return twist(func(_ []byte, _ uint64, n int, err error) (int, error) {
		if err != nil {
			err = fmt.Errorf("failed:\n%w", err)
		}
		return n, err
	})
}

// wrapIsHole has bytes up to the top and calls what follows not mapped.
func wrapIsHole() memsource.Source {
	s := sparse()
	if err := s.Add(math.MaxUint64-0xf, make([]byte, 16)); err != nil {
		panic(err)
	}
	return readerFunc(func(buf []byte, addr uint64) (int, error) {
		n, err := s.ReadMemory(buf, addr)
		if f, ok := errors.AsType[*memsource.Fault](err); ok && f.Reason == memsource.ReasonNonCanonical {
			err = memsource.NewFault(memsource.ReasonNotMapped, f.Addr, 0)
		}
		return n, err
	})
}

// wrapsAround goes on reading at 0.
func wrapsAround() memsource.Source {
	s := sparse()
	return readerFunc(func(buf []byte, addr uint64) (int, error) {
		if addr+uint64(len(buf)) < addr {
			return len(buf), nil
		}
		return s.ReadMemory(buf, addr)
	})
}

// changing loses its last byte on every other read across the end.
func changing() memsource.Source {
	var reads atomic.Uint32
	return twist(func(_ []byte, addr uint64, n int, err error) (int, error) {
		if n == 0 || err == nil {
			return n, err
		}
		if reads.Add(1)%2 == 0 {
			n--
		}
		return n, memsource.NewFault(memsource.ReasonNotMapped, addr+uint64(n), 0)
	})
}

// cancelHides reports cancellation without the context's error.
type cancelHides struct{ *memsource.Sparse }

func (c cancelHides) ReadMemoryContext(ctx context.Context, buf []byte, addr uint64) (int, error) {
	if ctx.Err() != nil {
		return 0, memsource.NewFault(memsource.ReasonCanceled, addr, 0)
	}
	return c.ReadMemory(buf, addr)
}

func TestSourceChecksItsOwnInput(t *testing.T) {
	err := memtest.TestSource(sparse(), memtest.Data(0x1000, []byte(text[:8])), memtest.Hole(0x1004, 8, 0))
	expect(t, err, "overlap")
}
