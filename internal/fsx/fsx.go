// Package fsx opens files and directories that may have been put there to
// cause trouble.
//
// [Open] takes regular files only: a directory, FIFO or device in place of a
// symbol file is an error at once, never a read that hangs. [Dir] gives the
// same rule to a directory as an fs.FS, and [Lookup] and [Matches] find names in any fs.FS
// without regard to letter case, as symbol stores need on systems that tell
// cases apart.
package fsx

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
)

var (
	// ErrNotRegular is wrapped by the errors for directories, FIFOs, sockets
	// and devices where a file is wanted.
	ErrNotRegular = errors.New("not a regular file")
	// ErrTooLarge is wrapped by the errors for what exceeds a limit of this package.
	ErrTooLarge = errors.New("too large")
)

// File is an open regular file. It is safe for concurrent use; a read that
// begins before Close ends before the file is gone.
type File struct {
	mu     sync.RWMutex // held for writing only by Close
	r      io.ReaderAt
	closer io.Closer
	name   string
	size   int64
	mapped []byte // what [File.Mapped] returns
	closed bool
}

// Open opens the regular file at path, following symbolic links. Anything else
// is an error that wraps [ErrNotRegular], or [ErrTooManyFiles] where there is no
// descriptor for it; opening never blocks.
func Open(path string) (*File, error) {
	f, fi, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	return &File{r: f, closer: f, name: path, size: fi.Size()}, nil
}

// OpenSteady is [Open] for a file that is to stay as it is: reading it after it
// was changed is an error that wraps [ErrChanged].
func OpenSteady(path string) (*File, error) {
	f, fi, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	return &File{r: &steady{f, fi}, closer: f, name: path, size: fi.Size()}, nil
}

// NewFile is a file of size bytes that is read from r and ends with c, which may be
// nil: what is known as name without being a file of this machine.
func NewFile(r io.ReaderAt, size int64, name string, c io.Closer) *File {
	return &File{r: r, closer: c, name: name, size: size}
}

// OpenAs opens the regular file at path and has parse make something of it,
// which is to keep the File, to close it in the end. An error of parse is given
// the path, and the file is closed.
func OpenAs[T any](path string, parse func(r io.ReaderAt, size int64) (T, error)) (T, *File, error) {
	var none T
	f, err := Open(path)
	if err != nil {
		return none, nil, err
	}
	v, err := parse(f, f.Size())
	if err != nil {
		return none, nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
	}
	return v, f, nil
}

// openRegular checks after opening, so that the file cannot be swapped in between.
func openRegular(path string) (*os.File, fs.FileInfo, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|nonBlock, 0)
	if err != nil {
		return nil, nil, Named(err)
	}
	fi, err := f.Stat()
	if err == nil && !fi.Mode().IsRegular() {
		err = notRegular(path, fi.Mode())
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, fi, nil
}

func notRegular(path string, mode fs.FileMode) error {
	err := ErrNotRegular
	switch {
	case mode.IsDir():
		err = fmt.Errorf("%w but a directory", ErrNotRegular)
	case mode&fs.ModeNamedPipe != 0:
		err = fmt.Errorf("%w but a FIFO", ErrNotRegular)
	case mode&fs.ModeDevice != 0:
		err = fmt.Errorf("%w but a device", ErrNotRegular)
	case mode&fs.ModeSocket != 0:
		err = fmt.Errorf("%w but a socket", ErrNotRegular)
	}
	return &fs.PathError{Op: "open", Path: path, Err: err}
}

// Size returns the length in bytes when the file was opened.
func (f *File) Size() int64 { return f.size }

// Name returns the name the file was opened by.
func (f *File) Name() string { return f.name }

// ReadAt implements [io.ReaderAt]. After Close it fails with an error that
// wraps [fs.ErrClosed].
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.closed {
		return 0, &fs.PathError{Op: "read", Path: f.name, Err: fs.ErrClosed}
	}
	return f.r.ReadAt(p, off)
}

// ContextReaderAt is a reader over a network, whose reads can be called off.
type ContextReaderAt interface {
	ReadAtContext(ctx context.Context, p []byte, off int64) (int, error)
}

// ReadAtContext is ReadAt, but ends with the context. A file of this machine
// looks at it only before it reads.
func (f *File) ReadAtContext(ctx context.Context, p []byte, off int64) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, &fs.PathError{Op: "read", Path: f.name, Err: err}
	}
	r, ok := f.r.(ContextReaderAt)
	if !ok {
		return f.ReadAt(p, off)
	}
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.closed {
		return 0, &fs.PathError{Op: "read", Path: f.name, Err: fs.ErrClosed}
	}
	return r.ReadAtContext(ctx, p, off)
}

// Close closes the file. Closing again does nothing.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil
	}
	f.closed = true
	if f.closer == nil {
		return nil
	}
	return f.closer.Close()
}
