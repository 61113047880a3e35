package fsx

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// ErrChanged is wrapped by the errors of files that are not any more what was
// opened: cut, written to, or replaced by another.
var ErrChanged = errors.New("the file was changed while it was in use")

// steady reads a file of this machine that must stay as it was opened. It is
// looked at after every read: what was read before a change is good.
type steady struct {
	f  *os.File
	as fs.FileInfo // when it was opened
}

// newSteady returns f itself where it is no file of this machine's.
func newSteady(f fs.File, as fs.FileInfo) (io.ReaderAt, bool) {
	if f, ok := f.(*os.File); ok {
		return &steady{f, as}, true
	}
	r, ok := f.(io.ReaderAt)
	return r, ok
}

func (s *steady) ReadAt(p []byte, off int64) (int, error) {
	n, err := s.f.ReadAt(p, off)
	if err != nil && err != io.EOF {
		return n, err
	}
	now, failed := s.f.Stat()
	if failed != nil {
		return 0, failed
	}
	if failed = Same(s.as, now); failed != nil {
		return 0, &fs.PathError{Op: "read", Path: s.f.Name(), Err: failed}
	}
	return n, err
}

// Same returns nil if two looks at a file found the same: one file, of the same
// size, last written to at the same time. The error wraps [ErrChanged] and says
// what differs.
func Same(before, now fs.FileInfo) error {
	switch {
	case now.Size() != before.Size():
		return fmt.Errorf("%w: it has %d bytes and had %d", ErrChanged, now.Size(), before.Size())
	case !now.ModTime().Equal(before.ModTime()):
		return fmt.Errorf("%w: it was written to", ErrChanged)
	case !os.SameFile(before, now):
		return fmt.Errorf("%w: another file has its name", ErrChanged)
	}
	return nil
}

// Stat returns what the system says of an open file of this machine. For other
// files, and after Close, there is an error.
func (f *File) Stat() (fs.FileInfo, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.closed {
		return nil, &fs.PathError{Op: "stat", Path: f.name, Err: fs.ErrClosed}
	}
	if file, ok := f.closer.(*os.File); ok {
		return file.Stat()
	}
	return nil, &fs.PathError{Op: "stat", Path: f.name, Err: errors.ErrUnsupported}
}
