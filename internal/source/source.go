// Package source gives parsers the bytes of a file in one way, wherever it is: in memory,
// mapped or not; read in frames, of which those used last are kept; or far away, where
// each read costs a round trip unless what will be read was said before.
package source

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// Source hands out the bytes of a file. It is the seam between the parsers and
// the way the file is held: read through an [io.ReaderAt], or mapped.
type Source interface {
	// Frame returns the bytes from off to the end of the frame that holds
	// off. The view stays valid until the file is closed and is never
	// written to. The caller keeps off inside the file.
	Frame(off int64) ([]byte, error)
	// View is Frame for n bytes, if they are in memory already; nil otherwise.
	View(off int64, n int) []byte
	// ReadAt fills p from off and leaves no frame behind: a question that
	// needs 16 bytes of a page must not cost 64 KiB.
	ReadAt(p []byte, off int64) error
	// Ahead says that what lies there will all be read, so that a source whose
	// reads cost a round trip can make one of them.
	Ahead(list []Extent)
}

// Extent is n bytes of a file from off on.
type Extent struct{ Off, N int64 }

const (
	FrameSize  = 64 << 10 // of a frame at most
	farFrame   = 4 << 10  // more would go beyond what was asked for ahead
	frameSlots = 32       // 2 MiB of frames a file
)

// reader is a source over an io.ReaderAt that keeps the frames used last.
type reader struct {
	r     io.ReaderAt
	size  int64
	frame int64      // bytes
	far   Prefetcher // r, where its reads cost a round trip

	mu     sync.Mutex // guards frames
	frames *simplelru.LRU[int64, []byte]
}

// NewReader returns a source over the size bytes of r that keeps some of what it read.
func NewReader(r io.ReaderAt, size int64) Source {
	if far, ok := r.(Prefetcher); ok {
		return &reader{r: r, size: size, frame: farFrame, far: far}
	}
	return &reader{r: r, size: size, frame: FrameSize}
}

// Prefetcher is a reader whose reads cost a round trip each, unless it was told before
// what will be read: offsets and lengths, none of which waits for another.
type Prefetcher interface {
	Prefetch(parts iter.Seq2[int64, int64])
}

// cached returns the frame at start when it is held, nil otherwise. Frames are
// immutable: views of one outlive its eviction.
func (s *reader) cached(start int64) (data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.frames != nil {
		data, _ = s.frames.Get(start)
	}
	return data
}

// keep adds a frame, in the place of the one not used for longest.
func (s *reader) keep(start int64, data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.frames == nil {
		s.frames, _ = simplelru.NewLRU[int64, []byte](frameSlots, nil) // fails for no slots
	}
	s.frames.Add(start, data)
}

// held returns the bytes of the frames that are kept.
func (s *reader) held() (n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.frames != nil {
		for _, data := range s.frames.Values() {
			n += int64(len(data))
		}
	}
	return n
}

// Frame implements [Source].
func (s *reader) Frame(off int64) ([]byte, error) {
	start := off &^ (s.frame - 1)
	if data := s.cached(start); data != nil {
		return data[off-start:], nil
	}
	data := make([]byte, min(s.frame, s.size-start))
	if err := ReadFull(s.r, data, start); err != nil {
		return nil, err
	}
	s.keep(start, data)
	return data[off-start:], nil
}

// View implements [Source].
func (s *reader) View(off int64, n int) []byte {
	start := off &^ (s.frame - 1)
	if data := s.cached(start); data != nil && int64(n) <= int64(len(data))-(off-start) {
		return data[off-start:][:n:n]
	}
	return nil
}

// ReadAt implements [Source].
func (s *reader) ReadAt(p []byte, off int64) error {
	if b := s.View(off, len(p)); b != nil {
		copy(p, b)
		return nil
	}
	return ReadFull(s.r, p, off)
}

// Ahead implements [Source]. Systems see for themselves that a file of theirs is read
// through.
func (s *reader) Ahead(list []Extent) {
	if s.far == nil || len(list) == 0 {
		return
	}
	s.far.Prefetch(func(yield func(off, n int64) bool) {
		for _, e := range list {
			if !yield(e.Off, e.N) {
				return
			}
		}
	})
}

// Memory is a source over a file in memory, mapped or not: one frame.
type Memory struct {
	Bytes []byte
	Need  func(off, n int64) // fetches pages; nil: nothing to do
}

// Frame implements [Source].
func (m Memory) Frame(off int64) ([]byte, error) { return m.Bytes[off:], nil }

// View implements [Source].
func (m Memory) View(off int64, n int) []byte { return m.Bytes[off:][:n:n] }

// ReadAt implements [Source].
func (m Memory) ReadAt(p []byte, off int64) error {
	copy(p, m.Bytes[off:off+int64(len(p))])
	return nil
}

// Ahead implements [Source].
func (m Memory) Ahead(list []Extent) {
	for _, e := range list {
		if m.Need != nil {
			m.Need(e.Off, e.N)
		}
	}
}

// Guarded is a source that refuses reads after the file was closed. It is safe for
// concurrent use.
type Guarded struct {
	src    Source
	closed *atomic.Bool
}

// Guard returns a source that fails with [fs.ErrClosed] once closed is set.
func Guard(src Source, closed *atomic.Bool) *Guarded { return &Guarded{src, closed} }

// Copies reports whether a view costs a copy of more than is asked for.
func (g *Guarded) Copies() bool {
	_, copies := g.src.(*reader)
	return copies
}

// Far reports whether a read costs a round trip.
func (g *Guarded) Far() bool {
	r, ok := g.src.(*reader)
	return ok && r.far != nil
}

// Held returns the bytes of the file that are kept in memory. A mapping does not count.
func (g *Guarded) Held() int64 {
	if r, ok := g.src.(*reader); ok {
		return r.held()
	}
	return 0
}

// Frame implements [Source].
func (g *Guarded) Frame(off int64) ([]byte, error) {
	if g.closed.Load() {
		return nil, fs.ErrClosed
	}
	b, err := g.src.Frame(off)
	return b, g.orClosed(err)
}

// orClosed is why a read failed: the file of the caller's may have been closed
// together with the File, in the middle of it.
func (g *Guarded) orClosed(err error) error {
	if err != nil && g.closed.Load() {
		return fs.ErrClosed
	}
	return err
}

// View implements [Source].
func (g *Guarded) View(off int64, n int) []byte {
	if g.closed.Load() {
		return nil
	}
	return g.src.View(off, n)
}

// Ahead implements [Source].
func (g *Guarded) Ahead(list []Extent) {
	if !g.closed.Load() {
		g.src.Ahead(list)
	}
}

// ReadAt implements [Source].
func (g *Guarded) ReadAt(p []byte, off int64) error {
	if g.closed.Load() {
		return fs.ErrClosed
	}
	return g.orClosed(g.src.ReadAt(p, off))
}

// ReadFull reads len(p) bytes at off or fails.
func ReadFull(r io.ReaderAt, p []byte, off int64) error {
	n, err := r.ReadAt(p, off)
	switch {
	case n == len(p):
		return nil
	case err == nil || errors.Is(err, io.EOF):
		err = io.ErrUnexpectedEOF // the file is shorter than it was when it was opened
	}
	return fmt.Errorf("pdb: read %d bytes at offset %#x: %w", len(p), off, err)
}
