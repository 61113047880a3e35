package sympath

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/symres/symres/internal/ranged"
)

// RemoteMode says whether PDBs on servers and shares are fetched as a whole before they
// are read.
type RemoteMode uint8

// The modes.
const (
	RemoteWhole RemoteMode = iota // they are
	RemoteLazy                    // they are read where they lie, as far as they are needed
	RemoteAuto                    // so are those above 16 MB
)

// ParseRemoteMode is the inverse of [RemoteMode.String].
func ParseRemoteMode(s string) (RemoteMode, error) {
	for m := RemoteWhole; m <= RemoteAuto; m++ {
		if m.String() == s {
			return m, nil
		}
	}
	return 0, fmt.Errorf("remote mode %q: want whole, lazy or auto", s)
}

// String returns the mode in one word.
func (m RemoteMode) String() string {
	switch m {
	case RemoteWhole:
		return "whole"
	case RemoteLazy:
		return "lazy"
	case RemoteAuto:
		return "auto"
	}
	return fmt.Sprintf("RemoteMode(%d)", uint8(m))
}

// least is the length of the shortest files that are read in parts.
func (m RemoteMode) least() int64 {
	if m == RemoteAuto {
		return 16 << 20
	}
	return 256 << 10
}

// RangedFile is a file of a server or share at a time. Another file in its place has
// another length or another validator.
type RangedFile struct {
	Location  string
	Size      int64
	Validator string // ETag or date; empty: nothing tells files apart, and parts are not kept
}

// RangeReader reads parts of a file. It is safe for concurrent use.
type RangeReader interface {
	// ReadRange fills p from off. The error wraps [ErrChanged] if another file is
	// there by now; then nothing is read from it any more.
	ReadRange(ctx context.Context, p []byte, off int64) error
	// Close ends its use.
	Close() error
}

// Ranger is a [Fetcher] of whose files parts can be read.
type Ranger interface {
	Fetcher
	// Ranges returns the reader of a file that was given to [Sink.Parts] before,
	// by this process or another one. It makes no request.
	Ranges(q Query, f RangedFile) (RangeReader, error)
}

// PartialError says how much is here of a file that is read where it lies. It is no
// failure: the identity of the file was compared, but no hash of the whole of it.
type PartialError struct {
	Held, Total int64 // bytes
}

// Error implements the error interface.
func (e *PartialError) Error() string {
	return fmt.Sprintf("read where it lies, %.1f of %.0f MB are here; its identity was checked, a hash of the whole file was not",
		float64(e.Held)/1e6, float64(e.Total)/1e6)
}

// prefetcher is a reader that is told what will be read.
type prefetcher interface {
	Prefetch(parts iter.Seq2[int64, int64])
}

type farReader struct {
	io.ReaderAt
	prefetcher
}

// partial is a file that is read where it lies. It is a stage that is never written
// to.
type partial struct {
	*ranged.File
	reader   RangeReader
	remote   *remote
	query    Query
	location string
	version  string
	finished sync.Once
}

// newPartial reads a file in parts, and keeps them in part.
func (r *remote) newPartial(q Query, part *ranged.Part, f RangedFile, reader RangeReader) *partial {
	p := &partial{reader: reader, remote: r, query: q, location: f.Location, version: f.Validator}
	if p.version == "" { // it may be another one each time
		p.version = fmt.Sprintf("%p", p)
	}
	trace := r.opts.Trace
	p.File = ranged.New(ranged.Config{
		Size: f.Size, Reader: reader, Part: part, ErrChanged: ErrChanged,
		Progress: func(held int64) {
			trace.event(q, Event{Kind: EventRead, Location: f.Location, Done: held, Total: f.Size})
		},
		Warn: func(err error) { trace.event(q, Event{Kind: EventWarning, Location: f.Location, Err: err}) },
	})
	return p
}

func (p *partial) Write([]byte) (int, error) { return 0, errors.ErrUnsupported }
func (p *partial) truncate() error           { return errors.ErrUnsupported }

func (p *partial) discard() {
	p.File.Close()
	p.reader.Close()
}

// ReadAtContext is [ranged.File.ReadAtContext]. Whoever brings the last part publishes the file.
func (p *partial) ReadAtContext(ctx context.Context, b []byte, off int64) (int, error) {
	n, err := p.File.ReadAtContext(ctx, b, off)
	if err == nil {
		p.finish()
	}
	return n, err
}

// ReadAt implements [io.ReaderAt].
func (p *partial) ReadAt(b []byte, off int64) (int, error) {
	return p.ReadAtContext(context.Background(), b, off)
}

// Prefetch is [ranged.File.Prefetch].
func (p *partial) Prefetch(parts iter.Seq2[int64, int64]) {
	p.File.Prefetch(parts)
	p.finish()
}

// finish puts a file that is whole by now into the caches, as any that was fetched,
// once.
func (p *partial) finish() {
	if !p.File.Whole() {
		return
	}
	p.finished.Do(func() {
		tiers := p.remote.writable()
		if len(tiers) == 0 {
			return
		}
		tell := func(e Event) { p.remote.opts.Trace.event(p.query, e) }
		id, err := p.remote.opts.verify(p.query, io.NewSectionReader(p.File, 0, p.Size()), p.Size())
		if err != nil {
			tell(Event{Kind: EventWarning, Location: p.location, Err: err})
			return
		}
		for i := len(tiers) - 1; i >= 0; i-- {
			e, err := tiers[i].add(p.query, id, p.File, p.Size(), p.location)
			if err != nil {
				tell(Event{Kind: EventWarning, Location: tiers[i].dir, Err: err})
				return
			}
			tell(Event{Kind: EventPublish, Location: e.location, Total: e.size})
		}
		p.remote.dropPart(p.query)
	})
}

// attempt is the report of a file that is read where it lies.
func (p *partial) attempt(start time.Time) Attempt {
	return Attempt{
		Store: p.remote.fetcher.Name(), Location: p.location, Origin: p.remote.fetcher.Origin(), Status: StatusPartial,
		Err: &PartialError{Held: p.Held(), Total: p.Size()}, Elapsed: time.Since(start),
	}
}

// farFile is a use of a file that is read where it lies.
type farFile struct {
	*heldFile
	part *partial
}

// Prefetch implements the method that package pdb asks for.
func (f *farFile) Prefetch(parts iter.Seq2[int64, int64]) {
	f.heldFile.mu.RLock()
	defer f.heldFile.mu.RUnlock()
	if f.heldFile.landed != nil {
		f.part.Prefetch(parts)
	}
}

// Version is the same for files that are the same: two of a place between which it
// was changed are not.
func (f *farFile) Version() string { return f.part.version }

// ReadAtContext is ReadAt until the context ends.
func (f *farFile) ReadAtContext(ctx context.Context, b []byte, off int64) (int, error) {
	f.heldFile.mu.RLock()
	defer f.heldFile.mu.RUnlock()
	if f.heldFile.landed == nil {
		return f.heldFile.ReadAt(b, off) // fails
	}
	return f.part.ReadAtContext(ctx, b, off)
}

// TakesParts reports whether a file of that length may be given to [Sink.Parts]. A
// length of 0 asks whether any may. The answer is no for files that are no PDB by
// their names.
func (s *Sink) TakesParts(total int64) bool {
	o := s.remote.opts
	return !s.whole && o.Remote != RemoteWhole && o.Verify != nil && strings.EqualFold(path.Ext(s.query.File), ".pdb") &&
		(total == 0 || total > o.Remote.least()) && total <= o.Limits.Expanded
}

// Parts takes a file that is read in parts instead of being written. head is how it
// begins. The identity of the file is compared at once, for which parts of it are read.
// After nil the fetch is over. After an error nothing of the file is kept; the reader
// is closed, and the file may still be written.
func (s *Sink) Parts(f RangedFile, head []byte, reader RangeReader) error {
	start := time.Now()
	part, err := s.remote.beginPart(s, f)
	if err != nil {
		s.whole = true
		return errors.Join(err, reader.Close())
	}
	p := s.remote.newPartial(s.query, part, f, reader)
	if err = p.Put(head); err == nil {
		_, err = s.remote.opts.verify(s.query, p, f.Size)
	}
	if err == nil {
		s.Attempt(p.attempt(start))
		s.partial(p)
		return nil
	}
	s.whole = !errors.Is(err, ErrMismatch)
	part.Discard()
	p.discard()
	return err
}

// TookParts reports whether the file is one that [Sink.Parts] took, which reports it.
func (s *Sink) TookParts() bool {
	if s.result == nil {
		return false
	}
	_, ok := s.result.held.(*partial)
	return ok
}

// partial makes a file that is read where it lies the result.
func (s *Sink) partial(p *partial) {
	s.location = p.location
	s.land.discard()
	s.land.cur, s.land.n = p, p.Size()
	s.result = s.staged()
}

// beginPart makes room for parts of a file, in the cache nearest to the server that
// takes them.
func (r *remote) beginPart(s *Sink, f RangedFile) (*ranged.Part, error) {
	tiers := r.writable()
	for i := len(tiers) - 1; i >= 0 && f.Validator != ""; i-- {
		root, err := tiers[i].open()
		if err == nil {
			var part *ranged.Part
			if part, err = ranged.Create(root, r.partDir(s.query), r.head(s.query, f)); err == nil {
				tiers[i].tidy()
				return part, nil
			}
			root.Close()
		}
		s.warn(tiers[i].dir, err)
	}
	return ranged.Temporary(f.Size)
}

func (r *remote) head(q Query, f RangedFile) ranged.Head {
	return ranged.Head{File: q.File, Key: q.ID.Key(), Origin: r.fetcher.Name(), Location: f.Location, Size: f.Size, Validator: f.Validator}
}

// partDir is where the parts of a file of a server are. Two servers may have files
// that differ, though their identity is the same.
func (r *remote) partDir(q Query) string {
	sum := sha256.Sum256([]byte(r.fetcher.Name()))
	return path.Join(partDir, strings.ToLower(q.File), strings.ToUpper(orWord(q.ID.Key(), "none"))+"-"+hex.EncodeToString(sum[:8]))
}

func (r *remote) dropPart(q Query) {
	for _, c := range r.writable() {
		if root, err := c.open(); err == nil {
			_ = ranged.Remove(root, r.partDir(q))
			root.Close()
		}
	}
}

// goOn answers with a file of which parts are here, or, if whole files are wanted,
// fetches what is missing. It returns nil where there are none that are any good.
func (r *remote) goOn(ctx context.Context, s *Sink) *landed {
	ranger, ok := r.fetcher.(Ranger)
	if !ok || r.opts.Verify == nil {
		return nil
	}
	start := time.Now()
	for _, c := range r.writable() {
		p := r.openPart(c, ranger, s.query)
		if p == nil {
			continue
		}
		_, err := r.opts.verify(s.query, p, p.Size())
		if err == nil && r.opts.Remote == RemoteWhole {
			if l := r.complete(ctx, s, p); l != nil {
				return l
			}
			continue
		}
		if err == nil {
			s.Attempt(p.attempt(start))
			s.partial(p)
			return s.result
		}
		p.discard()
		if errors.Is(err, ErrMismatch) || errors.Is(err, ErrChanged) {
			r.dropPart(s.query)
		}
	}
	return nil
}

// openPart opens the parts of a file in a cache, nil if there are none.
func (r *remote) openPart(c *Cache, ranger Ranger, q Query) *partial {
	if _, err := ranged.ReadHead(c.fs(), r.partDir(q)); err != nil {
		return nil
	}
	root, err := c.open()
	if err != nil {
		return nil
	}
	part, err := ranged.Open(root, r.partDir(q))
	if err != nil {
		root.Close()
		return nil
	}
	h := part.Head()
	f := RangedFile{Location: h.Location, Size: h.Size, Validator: h.Validator}
	reader, err := ranger.Ranges(q, f)
	if err != nil || h != r.head(q, f) {
		part.Close()
		return nil
	}
	return r.newPartial(q, part, f, reader)
}

// complete fetches what is missing of a file and takes it as if all of it had been
// fetched.
func (r *remote) complete(ctx context.Context, s *Sink, p *partial) *landed {
	defer p.discard()
	start := time.Now()
	s.Event(Event{Kind: EventStart, Location: p.location, Done: p.Held(), Total: p.Size()})
	a := p.attempt(start)
	err := p.Fill(ctx)
	if err == nil {
		if err = s.Begin(p.location, p.Size()); err == nil {
			_, err = io.Copy(s, io.NewSectionReader(p.File, 0, p.Size()))
		}
		if err == nil {
			err = s.Commit()
		}
	}
	a.Status, a.Err, a.Elapsed = StatusFound, nil, time.Since(start)
	if err != nil {
		a.Status, a.Err = StatusError, err
	}
	if ctx.Err() != nil {
		return &landed{}
	}
	s.Attempt(a)
	if errors.Is(err, ErrMismatch) || errors.Is(err, ErrChanged) || err == nil {
		r.dropPart(s.query)
	}
	if err != nil {
		s.renew()
		return nil
	}
	return s.result
}
