package sympath

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"time"
)

// Fetcher is a place whose files must be copied before they can be read, such
// as a server. [Remote] makes a [Store] of it. Implementations must be safe
// for concurrent use.
type Fetcher interface {
	// Name is the place as the user knows it, without passwords.
	Name() string
	// Origin is the origin of its files.
	Origin() Origin
	// Fetch looks for a file, writes it to the sink and reports every probe to
	// the sink. The name of the file is clean. Fetch returns nil if
	// [Sink.Commit] returned nil. An error that wraps [fs.ErrNotExist] means
	// that the place answered and does not have the file, which caches may
	// remember. After any other error it is unknown whether the place has it.
	Fetch(ctx context.Context, q Query, sink *Sink) error
}

// Remote returns a store that fetches files from a place. Each file is fetched
// once, however many callers search for it, and the fetch is canceled when the
// last of them has given up. In a [Path] the files are copied into its caches.
// Otherwise a file is kept in memory or in a temporary file while a caller uses
// it.
func Remote(f Fetcher) Store {
	return &remote{fetcher: f, opts: Options{}.orDefault(), flights: &flights{}}
}

type remote struct {
	fetcher Fetcher
	tiers   []*Cache // nearest first
	opts    *Options
	flights *flights
}

func (o Options) orDefault() *Options {
	o.Limits = o.Limits.orDefault()
	if o.LockWait == 0 {
		o.LockWait = time.Minute
	}
	return &o
}

// within returns the store as part of a path.
func (r *remote) within(tiers []*Cache, o *Options) *remote {
	return &remote{fetcher: r.fetcher, tiers: tiers, opts: o, flights: &flights{}}
}

func (r *remote) writable() []*Cache {
	if r.opts.Verify == nil || r.opts.ReadOnly {
		return nil
	}
	return r.tiers
}

func (r *remote) Find(ctx context.Context, q Query) iter.Seq2[Candidate, error] {
	return find(ctx, q, r)
}

func (r *remote) search(s *search) bool {
	f := r.flights.join(s.ctx, s.query.flightKey(), func(ctx context.Context, f *flight) *landed {
		return r.fly(ctx, f, s.query)
	})
	defer f.leave()
	if !s.follow(f) {
		return false
	}
	if !f.result.found {
		return s.alive()
	}
	return s.offer(f.result.candidate)
}

// follow hears all a flight has to tell.
func (s *search) follow(f *flight) bool {
	var at seat
	for {
		fresh, done, changed := f.hear(&at)
		for _, n := range fresh {
			if n.attempt.Status != StatusUnknown {
				s.record(n.attempt)
			} else {
				s.event(n.event)
			}
		}
		if done {
			return s.alive()
		}
		select {
		case <-changed:
		case <-s.ctx.Done():
			return s.alive()
		}
	}
}

// again fetches a file whose first copy is gone.
func (r *remote) again(ctx context.Context, q Query) (File, error) {
	f := r.flights.join(ctx, q.flightKey(), func(ctx context.Context, f *flight) *landed { return r.fly(ctx, f, q) })
	defer f.leave()
	s := &search{ctx: ctx, query: q, yield: func(Candidate, error) bool { return true }}
	if !s.follow(f) {
		return nil, fmt.Errorf("fetch %s: %w", q, ctx.Err())
	}
	if !f.result.found {
		return nil, &NotFoundError{Query: q, Attempts: s.attempts}
	}
	if file, ok := f.result.open(); ok {
		return file, nil
	}
	return f.result.candidate.open(ctx)
}

// fly is the one fetch that all wait for.
func (r *remote) fly(ctx context.Context, f *flight, q Query) *landed {
	s := &Sink{remote: r, flight: f, query: q, warned: map[string]bool{}}
	s.renew()
	defer func() { s.land.discard() }()
	lock := r.lock(ctx, s)
	defer lock.unlock()
	s.beat = lock.touch
	if l := r.known(s); l != nil {
		return l
	}
	if l := r.goOn(ctx, s); l != nil {
		return l
	}
	if l := r.remembered(s); l != nil {
		return l
	}
	if ctx.Err() != nil {
		return &landed{}
	}
	err := r.fetcher.Fetch(ctx, q, s)
	switch {
	case err == nil && s.result != nil:
		return s.result
	case errors.Is(err, fs.ErrNotExist) && ctx.Err() == nil:
		r.remember(s, err)
	}
	return &landed{}
}

// lock keeps other processes off, by the cache that the file will go to first.
func (r *remote) lock(ctx context.Context, s *Sink) *keyLock {
	tiers := r.writable()
	for i := len(tiers) - 1; i >= 0; i-- {
		c := tiers[i]
		lock, err := c.lock(ctx, s.query.flightKey(), func() { s.Event(Event{Kind: EventWait, Location: c.dir}) })
		if err == nil || ctx.Err() != nil {
			return lock
		}
		s.warn(c.dir, err)
	}
	return nil
}

// known answers without asking the server: somebody else may have brought the
// file by now, or found that it is not there.
func (r *remote) known(s *Sink) *landed {
	start := time.Now()
	for i, c := range r.tiers {
		e, ok := c.find(s.query)
		if !ok || r.opts.Verify == nil {
			continue
		}
		s.location = e.location
		s.Attempt(Attempt{
			Store: c.dir, Location: e.location, Origin: OriginCache, Status: StatusFound, Elapsed: time.Since(start),
		})
		l := &landed{found: true, candidate: Candidate{Location: e.location, Origin: OriginCache, Store: c.dir, open: e.open}}
		if i > 0 {
			l.candidate.open = s.filling(r.writable()[:min(i, len(r.writable()))], l.candidate.open)
		}
		return l
	}
	return nil
}

// remembered answers by what a cache remembers of a server that does not have the file.
func (r *remote) remembered(s *Sink) *landed {
	start := time.Now()
	for _, c := range r.tiers {
		if m, ok := c.missed(r.fetcher.Name(), s.query); ok {
			s.Attempt(Attempt{
				Store: r.fetcher.Name(), Location: r.location(s.query), Origin: r.fetcher.Origin(), Status: StatusNotFound,
				Err: &RememberedError{Reason: m.Reason, Made: m.Made, Until: m.Until}, Elapsed: time.Since(start),
			})
			return &landed{}
		}
	}
	return nil
}

func (s *Sink) filling(tiers []*Cache, open func(context.Context) (File, error)) func(context.Context) (File, error) {
	return filling{
		tiers: tiers, opts: s.remote.opts, query: s.query, inner: open, location: s.location,
		tell: func(Event) {}, // the flight is over by then
	}.open
}

func (r *remote) location(q Query) string {
	return place{name: r.fetcher.Name()}.location(q.File, q.ID.Key(), q.File)
}

func (r *remote) remember(s *Sink, reason error) {
	tiers := r.writable()
	for i := len(tiers) - 1; i >= 0; i-- {
		err := tiers[i].remember(r.fetcher.Name(), s.query, reason)
		if err == nil {
			return
		}
		s.warn(tiers[i].dir, err)
	}
}

// RememberedError is the Err of an [Attempt] that was not made because a cache
// remembers the result.
type RememberedError struct {
	Reason      string // of the answer
	Made, Until time.Time
}

// Error implements the error interface.
func (e *RememberedError) Error() string {
	return fmt.Sprintf("remembered since %s, until %s", e.Made.Format(time.DateTime), e.Until.Format(time.DateTime))
}
