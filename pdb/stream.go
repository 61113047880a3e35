package pdb

import (
	"errors"
	"io"
	"sync/atomic"
)

const chunkShift = 8 // block numbers are read 256 (1 KiB of directory) at a time

type chunk [1 << chunkShift]uint32

// stream is one stream of the container. Parsers reach bytes in two ways:
// span and run give views into frames, for walks over many records; read
// copies just what is asked, for point questions. It is safe for concurrent
// use.
type stream struct {
	m      *msf
	num    uint32
	name   string
	size   uint32
	start  uint32                  // index of its first block number in the directory
	chunks []atomic.Pointer[chunk] // its block list, as far as it was needed
	whole  atomic.Pointer[[]byte]  // all of it, once load has read it
}

func newStream(m *msf, num uint32, name string, size, start uint32) *stream {
	n := (m.blocksOf(size) + (1<<chunkShift - 1)) >> chunkShift
	return &stream{m: m, num: num, name: name, size: size, start: start, chunks: make([]atomic.Pointer[chunk], n)}
}

// block returns the block number of the i-th block. The caller keeps i inside
// the stream.
func (s *stream) block(i uint32) (uint32, error) {
	slot := &s.chunks[i>>chunkShift]
	c := slot.Load()
	if c == nil {
		var err error
		if c, err = s.loadChunk(i &^ (1<<chunkShift - 1)); err != nil {
			return 0, err
		}
		slot.Store(c)
	}
	return c[i&(1<<chunkShift-1)], nil
}

func (s *stream) loadChunk(first uint32) (*chunk, error) {
	n := min(1<<chunkShift, s.m.blocksOf(s.size)-first)
	var raw [4 << chunkShift]byte
	if err := s.m.readDir(raw[:n*4], (s.start+first)*4); err != nil {
		return nil, err
	}
	c := new(chunk)
	appendU32s(c[:0], raw[:n*4])
	return c, nil
}

// holds reports whether n bytes at off lie inside the stream.
func (s *stream) holds(off, n uint32) bool { return off <= s.size && n <= s.size-off }

func (s *stream) short(off, n uint32) error {
	return damage(s.name, int64(off), "%d bytes run over the end at %#x", n, s.size)
}

// extent returns the file offset of byte off and how many bytes follow it
// without a break in the file, at most limit. off must lie inside.
func (s *stream) extent(off, limit uint32) (int64, uint32, error) {
	m, i := s.m, off>>s.m.shift
	block, err := s.block(i)
	if err != nil {
		return 0, 0, err
	}
	in := off & (m.blockSize() - 1)
	n := m.blockSize() - in
	limit = min(limit, s.size-off, maxAlloc)
	for next := block + 1; n < limit; next++ {
		if i++; i >= m.blocksOf(s.size) {
			break
		}
		b, err := s.block(i)
		if err != nil || b != next || b >= m.blocks {
			break // a bad block is the problem of whoever gets there
		}
		n += m.blockSize()
	}
	n = min(n, limit)
	pos, err := m.fileOffset(block, in, 1, s.name, int64(off))
	if err != nil {
		return 0, 0, err
	}
	return pos, uint32(min(int64(n), m.size-pos)), nil
}

// read fills p from byte off.
func (s *stream) read(p []byte, off uint32) error {
	if uint64(len(p)) > uint64(s.size) || !s.holds(off, uint32(len(p))) {
		return s.short(off, uint32(min(uint64(len(p)), nilStream)))
	}
	if b := s.whole.Load(); b != nil {
		copy(p, (*b)[off:])
		return nil
	}
	for len(p) > 0 {
		pos, n, err := s.extent(off, uint32(len(p)))
		if err != nil {
			return err
		}
		if err := s.m.src.readAt(p[:n], pos); err != nil {
			return err
		}
		p, off = p[n:], off+n
	}
	return nil
}

// bytes copies n bytes at off into new memory.
func (s *stream) bytes(off, n uint32) ([]byte, error) {
	if !s.holds(off, n) {
		return nil, s.short(off, n)
	}
	if n > maxAlloc {
		return nil, damage(s.name, int64(off), "%d bytes in one piece are too many", n)
	}
	p := make([]byte, n)
	return p, s.read(p, off)
}

// view returns n bytes at off: as they lie in memory, where they lie together
// there, a copy otherwise.
func (s *stream) view(off, n uint32) ([]byte, error) {
	if b := s.inPlace(off, n); b != nil {
		return b, nil
	}
	return s.bytes(off, n)
}

// inPlace is view without the copy: nil where there would have to be one.
func (s *stream) inPlace(off, n uint32) []byte {
	if n == 0 || !s.holds(off, n) {
		return nil
	}
	if b := s.whole.Load(); b != nil {
		return (*b)[off:][:n:n]
	}
	pos, have, err := s.extent(off, n)
	if err != nil || have < n {
		return nil // whoever reads it will see why
	}
	return s.m.src.view(pos, int(n))
}

// ahead says that n bytes at off will all be read.
func (s *stream) ahead(off, n uint32) {
	if !s.holds(off, n) {
		return
	}
	for n > 0 {
		pos, have, err := s.extent(off, n)
		if err != nil || have == 0 {
			return // whoever reads there will see why
		}
		s.m.src.ahead(pos, int64(have))
		off, n = off+have, n-have
	}
}

// run returns the longest view that starts at off: to the next break in the
// stream's blocks, the end of the frame or the end of the stream.
func (s *stream) run(off uint32) ([]byte, error) {
	if off >= s.size {
		return nil, s.short(off, 1)
	}
	if b := s.whole.Load(); b != nil {
		return (*b)[off:], nil
	}
	pos, n, err := s.extent(off, frameSize)
	if err != nil {
		return nil, err
	}
	frame, err := s.m.src.frame(pos)
	if err != nil {
		return nil, err
	}
	return frame[:min(int(n), len(frame))], nil
}

const (
	maxWhole    = 16 << 20  // bytes of one stream that is held as a whole
	maxResident = 128 << 20 // bytes of all of them
)

// load reads the whole stream at once and keeps it, for questions that come
// back to it all the time. Where the source has views that cost nothing, and
// where it would be too much, it does nothing: so it does after an error, which
// whoever reads next will find.
func (s *stream) load() {
	m := s.m
	if !m.copies || s.size == 0 || s.size > maxWhole || s.whole.Load() != nil {
		return
	}
	if m.resident.Add(int64(s.size)) > min(maxResident, m.size) {
		m.resident.Add(-int64(s.size))
		return
	}
	b, err := s.bytes(0, s.size)
	if err != nil {
		m.resident.Add(-int64(s.size))
		return
	}
	s.whole.Store(&b)
}

// walker gives the bytes of a stream to a walk that mostly goes forward. It
// keeps the run it is in, so that most steps cost one comparison. It belongs
// to one goroutine.
type walker struct {
	s   *stream
	off uint32 // of buf in the stream
	buf []byte
	// ahead asks for bytes to be read so many at a time into memory of the
	// walker's own where the source has no views to give for nothing. The
	// bytes of a span are then good until the next one only.
	ahead uint32
	own   []byte
}

// span returns n bytes at off: a view where they lie together, a copy where a
// break of the file cuts them.
func (w *walker) span(off, n uint32) ([]byte, error) {
	if d := off - w.off; off >= w.off && d <= uint32(len(w.buf)) && n <= uint32(len(w.buf))-d {
		return w.buf[d : d+n : d+n], nil
	}
	if !w.s.holds(off, n) {
		return nil, w.s.short(off, n)
	}
	if n == 0 {
		return nil, nil
	}
	if w.ahead != 0 && w.s.m.copies && w.s.whole.Load() == nil {
		return w.fill(off, n)
	}
	run, err := w.s.run(off)
	if err != nil {
		return nil, err
	}
	w.off, w.buf = off, run
	if uint32(len(run)) >= n {
		return run[:n:n], nil
	}
	return w.s.bytes(off, n)
}

// some is span for at least n bytes, and up to most if they lie together.
func (w *walker) some(off, n, most uint32) ([]byte, error) {
	b, err := w.span(off, n)
	if err != nil {
		return nil, err
	}
	if d := off - w.off; off >= w.off && d <= uint32(len(w.buf)) && n <= uint32(len(w.buf))-d {
		b = w.buf[d:][:min(most, uint32(len(w.buf))-d)]
	}
	return b, nil
}

// readAhead is how much a walk over a large part of the file reads at a time.
const readAhead = 256 << 10

// fill reads the bytes at off, and those behind them, into the walker's memory.
func (w *walker) fill(off, n uint32) ([]byte, error) {
	if n > maxAlloc {
		return nil, damage(w.s.name, int64(off), "%d bytes in one piece are too many", n)
	}
	size := max(n, min(w.ahead, w.s.size-off))
	if uint32(cap(w.own)) < size {
		w.own = make([]byte, size)
	}
	w.buf = nil
	err := w.s.read(w.own[:size], off)
	if size > n && errors.Is(err, ErrFormat) { // damage further on is the problem of whoever gets there
		size = n
		err = w.s.read(w.own[:n], off)
	}
	if err != nil {
		return nil, err
	}
	w.off, w.buf = off, w.own[:size]
	return w.buf[:n:n], nil
}

// ReadAt implements [io.ReaderAt] over the stream.
func (s *stream) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off > int64(s.size) {
		return 0, io.EOF
	}
	n := min(int64(len(p)), int64(s.size)-off)
	if err := s.read(p[:n], uint32(off)); err != nil {
		return 0, err
	}
	if n < int64(len(p)) {
		return int(n), io.EOF
	}
	return int(n), nil
}
