package unpack

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/symres/symres/internal/fsx"
)

// Spool is a temporary file whose pages of zeros are holes. It is safe for
// concurrent use once it is written; it is gone when it is closed.
type Spool struct {
	f       *os.File
	path    string // "" once the name is gone
	limits  Limits
	size    int64
	stored  int64
	zero    []byte
	partial []byte // of the page being written

	mu     sync.RWMutex // held for writing only by Close
	closed bool
}

const spoolPage = 4096

// spoolError is an error of writing, and none of the compressed file.
type spoolError struct{ err error }

func (e *spoolError) Error() string { return e.err.Error() }
func (e *spoolError) Unwrap() error { return e.err }

func newSpool(l Limits) (*Spool, error) {
	f, err := os.CreateTemp("", "symres-*.expanded")
	if err != nil {
		return nil, fmt.Errorf("a place to expand the file to: %w", err)
	}
	s := &Spool{f: f, path: f.Name(), limits: l, zero: make([]byte, spoolPage)}
	if os.Remove(s.path) == nil {
		s.path = ""
	}
	return s, nil
}

// Write appends to the file; it is not safe for concurrent use.
func (s *Spool) Write(p []byte) (int, error) {
	if int64(len(p)) > s.limits.Expanded-s.size-int64(len(s.partial)) {
		return 0, s.tooLarge("expands to", s.limits.Expanded)
	}
	for done := 0; done < len(p); {
		page := p[done:min(len(p), done+spoolPage-len(s.partial))]
		done += len(page)
		if len(s.partial) > 0 || len(page) < spoolPage {
			s.partial = append(s.partial, page...)
			if page = s.partial; len(page) < spoolPage {
				break
			}
		}
		if err := s.page(page); err != nil {
			return 0, err
		}
		s.partial = s.partial[:0]
	}
	return len(p), nil
}

// page appends a page, or the last piece of one.
func (s *Spool) page(b []byte) error {
	at := s.size
	s.size += int64(len(b))
	if bytes.Equal(b, s.zero[:len(b)]) {
		return nil
	}
	if s.stored += int64(len(b)); s.stored > s.limits.Stored {
		return s.tooLarge("has, expanded, to be stored, besides zeros,", s.limits.Stored)
	}
	if _, err := s.f.WriteAt(b, at); err != nil {
		return &spoolError{fmt.Errorf("expanding the file: %w", err)}
	}
	return nil
}

func (s *Spool) tooLarge(what string, limit int64) error {
	return &spoolError{fmt.Errorf("it %s more than %d MB: expand it yourself, and open what comes out: %w", what, limit>>20, fsx.ErrTooLarge)}
}

// finish writes what is left, and gives the file its length.
func (s *Spool) finish() error {
	err := s.page(s.partial)
	if err == nil {
		if err = s.f.Truncate(s.size); err != nil {
			err = &spoolError{fmt.Errorf("expanding the file: %w", err)}
		}
	}
	s.partial = nil
	return err
}

// Size returns the length in bytes.
func (s *Spool) Size() int64 { return s.size }

// ReadAt implements [io.ReaderAt]. After Close it fails with [os.ErrClosed].
func (s *Spool) ReadAt(p []byte, off int64) (int, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return 0, os.ErrClosed
	}
	return s.f.ReadAt(p, off)
}

// NextData is [fsx.File.NextData].
func (s *Spool) NextData(off int64) int64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return off
	}
	return fsx.NextData(s.f, s.size, off)
}

// Close removes the file. Closing again does nothing.
func (s *Spool) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	err := s.f.Close()
	if s.path != "" {
		err = os.Remove(s.path)
	}
	return err
}

var _ io.ReaderAt = (*Spool)(nil)
