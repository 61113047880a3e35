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

	"github.com/symres/symres/guid"
	"github.com/symres/symres/pdb"
	"github.com/symres/symres/sympath"
)

// pdbIdentity is what a PDB says of itself. It is comparable.
type pdbIdentity struct {
	guid           guid.GUID
	age, signature uint32 // age is that of the DBI stream
	streams        uint32 // the age of the PDB, which tools raise
}

func identityOf(p *pdb.File) pdbIdentity {
	g, age := p.ID()
	return pdbIdentity{g, age, p.Info().Signature, p.Info().Age}
}

func (i pdbIdentity) String() string { return sympath.PDB70(i.guid, i.age).String() }

// ID returns the GUID and age of the PDB, as [pdb.File.ID] does.
func (h *Held) ID() (guid.GUID, uint32) {
	id := h.identity.Load()
	if id == nil {
		return guid.GUID{}, 0
	}
	return id.guid, id.age
}

// PDB returns what was made of the file, or makes it.
func (h *Held) PDB() (*pdb.File, error) {
	if p := h.pdb.Load(); p != nil {
		return p, nil
	}
	h.making.Lock()
	defer h.making.Unlock()
	if p := h.pdb.Load(); p != nil {
		return p, nil
	}
	p, err := pdb.New(h.reader(), h.size)
	if err != nil {
		return nil, err
	}
	now := identityOf(p)
	if was := h.identity.Load(); was != nil && *was != now {
		return nil, fmt.Errorf("%s: %w: it is the PDB %v and was %v", h.from.Location, sympath.ErrChanged, now, *was)
	}
	h.identity.Store(&now)
	if err := p.UseSections(h.sections); err != nil {
		return nil, err
	}
	return p, h.keep(p)
}

// UseSections gives a PDB without section headers those of its image, for all who
// hold it, and returns it as it is with them. The first ones given stay.
func (h *Held) UseSections(list []pdb.Section) (*pdb.File, error) {
	h.making.Lock()
	first := h.sections == nil
	if first {
		h.sections = list
	}
	h.making.Unlock()
	if first { // what was made without them is given up
		h.pool.mu.Lock()
		h.pool.forget(h, false)
		h.pool.mu.Unlock()
	}
	return h.PDB()
}

// keep remembers what was made of the file, if that is still wanted.
func (h *Held) keep(p *pdb.File) error {
	h.pool.mu.Lock()
	defer h.pool.mu.Unlock()
	if h.gone {
		return fmt.Errorf("%s: %w", h.from.Location, ErrClosed)
	}
	h.pdb.Store(p)
	return nil
}

// HoldPDB opens the PDB of a candidate, or one that is held and the same. The
// caller releases it. A candidate that is no PDB is none for another Session
// either, and not kept.
func (f *Pool) HoldPDB(ctx context.Context, c sympath.Candidate) (*Held, *pdb.File, error) {
	h, err := f.hold(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	p, err := h.PDB()
	if err == nil && h.info == nil {
		if h, err = f.merge(h); err == nil {
			p, err = h.PDB()
		}
	}
	if err != nil {
		return nil, nil, errors.Join(err, f.release(h))
	}
	return h, p, nil
}

// merge returns a PDB that is held already and no other than h, which is no
// file of this machine, or else h.
func (f *Pool) merge(h *Held) (*Held, error) {
	sum, err := sample(h)
	if err != nil {
		return h, err
	}
	f.mu.Lock()
	h.sum = sum
	for _, other := range f.held[h.size] {
		if other != h && other.sum == sum && other.from.Location == h.from.Location && other.from.Store == h.from.Store &&
			other.identity.Load() != nil && *other.identity.Load() == *h.identity.Load() {
			other.refs++
			f.shared++
			f.mu.Unlock()
			return other, f.release(h)
		}
	}
	f.mu.Unlock()
	return h, nil
}

// sample is a digest of parts of a file: its beginning, where the directory of a
// PDB usually begins, and places all over it. Of a file far away it is one of its
// version, and nothing is read.
func sample(h *Held) (sum [sha256.Size]byte, err error) {
	const parts, each = 16, 4 << 10
	d := sha256.New()
	b := make([]byte, each)
	if h.far {
		return sha256.Sum256([]byte(h.made)), nil
	}
	for i := range int64(parts) {
		n, err := h.ReadAt(b, (h.size-min(h.size, each))*i/(parts-1))
		if err != nil && err != io.EOF {
			return sum, err
		}
		d.Write(b[:n])
	}
	return [sha256.Size]byte(d.Sum(nil)), nil
}

// hold is one use of a file as a store's candidate gives it. It implements
// [sympath.File].
type hold struct {
	mu   sync.RWMutex // held for writing only by Close
	held *Held        // nil after Close
	size int64
}

func newHold(h *Held) sympath.File {
	u := &hold{held: h, size: h.size}
	if h.far {
		return farHold{u}
	}
	return u
}

// farHold is a hold of a file that is told what will be read.
type farHold struct{ *hold }

// Prefetch is what package pdb asks a reader for.
func (u farHold) Prefetch(parts iter.Seq2[int64, int64]) {
	u.mu.RLock()
	defer u.mu.RUnlock()
	if u.held != nil {
		u.held.prefetch(parts)
	}
}

// Version is that of the file.
func (u farHold) Version() string {
	u.mu.RLock()
	defer u.mu.RUnlock()
	if u.held == nil {
		return ""
	}
	return u.held.made
}

func (u *hold) unwrap() *hold { return u }

// Size returns the bytes of the file.
func (u *hold) Size() int64 { return u.size }

// ReadAt implements [io.ReaderAt].
func (u *hold) ReadAt(p []byte, off int64) (int, error) {
	u.mu.RLock()
	defer u.mu.RUnlock()
	if u.held == nil {
		return 0, fs.ErrClosed
	}
	return u.held.ReadAt(p, off)
}

// Close implements [io.Closer].
func (u *hold) Close() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	h := u.held
	if u.held = nil; h == nil {
		return nil
	}
	return h.pool.release(h)
}
