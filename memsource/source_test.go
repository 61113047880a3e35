package memsource_test

import (
	"context"
	"errors"
	"io"
	"math"
	"testing"

	"github.com/symres/symres/memsource"
)

// readerFunc is a reader of any manners.
type readerFunc func(buf []byte, addr uint64) (int, error)

func (f readerFunc) ReadMemory(buf []byte, addr uint64) (int, error) { return f(buf, addr) }

// holding returns memory with data at addr.
func holding(t testing.TB, addr uint64, data []byte) *memsource.Sparse {
	t.Helper()
	s := new(memsource.Sparse)
	if err := s.Add(addr, data); err != nil {
		t.Fatal(err)
	}
	return s
}

// asFault returns the Fault an error carries.
func asFault(t testing.TB, err error) *memsource.Fault {
	t.Helper()
	f, ok := errors.AsType[*memsource.Fault](err)
	if !ok {
		t.Fatalf("error without Fault: %v", err)
	}
	return f
}

func TestIntegers(t *testing.T) {
	s := holding(t, 0x1000, []byte{1, 2, 3, 4, 5, 6, 7, 8})
	if v, err := memsource.U8(s, 0x1000); v != 1 || err != nil {
		t.Errorf("U8 = %#x, %v", v, err)
	}
	if v, err := memsource.U16(s, 0x1000); v != 0x201 || err != nil {
		t.Errorf("U16 = %#x, %v", v, err)
	}
	if v, err := memsource.U32(s, 0x1000); v != 0x4030201 || err != nil {
		t.Errorf("U32 = %#x, %v", v, err)
	}
	if v, err := memsource.U64(s, 0x1000); v != 0x807060504030201 || err != nil {
		t.Errorf("U64 = %#x, %v", v, err)
	}
	for name, err := range map[string]error{
		"U8":  second(memsource.U8(s, 0x1008)),
		"U16": second(memsource.U16(s, 0x1007)),
		"U32": second(memsource.U32(s, 0x1005)),
		"U64": second(memsource.U64(s, 0x1001)),
	} {
		if f := asFault(t, err); f.Addr != 0x1008 {
			t.Errorf("%s: fault at %#x, want 1008", name, f.Addr)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestReadFullOfBrokenSource(t *testing.T) {
	short := readerFunc(func(buf []byte, _ uint64) (int, error) { return len(buf) / 2, nil })
	f := asFault(t, memsource.ReadFull(short, make([]byte, 8), 0x1000))
	if f.Addr != 0x1004 || !errors.Is(f, io.ErrUnexpectedEOF) || f.Status == 0 {
		t.Errorf("fault %+v", *f)
	}
	wild := readerFunc(func([]byte, uint64) (int, error) { return -5, errors.New("no") })
	if f := asFault(t, memsource.ReadFull(wild, make([]byte, 8), 0x1000)); f.Addr != 0x1000 {
		t.Errorf("fault %+v", *f)
	}
}

func TestClip(t *testing.T) {
	for _, c := range []struct {
		addr       uint64
		size, left int
	}{
		{0, 16, 16}, {math.MaxUint64 - 15, 16, 16}, {math.MaxUint64 - 14, 16, 15},
		{math.MaxUint64, 16, 1}, {math.MaxUint64, 1, 1}, {math.MaxUint64, 0, 0}, {0, 0, 0},
	} {
		head, err := memsource.Clip(make([]byte, c.size), c.addr)
		if len(head) != c.left || (err == nil) != (c.left == c.size) {
			t.Errorf("Clip(%d bytes, %#x) = %d bytes, %v; want %d", c.size, c.addr, len(head), err, c.left)
		}
		if err != nil && (!errors.Is(err, memsource.ErrNonCanonical) || asFault(t, err).Addr != 0) {
			t.Errorf("Clip(%d bytes, %#x): %v", c.size, c.addr, err)
		}
	}
}

func TestBind(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	mem := holding(t, 0x1000, make([]byte, 16))
	below := memsource.Strict(readerFunc(func(buf []byte, addr uint64) (int, error) {
		if addr >= 0x1004 {
			cancel() // ends while the read is under way
		}
		return mem.ReadMemory(buf[:min(len(buf), 4)], addr)
	}))
	for name, s := range map[string]memsource.Source{
		"strict":  below,
		"overlay": memsource.Overlay(new(memsource.Sparse), below),
		"cache":   memsource.Cache(below, memsource.CacheOptions{PageSize: 16}),
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel = context.WithCancel(context.Background())
			defer cancel()
			bound := memsource.Bind(ctx, s)
			n, err := bound.ReadMemory(make([]byte, 16), 0x1000)
			f := asFault(t, err)
			if !errors.Is(err, memsource.ErrCanceled) || !errors.Is(err, context.Canceled) || f.Addr != 0x1000+uint64(n) {
				t.Errorf("n = %d, %v", n, err)
			}
			if errors.Is(err, memsource.ErrNotPresent) {
				t.Error("a canceled read says the memory is not present")
			}
			if n, err := bound.ReadMemory(nil, 0x1000); n != 0 || err != nil {
				t.Errorf("reading nothing: %d, %v", n, err)
			}
			if err := memsource.ReadFull(s, make([]byte, 16), 0x1000); err != nil {
				t.Errorf("without the context: %v", err)
			}
		})
	}
}

func TestBindPlainSource(t *testing.T) {
	mem := holding(t, 0x1000, make([]byte, 16))
	if s := memsource.Bind(context.Background(), mem); s != memsource.Source(mem) {
		t.Error("a context that cannot end should cost nothing")
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := memsource.Bind(ctx, mem)
	if err := memsource.ReadFull(s, make([]byte, 16), 0x1000); err != nil {
		t.Error(err)
	}
	cancel()
	if err := memsource.ReadFull(s, make([]byte, 16), 0x1000); !errors.Is(err, context.Canceled) {
		t.Errorf("after cancel: %v", err)
	}
}
