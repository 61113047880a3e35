package sympath

import (
	"context"
	"errors"
	"iter"
	"sync/atomic"
	"time"
)

// Chain is the store that asks others one after the other. The attempts of all
// of them are in one [NotFoundError].
func Chain(stores ...Store) Store {
	var c chain
	for _, store := range stores {
		c.stores = append(c.stores, asSearcher(store))
	}
	return c
}

type chain struct {
	stores []searcher
	trace  *Trace
}

func (c chain) Find(ctx context.Context, q Query) iter.Seq2[Candidate, error] {
	return find(ctx, q, c)
}

func (c chain) search(s *search) bool {
	s.push(c.trace)
	defer s.pop()
	for _, in := range c.stores {
		if !s.alive() || !in.search(s) {
			return false
		}
	}
	return s.alive()
}

func asSearcher(store Store) searcher {
	if in, ok := store.(searcher); ok {
		return in
	}
	return foreign{store}
}

// foreign takes a store that is not of this package into a search. Such a
// store tells its attempts as it makes them, by the trace in its context, or at
// the end, or never; each attempt is to be in the list once.
type foreign struct{ store Store }

func (f foreign) search(s *search) bool {
	var live atomic.Bool
	ctx := WithTrace(s.ctx, &Trace{
		Attempt: func(_ Query, a Attempt) { live.Store(true); s.record(a) },
		Event:   func(_ Query, e Event) { s.event(e) },
	})
	yielded := map[string]bool{}
	start := time.Now()
	for c, err := range f.store.Find(ctx, s.query) {
		ok := true
		switch {
		case err == nil:
			if !live.Load() {
				yielded[c.Location] = true
				s.note(Attempt{Store: c.Store, Location: c.Location, Origin: c.Origin, Status: StatusFound}, start)
			}
			ok = s.offer(c)
		case s.ctx.Err() != nil:
			ok = s.alive()
		case !live.Load() || !isMiss(err):
			ok = s.merge(err, yielded)
		}
		if !ok {
			return false
		}
		start = time.Now()
	}
	return s.alive()
}

func isMiss(err error) bool {
	var miss *NotFoundError
	return errors.As(err, &miss)
}

// merge takes over the attempts of a search that found nothing more, or passes
// any other error on.
func (s *search) merge(err error, yielded map[string]bool) bool {
	var miss *NotFoundError
	if !errors.As(err, &miss) {
		return s.fail(err)
	}
	for _, a := range miss.Attempts {
		if a.Status != StatusFound || !yielded[a.Location] {
			s.record(a)
		}
	}
	return s.alive()
}
