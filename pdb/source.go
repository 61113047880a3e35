package pdb

import (
	"errors"
	"fmt"
	"io"
	"sync"
)

// source hands out the bytes of a file. It is the seam between the parsers and
// the way the file is held: read through an [io.ReaderAt], or mapped.
type source interface {
	// frame returns the bytes from off to the end of the frame that holds
	// off. The view stays valid until the file is closed and is never
	// written to. The caller keeps off inside the file.
	frame(off int64) ([]byte, error)
	// view is frame for n bytes, if they are in memory already; nil otherwise.
	view(off int64, n int) []byte
	// readAt fills p from off and leaves no frame behind: a question that
	// needs 16 bytes of a page must not cost 64 KiB.
	readAt(p []byte, off int64) error
	// ahead says that n bytes at off will all be read.
	ahead(off, n int64)
}

const (
	frameSize  = 64 << 10
	frameSlots = 32 // 2 MiB of frames a file
)

// pread is a source over an io.ReaderAt that keeps the frames used last.
type pread struct {
	r    io.ReaderAt
	size int64

	mu    sync.Mutex // guards the fields below
	tick  uint64
	slots []frameSlot
}

type frameSlot struct {
	off  int64
	used uint64
	data []byte // immutable: views of it outlive its eviction
}

func newPread(r io.ReaderAt, size int64) *pread { return &pread{r: r, size: size} }

func (s *pread) frame(off int64) ([]byte, error) {
	start := off &^ (frameSize - 1)
	if data := s.cached(start); data != nil {
		return data[off-start:], nil
	}
	data := make([]byte, min(frameSize, s.size-start))
	if err := readFull(s.r, data, start); err != nil {
		return nil, err
	}
	s.keep(start, data)
	return data[off-start:], nil
}

func (s *pread) view(off int64, n int) []byte {
	start := off &^ (frameSize - 1)
	if data := s.cached(start); data != nil && int64(n) <= int64(len(data))-(off-start) {
		return data[off-start:][:n:n]
	}
	return nil
}

func (s *pread) readAt(p []byte, off int64) error {
	if b := s.view(off, len(p)); b != nil {
		copy(p, b)
		return nil
	}
	return readFull(s.r, p, off)
}

func (s *pread) ahead(int64, int64) {} // systems see for themselves that a file is read through

// cached returns the frame at start when it is held, nil otherwise.
func (s *pread) cached(start int64) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.slots {
		if s.slots[i].off == start {
			s.tick++
			s.slots[i].used = s.tick
			return s.slots[i].data
		}
	}
	return nil
}

// keep adds a frame, in the place of the one not used for longest.
func (s *pread) keep(start int64, data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tick++
	slot := frameSlot{off: start, used: s.tick, data: data}
	if len(s.slots) < frameSlots {
		s.slots = append(s.slots, slot)
		return
	}
	oldest := 0
	for i := range s.slots {
		if s.slots[i].used < s.slots[oldest].used {
			oldest = i
		}
	}
	s.slots[oldest] = slot
}

// mapped is a source over a file in memory: one frame.
type mapped struct {
	b    []byte
	need func(off, n int64) // fetches pages; nil: nothing to do
}

func (m mapped) frame(off int64) ([]byte, error) { return m.b[off:], nil }

func (m mapped) view(off int64, n int) []byte { return m.b[off:][:n:n] }

func (m mapped) readAt(p []byte, off int64) error {
	copy(p, m.b[off:off+int64(len(p))])
	return nil
}

func (m mapped) ahead(off, n int64) {
	if m.need != nil {
		m.need(off, n)
	}
}

// readFull reads len(p) bytes at off or fails.
func readFull(r io.ReaderAt, p []byte, off int64) error {
	n, err := r.ReadAt(p, off)
	switch {
	case n == len(p):
		return nil
	case err == nil || errors.Is(err, io.EOF):
		err = io.ErrUnexpectedEOF // the file is shorter than it was when it was opened
	}
	return fmt.Errorf("pdb: read %d bytes at offset %#x: %w", len(p), off, err)
}
