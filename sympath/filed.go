package sympath

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"

	"github.com/symres/symres/internal/fsx"
)

// errChanged is within an ErrMismatch.
var errChanged = errors.New("it has changed since it was filed")

func changed() error { return fmt.Errorf("%w: %w", ErrMismatch, errChanged) }

// CheckFiled compares a file in a cache with the SHA-256 that was recorded when
// it was filed. It reads the whole file. If the file has changed, the error
// wraps [ErrMismatch]. For a file outside a cache it returns nil.
func CheckFiled(ctx context.Context, file string) error {
	file, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	root := filepath.Dir(filepath.Dir(filepath.Dir(file)))
	for _, root := range []string{root, filepath.Dir(root)} {
		rel, err := filepath.Rel(root, file)
		name := filepath.ToSlash(rel)
		if _, _, ok := entryParts(name); err != nil || !ok {
			continue
		}
		if err := NewCache(root, Options{ReadOnly: true}).unchanged(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// unchanged reads an entry and compares it with the hash it was filed with, if
// there is one.
func (c *Cache) unchanged(ctx context.Context, name string) error {
	m, ok := c.meta(name)
	if !ok || m.SHA256 == "" {
		return nil
	}
	f, err := fsx.OpenFS(c.fs(), name)
	if err != nil {
		return cause(err)
	}
	defer f.Close()
	sum := newDigest()
	defer sum.wait()
	if _, err := io.Copy(digestWriter{sum}, io.NewSectionReader(within(ctx, f), 0, f.Size())); err != nil {
		return err
	}
	if hex.EncodeToString(sum.sum()) != m.SHA256 {
		return changed()
	}
	return nil
}

type digestWriter struct{ *digest }

func (d digestWriter) Write(p []byte) (int, error) {
	d.write(p)
	return len(p), nil
}

// openEntry opens an entry of the cache. bad is called once if who reads all of
// it finds that it changed.
func (c *Cache) openEntry(name, location string, bad func(error)) (File, error) {
	f, err := openFile(c.fs(), name, location)
	if err != nil {
		return nil, err
	}
	m, ok := c.meta(name)
	if !ok || m.SHA256 == "" || m.Size != f.Size() {
		return f, nil
	}
	return &filedFile{File: f, want: m.SHA256, bad: bad, sum: newDigest()}, nil
}

// filedFile is an open entry of a cache. Who reads it from its beginning to its
// end has it hashed beside, and is given an error with the last bytes when they
// are not those that were filed. Other reads are as before.
type filedFile struct {
	File
	want string
	bad  func(error)

	mu     sync.Mutex
	sum    *digest
	next   int64 // where the next read in order begins; -1 when there was none at 0
	closed bool
}

// SHA256 returns the hash that was recorded when the entry was filed, in hex
// digits.
func (f *filedFile) SHA256() string { return f.want }

// ReadAt implements [io.ReaderAt].
func (f *filedFile) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.File.ReadAt(p, off)
	if n > 0 {
		if bad := f.follow(p[:n], off); bad != nil {
			return n, bad
		}
	}
	return n, err
}

// follow hashes what is read in order, and compares at the end.
func (f *filedFile) follow(p []byte, off int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.closed:
		return nil
	case off == 0:
		f.sum.reset()
		f.next = 0
	case off != f.next || f.next < 0:
		f.next = -1
		return nil
	}
	f.sum.write(p)
	if f.next += int64(len(p)); f.next < f.Size() {
		return nil
	}
	f.next = -1
	if hex.EncodeToString(f.sum.sum()) == f.want {
		return nil
	}
	if f.bad != nil {
		f.bad(changed())
		f.bad = nil
	}
	return changed()
}

// Close implements [io.Closer].
func (f *filedFile) Close() error {
	f.mu.Lock()
	if !f.closed {
		f.closed = true
		f.sum.wait()
	}
	f.mu.Unlock()
	return f.File.Close()
}
