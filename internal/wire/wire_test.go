package wire_test

import (
	"errors"
	"io"
	"math"
	"testing"

	"github.com/symres/symres/internal/wire"
)

func TestIn(t *testing.T) {
	for _, c := range []struct {
		off, n, size uint64
		want         bool
	}{
		{0, 0, 0, true}, {0, 1, 0, false}, {4, 4, 8, true}, {5, 4, 8, false},
		{math.MaxUint64, 1, 8, false}, {8, math.MaxUint64, 9, false}, {9, 0, 8, false},
	} {
		if got := wire.In(c.off, c.n, c.size); got != c.want {
			t.Errorf("In(%#x, %#x, %#x) = %v, want %v", c.off, c.n, c.size, got, c.want)
		}
	}
}

func TestCursorReads(t *testing.T) {
	c := wire.New("test", []byte{1, 2, 0, 3, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 'h', 'i', 0})
	if a, b, d, e := c.U8(), c.U16(), c.U32(), c.U64(); a != 1 || b != 2 || d != 3 || e != 4 {
		t.Errorf("got %d %d %d %d, want 1 2 3 4", a, b, d, e)
	}
	if s := c.CStr(); string(s) != "hi" {
		t.Errorf("CStr = %q, want hi", s)
	}
	if c.Err() != nil || c.Len() != 0 {
		t.Errorf("err %v, %d left; want none", c.Err(), c.Len())
	}
}

func TestCursorFirstErrorSticks(t *testing.T) {
	c := wire.At("debug directory", 0x100, []byte{1, 2, 3})
	c.U16()
	if v := c.U32(); v != 0 {
		t.Errorf("short read gave %d, want 0", v)
	}
	if v := c.U8(); v != 0 || c.Len() != 0 || c.CStr() != nil {
		t.Errorf("reads after a failure must give nothing, got %d", v)
	}
	var e *wire.Error
	if !errors.As(c.Err(), &e) || e.Offset != 0x102 || e.Section != "debug directory" {
		t.Errorf("err = %v, want one at debug directory+0x102", c.Err())
	}
	if !errors.Is(c.Err(), io.ErrUnexpectedEOF) {
		t.Errorf("err = %v, want io.ErrUnexpectedEOF", c.Err())
	}
}

func TestCursorStringWithoutNUL(t *testing.T) {
	c := wire.New("names", []byte("abc"))
	if s := c.CStr(); s != nil || c.Err() == nil {
		t.Errorf("CStr = %q, %v; want a failure", s, c.Err())
	}
}

func FuzzCursor(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8, 'a', 0}, []byte{1, 2, 4, 8, 0})
	f.Fuzz(func(t *testing.T, data, ops []byte) {
		c := wire.New("fuzz", data)
		for _, op := range ops {
			before := c.Len()
			switch n := len(c.Bytes(int(op))); {
			case c.Err() == nil && (n != int(op) || c.Len() != before-n):
				t.Fatalf("read %d of %d bytes, %d left of %d, no error", n, op, c.Len(), before)
			case c.Err() != nil && n != 0:
				t.Fatalf("%d bytes after %v", n, c.Err())
			}
		}
	})
}
