package msf

import (
	"io"
	"sync/atomic"

	"github.com/symres/symres/internal/budget"
	"github.com/symres/symres/internal/source"
)

// Stream is one stream of the container. Parsers reach bytes in two ways:
// a [Walker] takes views of frames, for walks over many records; Read copies just
// what is asked, for point questions. It is safe for concurrent
// use.
type Stream struct {
	Name      string // for errors
	Size      uint32 // bytes
	Container *Container
	at        layout
	whole     atomic.Pointer[[]byte] // all of it, once load has read it
}

// Damage makes the error for bytes at off that break the rules of the format.
func (s *Stream) Damage(off uint32, format string, args ...any) error {
	return s.Container.damaged.damage(s.Name, int64(off), format, args...)
}

// Work is what may still be done.
func (s *Stream) Work() *budget.Budget { return &s.Container.Work }

// Copies reports whether a view costs a copy of more than is asked for.
func (s *Stream) Copies() bool { return s.Container.copies }

// Holds reports whether n bytes at off lie inside the stream.
func (s *Stream) Holds(off, n uint32) bool { return off <= s.Size && n <= s.Size-off }

// Short is the error for n bytes at off that run over the end.
func (s *Stream) Short(off, n uint32) error {
	return s.Damage(off, "%d bytes run over the end at %#x", n, s.Size)
}

// Read fills p from byte off.
func (s *Stream) Read(p []byte, off uint32) error {
	if uint64(len(p)) > uint64(s.Size) || !s.Holds(off, uint32(len(p))) {
		return s.Short(off, uint32(min(uint64(len(p)), NilStream)))
	}
	if b := s.whole.Load(); b != nil {
		copy(p, (*b)[off:])
		return nil
	}
	for len(p) > 0 {
		pos, n, err := s.at.extent(off, uint32(len(p)))
		if err != nil {
			return err
		}
		if err := s.Container.src.ReadAt(p[:n], pos); err != nil {
			return err
		}
		p, off = p[n:], off+n
	}
	return nil
}

// Bytes copies n bytes at off into new memory.
func (s *Stream) Bytes(off, n uint32) ([]byte, error) {
	if !s.Holds(off, n) {
		return nil, s.Short(off, n)
	}
	if n > MaxAlloc {
		return nil, s.Damage(off, "%d bytes in one piece are too many", n)
	}
	p := make([]byte, n)
	return p, s.Read(p, off)
}

// View returns n bytes at off: as they lie in memory, where they lie together
// there, a copy otherwise.
func (s *Stream) View(off, n uint32) ([]byte, error) {
	if b := s.inPlace(off, n); b != nil {
		return b, nil
	}
	return s.Bytes(off, n)
}

// inPlace is View without the copy: nil where there would have to be one.
func (s *Stream) inPlace(off, n uint32) []byte {
	if n == 0 || !s.Holds(off, n) {
		return nil
	}
	if b := s.whole.Load(); b != nil {
		return (*b)[off:][:n:n]
	}
	pos, have, err := s.at.extent(off, n)
	if err != nil || have < n {
		return nil // whoever reads it will see why
	}
	return s.Container.src.View(pos, int(n))
}

// Ahead says that n bytes at off will all be read.
func (s *Stream) Ahead(off, n uint32) {
	b := Batch{c: s.Container}
	b.Add(s, off, n)
	b.Read()
}

// Run returns the longest view that starts at off: to the next break in the
// stream's blocks, the end of the frame or the end of the stream.
func (s *Stream) Run(off uint32) ([]byte, error) {
	if off >= s.Size {
		return nil, s.Short(off, 1)
	}
	if b := s.whole.Load(); b != nil {
		return (*b)[off:], nil
	}
	pos, n, err := s.at.extent(off, source.FrameSize)
	if err != nil {
		return nil, err
	}
	frame, err := s.Container.src.Frame(pos)
	if err != nil {
		return nil, err
	}
	return frame[:min(int(n), len(frame))], nil
}

const (
	maxWhole    = 16 << 20  // bytes of one stream that is held as a whole
	maxResident = 128 << 20 // bytes of all of them
)

// Load reads the whole stream at once and keeps it, for questions that come
// back to it all the time. Where the source has views that cost nothing, and
// where it would be too much, it does nothing: so it does after an error, which
// whoever reads next will find.
func (s *Stream) Load() {
	m := s.Container
	if !m.copies || s.Size == 0 || s.Size > maxWhole || s.whole.Load() != nil {
		return
	}
	if m.streams.Add(int64(s.Size)) > min(maxResident, m.size) {
		m.streams.Add(-int64(s.Size))
		return
	}
	b, err := s.Bytes(0, s.Size)
	if err != nil {
		m.streams.Add(-int64(s.Size))
		return
	}
	s.whole.Store(&b)
}

// ReadAt implements [io.ReaderAt] over the stream.
func (s *Stream) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off > int64(s.Size) {
		return 0, io.EOF
	}
	n := min(int64(len(p)), int64(s.Size)-off)
	if err := s.Read(p[:n], uint32(off)); err != nil {
		return 0, err
	}
	if n < int64(len(p)) {
		return int(n), io.EOF
	}
	return int(n), nil
}
