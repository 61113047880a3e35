package memsource_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"testing"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/memtest"
)

// counted counts the reads that reach a source.
type counted struct {
	memsource.Source
	reads atomic.Int64
}

func (c *counted) ReadMemory(buf []byte, addr uint64) (int, error) {
	c.reads.Add(1)
	return c.Source.ReadMemory(buf, addr)
}

func ExampleCache() {
	var target memsource.Sparse
	target.Add(0x1000, make([]byte, 0x1000))
	cache := memsource.Cache(&target, memsource.CacheOptions{})
	for addr := uint64(0x1000); addr < 0x1040; addr += 4 {
		if _, err := memsource.U32(cache, addr); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Printf("%d miss, %d hits\n", cache.Stats().Misses, cache.Stats().Hits)
	// Output: 1 miss, 15 hits
}

// patchy is memory with holes of every kind, and what a test knows of it.
func patchy(t *testing.T) (*memsource.Sparse, []memtest.Want) {
	t.Helper()
	text := bytes.Repeat([]byte("sixteen bytes..."), 0x280)
	s := new(memsource.Sparse)
	for _, err := range []error{
		s.Add(0x1000, text),                       // 2.5 pages
		s.Add(0x3900, text[:0x100]),               // an island in the same page
		s.Add(math.MaxUint64-0x7ff, text[:0x800]), // half of the last page
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	s.AddFault(0x4000, 0x200000, memsource.Fault{Reason: memsource.ReasonPagedOut, PageFileOffset: 0x7000})
	return s, []memtest.Want{
		memtest.Hole(0, 0x1000, memsource.ReasonNotMapped),
		memtest.Data(0x1000, text),
		memtest.Hole(0x3800, 0x100, memsource.ReasonNotMapped),
		memtest.Data(0x3900, text[:0x100]),
		memtest.Hole(0x3a00, 0x600, memsource.ReasonNotMapped),
		memtest.Hole(0x4000, 0x200000, memsource.ReasonPagedOut),
		memtest.Data(math.MaxUint64-0x7ff, text[:0x800]),
	}
}

func TestCacheSuite(t *testing.T) {
	s, want := patchy(t)
	for _, o := range []memsource.CacheOptions{
		{}, {MaxBytes: 1}, {PageSize: 512, MaxBytes: 4096}, {PageSize: 1 << 16}, {PageSize: 1000},
	} {
		t.Run(fmt.Sprintf("page_%d_max_%d", o.PageSize, o.MaxBytes), func(t *testing.T) {
			if err := memtest.TestSource(memsource.Cache(s, o), want...); err != nil {
				t.Error(err)
			}
			if err := memtest.TestSource(memsource.Cache(memsource.Strict(s), o), want...); err != nil {
				t.Errorf("over Strict: %v", err)
			}
		})
	}
}

func TestCacheRemembersHoles(t *testing.T) {
	s, _ := patchy(t)
	below := &counted{Source: s}
	c := memsource.Cache(below, memsource.CacheOptions{})
	for addr := uint64(0x5000); addr < 0x6000; addr += 0x10 {
		f := asFault(t, memsource.ReadFull(c, make([]byte, 0x10), addr))
		if f.Addr != addr || f.PageFileOffset != 0x8000 || f.Len != 0x204000-addr {
			t.Fatalf("at %#x: %+v", addr, *f)
		}
	}
	if n := below.reads.Load(); n != 1 {
		t.Errorf("%d reads below for one page that is out, want 1", n)
	}
}

func TestCacheForgetsTrouble(t *testing.T) {
	for _, r := range []memsource.Reason{memsource.ReasonIO, memsource.ReasonCanceled} {
		fail := true
		below := readerFunc(func(buf []byte, addr uint64) (int, error) {
			if fail {
				return 0, memsource.NewFault(r, addr, 0x1000)
			}
			return len(buf), nil
		})
		c := memsource.Cache(below, memsource.CacheOptions{})
		if err := memsource.ReadFull(c, make([]byte, 8), 0x1000); asFault(t, err).Reason != r {
			t.Errorf("%v: got %v", r, err)
		}
		fail = false
		if err := memsource.ReadFull(c, make([]byte, 8), 0x1000); err != nil {
			t.Errorf("%v was remembered: %v", r, err)
		}
	}
}

func TestCacheIsBounded(t *testing.T) {
	everything := readerFunc(func(buf []byte, addr uint64) (int, error) {
		if addr>>12&1 != 0 {
			return 0, memsource.NewFault(memsource.ReasonNotMapped, addr, 0x1000-addr&0xfff)
		}
		return len(buf), nil
	})
	const limit = 64 << 10
	c := memsource.Cache(everything, memsource.CacheOptions{MaxBytes: limit})
	for page := range uint64(1000) {
		_, _ = c.ReadMemory(make([]byte, 8), page<<12)
		if held := c.Stats().Bytes; held > limit {
			t.Fatalf("holds %d bytes after %d pages", held, page+1)
		}
	}
	before := c.Stats().Misses
	_, _ = c.ReadMemory(make([]byte, 8), 998<<12)
	_, _ = c.ReadMemory(make([]byte, 8), 0)
	if got := c.Stats().Misses - before; got != 1 {
		t.Errorf("%d misses; the latest page should be held and the first gone", got)
	}
}

func TestCacheInvalidate(t *testing.T) {
	s := new(memsource.Sparse)
	c := memsource.Cache(s, memsource.CacheOptions{})
	missing := func(addr uint64) bool { return memsource.ReadFull(c, make([]byte, 1), addr) != nil }
	if !missing(0x1000) || !missing(0x3000) || !missing(math.MaxUint64) {
		t.Fatal("empty memory can be read")
	}
	for _, addr := range []uint64{0x1000, 0x3000, math.MaxUint64} {
		if err := s.Add(addr, []byte{1}); err != nil {
			t.Fatal(err)
		}
	}
	c.Invalidate(0x1fff, 1)
	if missing(0x1000) || !missing(0x3000) {
		t.Error("want only the page of the invalidated byte read again")
	}
	c.Invalidate(0x3000, 0)
	if !missing(0x3000) {
		t.Error("invalidating nothing forgot a page")
	}
	c.Invalidate(0x2000, math.MaxUint64)
	if missing(0x3000) || missing(math.MaxUint64) {
		t.Error("want everything above 2000 read again")
	}
}

// TestCacheInvalidateDuringRead: what was read before must not be remembered
// after.
func TestCacheInvalidateDuringRead(t *testing.T) {
	var c *memsource.Cached
	value := byte(1)
	c = memsource.Cache(readerFunc(func(buf []byte, _ uint64) (int, error) {
		for i := range buf {
			buf[i] = value
		}
		if value == 1 {
			value = 2
			c.Invalidate(0, math.MaxUint64)
		}
		return len(buf), nil
	}), memsource.CacheOptions{})
	if _, err := memsource.U8(c, 0x1000); err != nil {
		t.Fatal(err)
	}
	if v, err := memsource.U8(c, 0x1000); v != 2 || err != nil {
		t.Errorf("read %d, %v; the page read before Invalidate was kept", v, err)
	}
}

func BenchmarkCacheHit(b *testing.B) {
	var s memsource.Sparse
	if err := s.Add(0x1000, bytes.Repeat([]byte{7}, 0x1000)); err != nil {
		b.Fatal(err)
	}
	below := &counted{Source: &s}
	c := memsource.Cache(below, memsource.CacheOptions{})
	var buf [8]byte
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.ReadMemory(buf[:], 0x1800); err != nil || buf[0] != 7 {
			b.Fatal(errors.Join(err, errors.New("wrong bytes")))
		}
	}
	if n := below.reads.Load(); n != 1 {
		b.Errorf("%d reads below, want 1", n)
	}
}
