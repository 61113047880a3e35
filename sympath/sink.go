package sympath

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Sink takes the file that a [Fetcher] brings, and what it has to tell. It is
// not safe for concurrent use.
type Sink struct {
	remote *remote
	flight *flight
	query  Query
	land   *landing
	warned map[string]bool
	beat   func() // shows other processes that the fetch goes on

	location string
	total    int64
	result   *landed
	whole    bool // the file is not taken in parts
}

// Attempt reports a probe.
func (s *Sink) Attempt(a Attempt) { s.flight.tell(news{attempt: a}) }

// Event reports an event other than progress, which the sink tells by itself.
func (s *Sink) Event(e Event) { s.flight.tell(news{event: e}) }

// warn tells of each place once.
func (s *Sink) warn(location string, err error) {
	if !s.warned[location] {
		s.warned[location] = true
		s.Event(Event{Kind: EventWarning, Location: location, Err: err})
	}
}

// Begin says where the bytes that follow come from and how long the file is,
// -1 when that is not known. What was written before stays.
func (s *Sink) Begin(location string, total int64) error {
	s.location, s.total = location, total
	s.Event(Event{Kind: EventStart, Location: location, Done: s.land.n, Total: total})
	if total > s.land.limit {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, total, s.land.limit)
	}
	return nil
}

// Write appends to the file. An error wrapping [ErrTooLarge] or of the disk
// means that no more can be taken.
func (s *Sink) Write(p []byte) (int, error) {
	n, err := s.land.Write(p)
	s.beat()
	s.flight.tick(Event{Kind: EventProgress, Location: s.location, Done: s.land.n, Total: s.total})
	return n, err
}

// Reset forgets what was written: the file comes from its start again.
func (s *Sink) Reset() error { return s.land.reset() }

// Commit says that the file is whole. It is expanded if it is compressed,
// verified, and published in the caches. An error says why it was refused, and
// the sink is empty again.
func (s *Sink) Commit() error {
	defer s.renew()
	if s.land.cur == nil {
		return fmt.Errorf("%w: it is empty", ErrMismatch)
	}
	if err := s.expand(); err != nil {
		return fmt.Errorf("%w: %w", ErrMismatch, err)
	}
	id, err := s.verify()
	if err != nil {
		s.refuse(err)
		return err
	}
	return s.publish(id)
}

// renew makes the sink ready for another file.
func (s *Sink) renew() {
	if s.land != nil {
		s.land.discard()
	}
	s.land = newLanding(s.remote.writable(), s.remote.opts.Limits.Stored, s.warn)
}

func (s *Sink) expand() error {
	if !compressed(s.query.File, s.land.content()) {
		return nil
	}
	limits := s.remote.opts.Limits
	out := newLanding(s.remote.writable(), limits.Expanded, s.warn)
	if _, err := expand(s.land.content(), s.land.n, out, limits); err != nil {
		out.discard()
		return err
	}
	s.land.discard()
	s.land = out
	return nil
}

// verify returns the identity of the file, zero when nobody can tell.
func (s *Sink) verify() (ID, error) { return s.remote.opts.verify(s.query, s.land.content(), s.land.n) }

// verify holds a file against a query. A file whose identity was not asked for
// may have any.
func (o *Options) verify(q Query, r io.ReaderAt, size int64) (ID, error) {
	if o.Verify == nil {
		return ID{}, nil
	}
	if size == 0 {
		return ID{}, fmt.Errorf("%w: it is empty", ErrMismatch)
	}
	source := &watchedReader{r: r}
	var reader io.ReaderAt = io.NewSectionReader(source, 0, size)
	if far, ok := r.(prefetcher); ok {
		reader = farReader{reader, far}
	}
	id, err := o.Verify(q, reader, size)
	switch {
	case source.failed() != nil:
		return ID{}, source.failed()
	case err != nil:
		return ID{}, fmt.Errorf("%w: %w", ErrMismatch, err)
	case !q.ID.IsZero() && id != q.ID:
		return ID{}, fmt.Errorf("%w: it is %v", ErrMismatch, id)
	case id.IsZero():
		return ID{}, fmt.Errorf("%w: its identity cannot be read", ErrMismatch)
	}
	return id, nil
}

// refuse keeps what is not the wanted file for a look, where there is a cache.
func (s *Sink) refuse(reason error) {
	in, ok := s.land.cur.(*incoming)
	if !ok || s.remote.opts.DropRefused || !errors.Is(reason, ErrMismatch) {
		return
	}
	location, err := in.quarantine(s.query, s.location, reason)
	if err != nil {
		s.warn(in.cache.dir, err)
		return
	}
	s.Event(Event{Kind: EventQuarantine, Location: location, Err: reason})
}

// publish files the verified content in the caches, from the one nearest to
// the server to the one nearest to the user, who gets that copy. When no cache
// takes it the file lives as long as it is used.
func (s *Sink) publish(id ID) error {
	for {
		in, ok := s.land.cur.(*incoming)
		if !ok {
			s.result = s.staged()
			return nil
		}
		entry, err := in.publish(s.query, id, s.land, s.location)
		if err == nil {
			s.Event(Event{Kind: EventPublish, Location: entry.location, Total: entry.size})
			s.result = &landed{found: true, candidate: s.fill(entry, id)}
			return nil
		}
		if err := s.land.giveUp(err); err != nil {
			return err
		}
	}
}

// staged makes the stage the result; the sink gives it away.
func (s *Sink) staged() *landed {
	l := &landed{found: true, refs: 1, held: s.land.cur, size: s.land.n}
	s.land.cur = nil
	l.candidate = s.candidate(s.location, func(ctx context.Context) (File, error) {
		if f, ok := l.open(); ok {
			return f, nil
		}
		return s.remote.again(ctx, s.query)
	})
	return l
}

func (s *Sink) candidate(location string, open func(context.Context) (File, error)) Candidate {
	return Candidate{
		Location: location, Origin: s.remote.fetcher.Origin(), Store: s.remote.fetcher.Name(), Source: s.location, open: open,
	}
}

// fill copies an entry into the caches to the left of its own.
func (s *Sink) fill(e entry, id ID) Candidate {
	best := e
	tiers := s.remote.writable()
	for i := len(tiers) - 1; i >= 0; i-- {
		if tiers[i] == e.cache {
			tiers = tiers[:i]
			break
		}
	}
	for i := len(tiers) - 1; i >= 0; i-- {
		copied, err := tiers[i].copy(s.query, id, e, s.location)
		if err != nil {
			s.warn(tiers[i].dir, err)
			continue
		}
		s.Event(Event{Kind: EventPublish, Location: copied.location, Total: copied.size})
		best = copied
	}
	return s.candidate(best.location, best.open)
}

// watchedReader remembers an error of the disk, which says nothing about the
// content.
type watchedReader struct {
	r   io.ReaderAt
	mu  sync.Mutex
	err error
}

func (w *watchedReader) ReadAt(p []byte, off int64) (int, error) {
	n, err := w.r.ReadAt(p, off)
	if err != nil && !errors.Is(err, io.EOF) {
		w.mu.Lock()
		w.err = err
		w.mu.Unlock()
	}
	return n, err
}

func (w *watchedReader) failed() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}
