package memsource

import (
	"context"
	"math"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// Defaults of [CacheOptions].
const (
	DefaultCachePage  = 4096
	DefaultCacheBytes = 16 << 20
)

// pageOverhead is about what the bookkeeping of one cached page costs. It is
// charged so that millions of holes do not slip past the bound.
const pageOverhead = 256

// CacheOptions sets the page size and the memory limit of a [Cached]. The zero
// value means the defaults.
type CacheOptions struct {
	// PageSize is the size of cached pages in bytes, a power of two. Any other
	// value means DefaultCachePage.
	PageSize int
	// MaxBytes limits the memory used, bookkeeping included; 0 means
	// DefaultCacheBytes. At least one page is always kept.
	MaxBytes int64
}

// CacheStats are the counters of a [Cached] since it was made.
type CacheStats struct {
	Hits, Misses uint64 // pages found in the cache, and pages read from the source
	Bytes        int64  // held now
}

// Cached is a Source that caches the pages of another Source. It also caches
// the faults of pages that could not be read, so that each hole is read only
// once. The least recently used pages are dropped first. It is for targets that
// do not change while they are read; call [Cached.Invalidate] after a change.
//
// Faults with reason Canceled or IO are not cached, because they say nothing
// about the memory. A Cached is safe for concurrent use if the underlying
// source is. Two concurrent readers may both read a missing page.
type Cached struct {
	// immutable
	src  Source
	page uint64
	max  int64

	mu    sync.Mutex                          // guards the fields below
	pages *simplelru.LRU[uint64, *cachedPage] // bounded by store
	stats CacheStats
	epoch uint64 // counts Invalidate, so that a read begun before stores nothing
}

// cachedPage is what is known of one page: its readable beginning and, if that
// is not all, the fault that follows. Immutable once stored.
type cachedPage struct {
	base  uint64
	data  []byte
	fault *Fault
}

// Cache returns a Source that keeps the pages of s in memory.
func Cache(s Source, o CacheOptions) *Cached {
	if o.PageSize <= 0 || o.PageSize&(o.PageSize-1) != 0 {
		o.PageSize = DefaultCachePage
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = DefaultCacheBytes
	}
	c := &Cached{src: s, page: uint64(o.PageSize), max: o.MaxBytes}
	c.pages, _ = simplelru.NewLRU(math.MaxInt, func(_ uint64, pg *cachedPage) { c.stats.Bytes -= pg.cost() }) // fails for no room
	return c
}

// ReadMemory implements [Source].
func (c *Cached) ReadMemory(buf []byte, addr uint64) (int, error) {
	return c.ReadMemoryContext(context.Background(), buf, addr)
}

// ReadMemoryContext implements [ContextSource].
func (c *Cached) ReadMemoryContext(ctx context.Context, buf []byte, addr uint64) (n int, err error) {
	head, over := Clip(buf, addr)
	for n < len(head) {
		at := addr + uint64(n)
		left := c.page - at%c.page
		p := head[n:]
		if uint64(len(p)) > left {
			p = p[:left]
		}
		k, err := c.read(ctx, p, at)
		n += k
		if err != nil {
			return n, err
		}
	}
	return n, over
}

// read reads p, which lies in one page.
func (c *Cached) read(ctx context.Context, p []byte, addr uint64) (int, error) {
	pg, err := c.load(ctx, addr-addr%c.page)
	if err != nil {
		return readContext(ctx, c.src, p, addr)
	}
	if !pg.knows(addr) { // there may be bytes again behind a small hole
		return readContext(ctx, c.src, p, addr)
	}
	var n int
	if past := addr - pg.base; past < uint64(len(pg.data)) {
		n = copy(p, pg.data[past:])
	}
	if n == len(p) {
		return n, nil
	}
	return n, pg.fault.At(addr + uint64(n))
}

// knows reports whether a read beginning at addr can be answered.
func (p *cachedPage) knows(addr uint64) bool {
	return p.fault == nil || addr <= p.fault.Addr || addr-p.fault.Addr < p.fault.Len
}

// load returns the page at base, from memory or from below. It fails only for
// faults that are not worth remembering.
func (c *Cached) load(ctx context.Context, base uint64) (*cachedPage, error) {
	c.mu.Lock()
	epoch := c.epoch
	if pg, ok := c.pages.Get(base); ok {
		c.stats.Hits++
		c.mu.Unlock()
		return pg, nil
	}
	c.stats.Misses++
	c.mu.Unlock()

	pg, err := c.fetch(ctx, base)
	if err == nil {
		c.store(pg, epoch)
	}
	return pg, err
}

// fetch reads a page from below.
func (c *Cached) fetch(ctx context.Context, base uint64) (*cachedPage, error) {
	data := make([]byte, c.page)
	n, err := readContext(ctx, c.src, data, base)
	if err == nil {
		return &cachedPage{base: base, data: data}, nil
	}
	f := faultOf(err, base+uint64(n))
	if f.Reason == ReasonCanceled || f.Reason == ReasonIO {
		return nil, err
	}
	return &cachedPage{base: base, data: append([]byte(nil), data[:n]...), fault: f}, nil
}

// store keeps a page unless the memory was declared changed while it was read.
func (c *Cached) store(pg *cachedPage, epoch uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pages.Contains(pg.base) || epoch != c.epoch {
		return
	}
	c.pages.Add(pg.base, pg)
	c.stats.Bytes += pg.cost()
	for c.stats.Bytes > c.max && c.pages.Len() > 1 {
		c.pages.RemoveOldest()
	}
}

func (p *cachedPage) cost() int64 { return int64(cap(p.data)) + pageOverhead }

// Invalidate drops the pages that contain any of the size bytes at addr. A size
// that reaches beyond the top of the address space is cut there. Results of
// reads that are still running are not cached.
func (c *Cached) Invalidate(addr, size uint64) {
	if size == 0 {
		return
	}
	last := uint64(math.MaxUint64)
	if size-1 <= math.MaxUint64-addr {
		last = addr + (size - 1)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epoch++
	for _, base := range c.pages.Keys() {
		if base <= last && base+(c.page-1) >= addr {
			c.pages.Remove(base)
		}
	}
}

// Stats returns the counters so far.
func (c *Cached) Stats() CacheStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stats
}
