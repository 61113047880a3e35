package identify

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"

	"github.com/symres/symres/sympath"
)

// Search looks for files along the paths of a session and keeps the list of all
// places that were tried, for one module. Only one search may run at a time;
// stores may report attempts from their own goroutines.
type Search struct {
	Images  sympath.Store // searched first for images and last for PDBs; may be nil
	Symbols sympath.Store // nil for none

	mu       sync.Mutex // guards the fields below
	attempts []sympath.Attempt
	told     map[string]bool // locations that a query of several needs not tell again
}

// Found is a file that may be the right one, with the attempt that found it.
type Found struct {
	sympath.Candidate
	search  *Search
	attempt int // in the list of the search
}

// Attempts returns every place tried so far, in order.
func (s *Search) Attempts() []sympath.Attempt {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.attempts)
}

// Image yields files that may be copies of an image, query by query. A location
// that several queries find is yielded and listed once. Errors do not end the
// sequence; see [sympath.Store].
func (s *Search) Image(ctx context.Context, queries ...sympath.Query) iter.Seq2[*Found, error] {
	return s.find(ctx, queries, s.Images, s.Symbols)
}

// PDB yields files that may be a PDB, in the same way as Image.
func (s *Search) PDB(ctx context.Context, queries ...sympath.Query) iter.Seq2[*Found, error] {
	return s.find(ctx, queries, s.Symbols, s.Images)
}

// find asks the stores in turn. Names are cleaned by the stores.
func (s *Search) find(ctx context.Context, queries []sympath.Query, stores ...sympath.Store) iter.Seq2[*Found, error] {
	some := slices.DeleteFunc(stores, func(st sympath.Store) bool { return st == nil })
	return func(yield func(*Found, error) bool) {
		begun := len(s.Attempts())
		defer s.tellAll()
		for i, q := range queries {
			last := i+1 == len(queries)
			for c, err := range sympath.Chain(some...).Find(s.traced(ctx), q) {
				if !last && isNotFound(err) || err == nil && s.knows(c.Location) {
					continue
				}
				if last && i > 0 && isNotFound(err) { // the last word is about all of them
					err = &sympath.NotFoundError{Query: queries[0], Attempts: s.Attempts()[begun:]}
				}
				var f *Found
				if err == nil {
					f = s.found(c)
				}
				if !yield(f, err) {
					return
				}
			}
			if ctx.Err() != nil {
				return
			}
			s.tellOnce(begun)
		}
	}
}

func isNotFound(err error) bool {
	_, ok := errors.AsType[*sympath.NotFoundError](err)
	return ok
}

// tellOnce has attempts left out from now on that would repeat those since
// begun: another query looks in the same places.
func (s *Search) tellOnce(begun int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = map[string]bool{}
	for _, a := range s.attempts[begun:] {
		s.told[a.Location] = true
	}
}

func (s *Search) tellAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = nil
}

// again reports whether a query before the one under way had its turn.
func (s *Search) again() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.told != nil
}

// knows reports whether an earlier query led to the place.
func (s *Search) knows(location string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.told[location]
}

// traced records every place that is tried.
func (s *Search) traced(ctx context.Context) context.Context {
	return sympath.WithTrace(ctx, &sympath.Trace{Attempt: func(_ sympath.Query, a sympath.Attempt) {
		if noKey := a.Status == sympath.StatusNoKey; !s.knows(a.Location) && (!noKey || !s.again()) {
			s.record(a)
		}
	}})
}

func (s *Search) record(a sympath.Attempt) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.attempts = append(s.attempts, a)
	return len(s.attempts) - 1
}

// found joins a candidate with its attempt, the last one before a store hands
// it out. A file that lies in a cache by now was found at its source: what
// becomes of it is an attempt of its own.
func (s *Search) found(c sympath.Candidate) *Found {
	f := &Found{Candidate: c, search: s, attempt: -1}
	s.mu.Lock()
	defer s.mu.Unlock()
	last := len(s.attempts) - 1
	if last >= 0 && s.attempts[last].Status.Found() && (c.Source == "" || c.Source == c.Location) {
		f.attempt = last
	}
	return f
}

// Open opens the file. The caller closes it.
func (f *Found) Open(ctx context.Context) (sympath.File, error) {
	return f.Candidate.Open(f.search.traced(ctx))
}

// Refuse replaces the status of the attempt, "found", by the reason why the
// file was not used.
func (f *Found) Refuse(err error) {
	if f.attempt < 0 {
		f.attempt = f.search.record(sympath.Attempt{Store: f.Store, Location: f.Location})
	}
	f.search.mu.Lock()
	defer f.search.mu.Unlock()
	a := &f.search.attempts[f.attempt]
	a.Status, a.Err = sympath.StatusRefused, err
}
