package filepool

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"sync"
	"sync/atomic"

	"github.com/symres/symres/internal/fsx"
	"github.com/symres/symres/pdb"
	"github.com/symres/symres/sympath"
)

// Held is a file of a [Files]: what it is stays the same for good, whether
// it is open and what was made of it changes. It is an [io.ReaderAt] that opens
// the file where it is not. Safe for concurrent use.
type Held struct {
	pool *Pool
	from sympath.Candidate // opens it again
	size int64
	info fs.FileInfo // nil for what is no file of this machine
	far  bool        // it is told what will be read
	made string      // which version of a file far away it is

	pdb  atomic.Pointer[pdb.File] // nil before it is asked, and after it was given up
	uses atomic.Uint64

	making   sync.Mutex    // held while the PDB is made
	sections []pdb.Section // of its image, guarded by making: for a PDB that has none
	identity atomic.Pointer[pdbIdentity]

	opening sync.Mutex // held while the file is opened again

	// guarded by pool.mu
	sum     [sha256.Size]byte // samples of what is no file of this machine
	file    sympath.File      // nil while it is not open
	refs    int               // who holds it
	reading int               // reads under way
	bytes   int64             // of the PDB, as they were counted last
	gone    bool              // closed for good
}

// newHeld takes down what an open file is. It is opened again with the
// candidate.
func newHeld(f *Pool, c sympath.Candidate, file sympath.File) *Held {
	h := &Held{pool: f, from: c, size: file.Size()}
	if far, ok := file.(prefetcher); ok {
		h.far, h.made = true, far.Version()
	}
	if s, ok := file.(interface{ Stat() (fs.FileInfo, error) }); ok {
		if info, err := s.Stat(); err == nil && fsx.Same(info, info) == nil {
			h.info = info
		}
	}
	return h
}

// Size returns the bytes of the file.
func (h *Held) Size() int64 { return h.size }

// Used counts what the PDB takes, now and then, and makes room for it.
func (h *Held) Used() { h.pool.used(h) }

// Release ends the use of the file by who got it from [Pool.HoldPDB].
func (h *Held) Release() error { return h.pool.release(h) }

// ReadAt implements [io.ReaderAt].
func (h *Held) ReadAt(p []byte, off int64) (int, error) {
	file, err := h.enter()
	if err != nil {
		return 0, err
	}
	defer h.leave()
	return file.ReadAt(p, off)
}

// prefetcher is a file that is told what will be read, as it is far away.
type prefetcher interface {
	Prefetch(parts iter.Seq2[int64, int64])
	// Version is the same for files that are the same.
	Version() string
}

// reader is the file for package pdb.
func (h *Held) reader() io.ReaderAt {
	if h.far {
		return farHeld{h}
	}
	return h
}

type farHeld struct{ *Held }

// Prefetch is what package pdb asks a reader for.
func (h farHeld) Prefetch(parts iter.Seq2[int64, int64]) { h.prefetch(parts) }

func (h *Held) prefetch(parts iter.Seq2[int64, int64]) {
	file, err := h.enter()
	if err != nil {
		return // as who reads will see
	}
	defer h.leave()
	if far, ok := file.(prefetcher); ok {
		far.Prefetch(parts)
	}
}

// enter returns the open file, which stays open until leave.
func (h *Held) enter() (sympath.File, error) {
	f := h.pool
	f.mu.Lock()
	if h.gone {
		f.mu.Unlock()
		return nil, fmt.Errorf("%s: %w", h.from.Location, ErrClosed)
	}
	h.reading++
	file := h.file
	f.open.Get(h) // which makes it the last one used
	f.mu.Unlock()
	if file != nil {
		return file, nil
	}
	file, err := h.reopen()
	if err != nil {
		h.leave()
	}
	return file, err
}

func (h *Held) leave() {
	f := h.pool
	f.mu.Lock()
	h.reading--
	rest := f.trim(f.cfg.Descriptors, nil)
	f.mu.Unlock()
	_ = closeAll(rest) // that were only read from
}

// reopen opens the file and makes sure that it is the one it was.
func (h *Held) reopen() (sympath.File, error) {
	h.opening.Lock()
	defer h.opening.Unlock()
	f := h.pool
	f.mu.Lock()
	file := h.file
	f.mu.Unlock()
	if file != nil {
		return file, nil
	}
	file, err := f.openCandidate(context.Background(), h.from)
	if err == nil {
		err = h.same(file)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s was closed and cannot be opened again: %w", h.from.Location, err), closeIf(file))
	}
	f.mu.Lock()
	if h.gone {
		f.mu.Unlock()
		return nil, errors.Join(fmt.Errorf("%s: %w", h.from.Location, ErrClosed), file.Close())
	}
	f.reopened++
	rest := f.install(h, file)
	f.mu.Unlock()
	_ = closeAll(rest)
	return file, nil
}

func closeIf(file sympath.File) error {
	if file == nil {
		return nil
	}
	return file.Close()
}

// same holds a file that was opened again against what it was.
func (h *Held) same(file sympath.File) error {
	now := newHeld(h.pool, h.from, file)
	switch {
	case now.size != h.size:
		return fmt.Errorf("%w: it has %d bytes and had %d", sympath.ErrChanged, now.size, h.size)
	case h.info != nil && now.info == nil:
		return fmt.Errorf("%w: it was a file of this machine", sympath.ErrChanged)
	case h.info != nil:
		if err := fsx.Same(h.info, now.info); err != nil {
			return err
		}
	}
	return h.samePDB(file)
}

// samePDB looks into a PDB for its identity. What was never asked as a PDB may be
// none.
func (h *Held) samePDB(file sympath.File) error {
	was := h.identity.Load()
	if was == nil {
		return nil
	}
	p, err := pdb.New(file, file.Size())
	if err != nil {
		return fmt.Errorf("%w: %w", sympath.ErrChanged, err)
	}
	if now := identityOf(p); now != *was {
		return fmt.Errorf("%w: it is the PDB %v and was %v", sympath.ErrChanged, now, *was)
	}
	return nil
}
