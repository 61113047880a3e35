package unwind

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/symres/symres/internal/peimage"
	"github.com/symres/symres/memsource"
)

const (
	leafPages     = 512
	maxCachePages = 2048 // 8 MB
)

// Cache keeps pages of modules and the results of parsing their headers, about
// 8 MB at most. The zero Cache is empty and ready to use. It is for targets
// that do not change while they are read. Safe for concurrent use.
type Cache struct {
	mu     sync.Mutex
	images map[*Module]*image
	pages  atomic.Int64
}

// of returns the image of m.
func (c *Cache) of(m *Module) *image {
	c.mu.Lock()
	defer c.mu.Unlock()
	im := c.images[m]
	if im == nil {
		if c.images == nil {
			c.images = map[*Module]*image{}
		}
		n := (uint64(m.Size) + pageSize*leafPages - 1) / (pageSize * leafPages)
		im = &image{module: m, leaves: make([]atomic.Pointer[leaf], n)}
		c.images[m] = im
	}
	return im
}

// empty forgets all pages, to make room.
func (c *Cache) empty() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, im := range c.images {
		for i := range im.leaves {
			im.leaves[i].Store(nil)
		}
	}
	c.pages.Store(1)
}

// image is a module with the pages that were read of it.
type image struct {
	module  *Module
	leaves  []atomic.Pointer[leaf]
	headers atomic.Pointer[headers]
}

type leaf [leafPages]atomic.Pointer[page]

// page is a page that was read. One without bytes cannot be read as a whole.
type page struct {
	origin Origin
	bytes  []byte
}

// headers is what the headers of an image say.
type headers struct {
	*peimage.Headers
	hybrid *hybrid // nil: all code is of the header's machine
	lacks  error   // why that is not known
	origin Origin
}

// find returns the image that holds addr, or nil.
func (w *walker) find(addr uint64) *image {
	if im := w.image; im != nil && addr-im.module.Base < uint64(im.module.Size) {
		return im
	}
	if w.cfg.Modules == nil {
		return nil
	}
	m := w.cfg.Modules.Module(addr)
	if m == nil || addr-m.Base >= uint64(m.Size) {
		return nil
	}
	w.image = w.cache.of(m)
	return w.image
}

// at returns the n bytes of the image at rva, n at most maxRead, and notes
// whose they are. They are good until the next read of an image and not to be changed. An
// error matches ErrUnwindData for an rva outside of the image, else
// ErrUnreadable.
func (im *image) at(w *walker, rva, n uint32) ([]byte, error) {
	if uint64(rva)+uint64(n) > uint64(im.module.Size) {
		return nil, fmt.Errorf("%w: rva %x is outside of the image", ErrUnwindData, rva)
	}
	if n == 0 { // perhaps at the end, which has no page
		return nil, nil
	}
	off := rva % pageSize
	if p := im.page(w, rva); p != nil && p.bytes != nil && off+n <= pageSize {
		w.origin = w.origin.with(p.origin)
		return p.bytes[off : off+n], nil
	}
	buf := w.imageBuf[:n]
	o, err := im.readImage(w, buf, rva)
	if err != nil {
		return nil, err
	}
	w.origin = w.origin.with(o)
	return buf, nil
}

// kept returns the page of rva if it was read as a whole, else nil.
func (im *image) kept(rva uint32) *page {
	i := rva / pageSize
	if l := im.leaves[i/leafPages].Load(); l != nil {
		if p := l[i%leafPages].Load(); p != nil && p.bytes != nil {
			return p
		}
	}
	return nil
}

// page returns the page of rva, or nil where the walk has no work left for it.
func (im *image) page(w *walker, rva uint32) *page {
	i := rva / pageSize
	l := im.leaves[i/leafPages].Load()
	if l == nil {
		l = new(leaf)
		im.leaves[i/leafPages].Store(l)
	}
	if p := l[i%leafPages].Load(); p != nil {
		return p
	}
	return im.load(w, i, &l[i%leafPages])
}

// load reads page i of the image into slot.
func (im *image) load(w *walker, i uint32, slot *atomic.Pointer[page]) *page {
	if w.spend(pageRead) != nil {
		return nil
	}
	if w.cache.pages.Add(1) > maxCachePages {
		w.cache.empty()
	}
	p := &page{bytes: make([]byte, min(pageSize, im.module.Size-i*pageSize))}
	o, err := im.readImage(w, p.bytes, i*pageSize)
	if p.origin = o; err != nil {
		if w.ctx.Err() != nil || w.work < 0 {
			return nil
		}
		p.bytes = nil
	}
	if len(p.bytes) > 0 && len(p.bytes) < pageSize {
		p.bytes = append(p.bytes, make([]byte, pageSize-len(p.bytes))...)
	}
	slot.Store(p)
	return p
}

// readImage asks whoever has the bytes of the module.
func (im *image) readImage(w *walker, buf []byte, rva uint32) (Origin, error) {
	if err := w.spend(slowRead); err != nil {
		return Origin{}, err
	}
	if im.module.Image == nil {
		err := memsource.ReadFull(w.memory, buf, im.module.Base+uint64(rva))
		return Origin{BytesTarget, ProofExact}, unreadable(err)
	}
	o, err := im.module.Image.ReadImage(w.ctx, buf, rva)
	return o, unreadable(err)
}

func unreadable(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrUnreadable, err)
}

// header returns what the headers of the image say, and notes whose they are.
// They are read once, and again if they could not be read the last time.
func (im *image) header(w *walker) (*headers, error) {
	h := im.headers.Load()
	if h == nil {
		saved := w.origin
		w.origin = Origin{BytesTarget, ProofExact}
		r := &imageReader{w: w, im: im}
		h = &headers{Headers: peimage.ReadHeaders(r)}
		h.origin = w.origin
		h.hybrid, h.lacks = im.readHybrid(w, h)
		if h.lacks == nil {
			h.origin = w.origin
		}
		w.origin = saved
		for _, err := range []error{h.DOSErr, h.NTErr, h.DirErr} {
			if err != nil {
				return nil, headerError(err)
			}
		}
		im.headers.Store(h)
	}
	w.origin = w.origin.with(h.origin)
	return h, nil
}

// headerError gives an error of the headers its sentinel.
func headerError(err error) error {
	if errors.Is(err, ErrUnreadable) || errors.Is(err, ErrTooMuchWork) || errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnwindData, err)
}

// imageReader reads an image as a file of its mapped bytes.
type imageReader struct {
	w  *walker
	im *image
}

// ReadAt implements io.ReaderAt.
func (r *imageReader) ReadAt(b []byte, off int64) (n int, err error) {
	for n < len(b) {
		at := uint64(off) + uint64(n)
		if off < 0 || at >= uint64(r.im.module.Size) {
			return n, io.EOF
		}
		m := min(uint64(len(b)-n), pageSize-at%pageSize, maxRead, uint64(r.im.module.Size)-at)
		got, err := r.im.at(r.w, uint32(at), uint32(m))
		if err != nil {
			return n, err
		}
		n += copy(b[n:], got)
	}
	return n, nil
}
