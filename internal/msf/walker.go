package msf

import (
	"bytes"
	"errors"
	"slices"
)

// Walker gives the bytes of a stream to a walk that mostly goes forward. It
// keeps the run it is in, so that most steps cost one comparison. It belongs
// to one goroutine.
type Walker struct {
	Stream *Stream
	Off    uint32 // of Buf in the stream
	Buf    []byte
	// Chunk, if it is not 0, asks for bytes to be read so many at a time into memory of
	// the walker's own where the source has no views to give for nothing. The bytes of
	// a span are then good until the next one only.
	Chunk uint32
	own   []byte
}

// Span returns n bytes at off: a view where they lie together, a copy where a
// break of the file cuts them.
func (w *Walker) Span(off, n uint32) ([]byte, error) {
	if d := off - w.Off; off >= w.Off && d <= uint32(len(w.Buf)) && n <= uint32(len(w.Buf))-d {
		return w.Buf[d : d+n : d+n], nil
	}
	if !w.Stream.Holds(off, n) {
		return nil, w.Stream.Short(off, n)
	}
	if n == 0 {
		return nil, nil
	}
	if w.Chunk != 0 && w.Stream.Copies() && w.Stream.whole.Load() == nil {
		return w.fill(off, n)
	}
	run, err := w.Stream.Run(off)
	if err != nil {
		return nil, err
	}
	w.Off, w.Buf = off, run
	if uint32(len(run)) >= n {
		return run[:n:n], nil
	}
	return w.Stream.Bytes(off, n)
}

// Some is Span for at least n bytes, and up to most if they lie together.
func (w *Walker) Some(off, n, most uint32) ([]byte, error) {
	b, err := w.Span(off, n)
	if err != nil {
		return nil, err
	}
	if d := off - w.Off; off >= w.Off && d <= uint32(len(w.Buf)) && n <= uint32(len(w.Buf))-d {
		b = w.Buf[d:][:min(most, uint32(len(w.Buf))-d)]
	}
	return b, nil
}

// ReadAhead is how much a walk over a large part of the file reads at a time.
const ReadAhead = 256 << 10

// fill reads the bytes at off, and those behind them, into the walker's memory.
func (w *Walker) fill(off, n uint32) ([]byte, error) {
	if n > MaxAlloc {
		return nil, w.Stream.Damage(off, "%d bytes in one piece are too many", n)
	}
	size := max(n, min(w.Chunk, w.Stream.Size-off))
	if uint32(cap(w.own)) < size {
		w.own = make([]byte, size)
	}
	w.Buf = nil
	err := w.Stream.Read(w.own[:size], off)
	if size > n && errors.Is(err, ErrFormat) { // damage further on is the problem of whoever gets there
		size = n
		err = w.Stream.Read(w.own[:n], off)
	}
	if err != nil {
		return nil, err
	}
	w.Off, w.Buf = off, w.own[:size]
	return w.Buf[:n:n], nil
}

// Strlen returns the length of the NUL-terminated string at off.
func (w *Walker) Strlen(off, end uint32) (uint32, error) {
	const step = 256
	for at := off; at < end; {
		b, err := w.Span(at, min(step, end-at))
		if err != nil {
			return 0, err
		}
		if i := bytes.IndexByte(b, 0); i >= 0 {
			return at - off + uint32(i), nil
		}
		at += uint32(len(b))
	}
	return 0, w.Stream.Damage(off, "string without NUL")
}

// Area is a range of a stream. Offsets inside it count from the start of the
// stream, as the references of the format do.
type Area struct {
	Stream   *Stream // nil: the area is empty
	Off, End uint32
}

// Len returns how many bytes the area has.
func (a Area) Len() uint32 { return a.End - a.Off }

// Bytes copies the area.
func (a Area) Bytes() ([]byte, error) {
	if a.Len() == 0 {
		return nil, nil
	}
	return a.Stream.Bytes(a.Off, a.Len())
}

// InPlace returns the area as it lies in memory, nil where it does not lie
// together or not in memory.
func (a Area) InPlace() []byte {
	if a.Len() == 0 {
		return nil
	}
	return a.Stream.inPlace(a.Off, a.Len())
}

// Into reads the area as one into memory that is there or is made. It is nil
// where that would be too much, and where the walk may read a part of it and say
// what is wrong with the rest.
func (a Area) Into(own *[]byte) []byte {
	n := int(a.Len())
	if n == 0 || n > maxWhole {
		return nil
	}
	*own = slices.Grow((*own)[:0], n)[:n]
	if a.Stream.Read(*own, a.Off) != nil {
		return nil
	}
	return *own
}

// Walker gives the bytes of the area to a walk that goes forward.
func (a Area) Walker() Walker { return Walker{Stream: a.Stream} }
