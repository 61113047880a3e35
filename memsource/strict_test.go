package memsource_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/memtest"
)

// ExampleStrict shows a reader that reports failure in words only.
func ExampleStrict() {
	foreign := readerFunc(func(buf []byte, addr uint64) (int, error) {
		if addr < 0x1000 || addr+uint64(len(buf)) > 0x1100 {
			return 0, errors.New("did not match any regions")
		}
		return len(buf), nil
	})
	n, err := memsource.Strict(foreign).ReadMemory(make([]byte, 16), 0x10f8)
	fmt.Println(n, err)
	// Output: 8 00001100: unreadable: did not match any regions
}

var errForeign = errors.New("foreign error")

// manners are the ways foreign readers answer, given how many of the bytes
// asked for they really have.
var manners = map[string]func(have, asked int) (int, error){
	"all or nothing": func(have, asked int) (int, error) {
		if have < asked {
			return 0, errForeign
		}
		return have, nil
	},
	"all or nothing with EOF": func(have, asked int) (int, error) {
		if have < asked {
			return 0, io.EOF
		}
		return have, io.EOF
	},
	"short with nil error": func(have, _ int) (int, error) { return have, nil },
	"short with error": func(have, asked int) (int, error) {
		if have < asked {
			return have, errForeign
		}
		return have, nil
	},
	"a few at a time": func(have, _ int) (int, error) { return min(have, 300), nil },
	"count too large when short": func(have, asked int) (int, error) {
		if have < asked {
			return asked + 5, nil
		}
		return have, nil
	},
	"negative when short": func(have, asked int) (int, error) {
		if have < asked {
			return -1, errForeign
		}
		return have, nil
	},
	"full count with error when short": func(have, asked int) (int, error) {
		if have < asked {
			return asked, errForeign
		}
		return have, nil
	},
}

// foreign answers from mem in the given manner and fails the test when asked
// to wrap.
func foreign(t testing.TB, mem memsource.Source, answer func(have, asked int) (int, error)) memsource.Source {
	return readerFunc(func(buf []byte, addr uint64) (int, error) {
		if len(buf) == 0 || addr+uint64(len(buf)-1) < addr {
			t.Errorf("asked for %d bytes at %#x", len(buf), addr)
		}
		n, _ := mem.ReadMemory(buf, addr)
		return answer(n, len(buf))
	})
}

func TestStrict(t *testing.T) {
	text := bytes.Repeat([]byte("0123456789abcdef"), 0x234)
	top := -uint64(len(text))
	mem := holding(t, 0x12345, text)
	if err := mem.Add(top, text); err != nil {
		t.Fatal(err)
	}
	for name, answer := range manners {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			err := memtest.TestSource(memsource.Strict(foreign(t, mem, answer)),
				memtest.Hole(0x11000, 0x1345, memsource.ReasonUnknown),
				memtest.Data(0x12345, text),
				memtest.Hole(0x12345+uint64(len(text)), 0x2000, memsource.ReasonUnknown),
				memtest.Data(top, text))
			if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestStrictKeepsFaults(t *testing.T) {
	mem := holding(t, 0x1000, make([]byte, 16))
	mem.AddFault(0x1010, 0x10, memsource.Fault{Reason: memsource.ReasonPagedOut, PageFile: 3})
	wrapping := readerFunc(func(buf []byte, addr uint64) (int, error) {
		n, err := mem.ReadMemory(buf, addr)
		if err != nil {
			err = fmt.Errorf("outer: %w", err)
		}
		return n, err
	})
	n, err := memsource.Strict(wrapping).ReadMemory(make([]byte, 32), 0x1000)
	if f := asFault(t, err); n != 16 || f.PageFile != 3 || f.Len != 0x10 || !strings.HasPrefix(err.Error(), "outer") {
		t.Errorf("n = %d, %v", n, err)
	}
}

// TestStrictMovesFaults: the reason of a fault at the wrong address is worth
// keeping, its length is not.
func TestStrictMovesFaults(t *testing.T) {
	mem := holding(t, 0x1000, make([]byte, 0x10))
	atStart := readerFunc(func(buf []byte, addr uint64) (int, error) {
		n, err := mem.ReadMemory(buf, addr)
		if err != nil {
			return 0, &memsource.Fault{Addr: addr, Len: 0x100, Reason: memsource.ReasonPagedOut}
		}
		return n, err
	})
	n, err := memsource.Strict(atStart).ReadMemory(make([]byte, 0x20), 0x1000)
	if f := asFault(t, err); n != 0x10 || f.Addr != 0x1010 || f.Reason != memsource.ReasonPagedOut || f.Status == 0 {
		t.Errorf("n = %#x, %+v", n, *f)
	}
}

func TestStrictHidesEOF(t *testing.T) {
	eof := readerFunc(func([]byte, uint64) (int, error) { return 0, io.EOF })
	_, err := memsource.Strict(eof).ReadMemory(make([]byte, 8), 0x1000)
	if errors.Is(err, io.EOF) || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a hole must not look like the end of a file: %v", err)
	}
}

// TestStrictAsksLittle counts what finding the edge of a hole costs with a
// reader that gives all or nothing.
func TestStrictAsksLittle(t *testing.T) {
	mem := holding(t, 0x1000, make([]byte, 0x10801))
	var asked int
	counting := readerFunc(func(buf []byte, addr uint64) (int, error) {
		asked++
		n, err := mem.ReadMemory(buf, addr)
		if err != nil {
			return 0, errForeign
		}
		return n, nil
	})
	for _, c := range []struct {
		name      string
		addr      uint64
		size      int
		most, got int
	}{
		{"all there", 0x1000, 0x10000, 1, 0x10000},
		{"hole at the start", 0x200000, 0x10000, 3, 0},
		{"hole far in", 0x1000, 0x20000, 1 + 17 + 13, 0x10801},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			asked = 0
			n, _ := memsource.Strict(counting).ReadMemory(make([]byte, c.size), c.addr)
			if n != c.got || asked > c.most {
				t.Errorf("n = %#x after %d reads, want %#x after at most %d", n, asked, c.got, c.most)
			}
		})
	}
}

// FuzzStrict: whatever the manners, exactly the run of bytes that are there is
// returned, and the fault stands right behind it.
func FuzzStrict(f *testing.F) {
	f.Add([]byte{0xff, 0x0f, 0x01}, uint16(0xff8), uint8(20))
	f.Add([]byte{0x01}, uint16(0), uint8(1))
	f.Add(bytes.Repeat([]byte{0xff}, 16), uint16(0xf80), uint8(128))
	f.Fuzz(func(t *testing.T, present []byte, at uint16, size uint8) {
		const base = 0x100000
		has := func(off uint64) bool {
			off -= uint64(at)
			return off/8 < uint64(len(present)) && present[off/8]>>(off%8)&1 != 0
		}
		mem := readerFunc(func(buf []byte, addr uint64) (n int, err error) {
			for n < len(buf) && has(addr+uint64(n)-base) {
				buf[n] = byte(addr + uint64(n))
				n++
			}
			return n, nil
		})
		addr := base + uint64(at)
		want := 0
		for want < int(size) && has(addr+uint64(want)-base) {
			want++
		}
		for name, answer := range manners {
			buf := make([]byte, size)
			n, err := memsource.Strict(foreign(t, mem, answer)).ReadMemory(buf, addr)
			if n != want || (err == nil) != (n == len(buf)) {
				t.Fatalf("%s: n = %d, %v; want %d", name, n, err, want)
			}
			for i := range n {
				if buf[i] != byte(addr+uint64(i)) {
					t.Fatalf("%s: byte %d is wrong", name, i)
				}
			}
			if err != nil && asFault(t, err).Addr != addr+uint64(n) {
				t.Fatalf("%s: n = %d, %v", name, n, err)
			}
		}
	})
}
