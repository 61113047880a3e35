package fsx

import (
	"errors"
	"io"
	"math"
	"os"

	"golang.org/x/exp/mmap"
)

// Map opens a file like [Open] and maps it into memory. It is for files that
// belong to the caller: if somebody cuts a mapped file short, reading it
// crashes the process. Pages are fetched one by one as they are touched, and
// more on request; see [File.WillNeed]. Where this package cannot map files
// itself x/exp/mmap does; where that fails the file is read.
func Map(path string) (*File, error) {
	f, fi, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	if m, err := mapFile(f, fi.Size()); err == nil {
		f.Close() // the mapping stays
		return &File{r: m, closer: m, name: path, size: int64(len(m.bytes)), mapped: m.bytes}, nil
	}
	if m, err := mmap.Open(path); err == nil {
		f.Close()
		return &File{r: m, closer: m, name: path, size: int64(m.Len())}, nil
	}
	return &File{r: &steady{f, fi}, closer: f, name: path, size: fi.Size()}, nil
}

// mapFile maps the first size bytes of a file.
func mapFile(f *os.File, size int64) (*mapping, error) {
	if size <= 0 || size > math.MaxInt {
		return nil, errors.ErrUnsupported
	}
	b, err := mapBytes(f, int(size))
	if err != nil {
		return nil, err
	}
	return &mapping{bytes: b}, nil
}

// mapping is a file in memory.
type mapping struct{ bytes []byte }

func (m *mapping) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off >= int64(len(m.bytes)) {
		return 0, io.EOF
	}
	n := copy(p, m.bytes[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (m *mapping) Close() error { return unmapBytes(m.bytes) }

// Mapped returns the bytes of a file that [Map] holds in memory, nil of any
// other. They must not be changed, nor touched after Close: that crashes the
// process.
func (f *File) Mapped() []byte { return f.mapped }

// WillNeed says that n bytes at off of a mapped file are about to be read, so
// that they are fetched together. It does nothing for other files, and nothing
// but advise in any case.
func (f *File) WillNeed(off, n int64) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if size := int64(len(f.mapped)); !f.closed && off >= 0 && off < size && n > 0 {
		advise(f.mapped, int(off), int(min(n, size-off)))
	}
}
