package sympath

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/symres/symres/internal/fsx"
	"github.com/symres/symres/internal/wtext"
)

// searcher is a store of this package: it takes part in a search that is under
// way, so that a chain of stores keeps one list of attempts.
type searcher interface {
	// search is false when the search is over: the caller stopped or the
	// context was canceled.
	search(s *search) bool
}

// search is one query on its way through the stores.
type search struct {
	ctx   context.Context
	query Query // File is clean
	yield func(Candidate, error) bool
	over  bool
	named map[string]bool           // keys whose files were offered by name
	wrap  func(Candidate) Candidate // what a store around the one that is searched makes of its candidates
	noted func(Attempt)             // who hears of attempts instead of the traces, or nil

	mu       sync.Mutex // record may be called by a foreign store's goroutines
	traces   []*Trace   // of the chains the search is inside of
	attempts []Attempt
}

// find makes a Find of a searcher.
func find(ctx context.Context, q Query, in searcher) iter.Seq2[Candidate, error] {
	return func(yield func(Candidate, error) bool) {
		name, err := CleanName(q.File)
		if err != nil {
			yield(Candidate{}, err)
			return
		}
		q.File = name
		s := &search{ctx: ctx, query: q, yield: yield}
		if s.alive() && in.search(s) && s.alive() {
			yield(Candidate{}, &NotFoundError{Query: q, Attempts: s.attempts})
		}
	}
}

// alive reports whether the search goes on. It ends a canceled one.
func (s *search) alive() bool {
	if err := s.ctx.Err(); err != nil && !s.over {
		s.over = true
		s.yield(Candidate{}, fmt.Errorf("search for %s: %w", s.query, err))
	}
	return !s.over
}

// note records an attempt that began at start.
func (s *search) note(a Attempt, start time.Time) {
	a.Elapsed = time.Since(start)
	s.record(a)
}

func (s *search) record(a Attempt) {
	if a.Err = fsx.Named(a.Err); errors.Is(a.Err, ErrTooManyFiles) {
		a.Status = StatusError // whatever was made of it
	}
	if s.noted != nil {
		s.noted(a)
		return
	}
	s.mu.Lock()
	s.attempts = append(s.attempts, a)
	traces := s.traces
	s.mu.Unlock()
	for _, t := range traces {
		t.attempt(s.query, a)
	}
	ContextTrace(s.ctx).attempt(s.query, a)
}

// event passes an event on.
func (s *search) event(e Event) {
	s.mu.Lock()
	traces := s.traces
	s.mu.Unlock()
	for _, t := range traces {
		t.event(s.query, e)
	}
	ContextTrace(s.ctx).event(s.query, e)
}

// push adds the trace of a chain until pop. It copies, because record may be
// walking the list.
func (s *search) push(t *Trace) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.traces = append(slices.Clone(s.traces), t)
}

func (s *search) pop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.traces = s.traces[:len(s.traces)-1]
}

// offer hands a candidate to the caller.
func (s *search) offer(c Candidate) bool {
	if s.wrap != nil {
		c = s.wrap(c)
	}
	if !s.yield(c, nil) {
		s.over = true
	}
	return s.alive()
}

// fail hands an error that does not end the search to the caller.
func (s *search) fail(err error) bool {
	if !s.yield(Candidate{}, err) {
		s.over = true
	}
	return s.alive()
}

// place is a directory that a store looks in.
type place struct {
	name   string // as the user knows it
	fsys   fs.FS
	origin Origin
	cache  *Cache // not nil when what it holds is to be verified first
	key    string // that a file of the cache lies under, where the query has none
	limits Limits // for what is expanded; zero means the defaults
	roots  *roots // where a file.ptr may lead; nil: nowhere
	// reopen gives the directory again for a file of it that is opened after
	// the search; nil where fsys does not end with a context.
	reopen func(context.Context) (fs.FS, error)
}

// open opens a file of the place that a search has found.
func (p place) open(ctx context.Context, name, location string) (File, error) {
	fsys := p.fsys
	if p.reopen != nil {
		var err error
		if fsys, err = p.reopen(ctx); err != nil {
			return nil, fmt.Errorf("open %s: %w", wtext.Printable(location), err)
		}
	}
	return openFile(fsys, name, location)
}

func (p place) stat(ctx context.Context, name string) (fs.FileInfo, error) {
	fsys := p.fsys
	if p.reopen != nil {
		var err error
		if fsys, err = p.reopen(ctx); err != nil {
			return nil, err
		}
	}
	return fs.Stat(fsys, name)
}

// openFound is open for a file of a search. An entry of a cache that turns out
// to have changed is put away.
func (p place) openFound(ctx context.Context, s *search, name, location string) (File, error) {
	if p.cache == nil {
		return p.open(ctx, name, location)
	}
	return p.cache.openEntry(name, location, func(err error) { p.expel(s, s.query, name, err) })
}

// expel moves a bad entry out of a cache that may be written, and tells of it.
func (p place) expel(s *search, q Query, name string, reason error) {
	if p.cache.opts.ReadOnly || p.cache.opts.Verify == nil {
		return
	}
	if location, err := p.cache.expel(q, name, reason); err == nil {
		s.event(Event{Kind: EventQuarantine, Location: location, Err: reason})
	}
}

// location returns the full name of a file in the place, in the place's own style.
func (p place) location(parts ...string) string {
	sep := "/"
	if strings.Contains(p.name, `\`) {
		sep = `\`
	}
	return strings.TrimRight(p.name, `\/`) + sep + strings.Join(parts, sep)
}

// locate is location for a name an fs.FS gave.
func (p place) locate(name string) string { return p.location(strings.Split(name, "/")...) }

// probe looks for the file at parts, letter case aside, and lets take handle
// what is there. exists is false when its directory is missing or cannot be read.
func (s *search) probe(p place, take func(name string, a Attempt, start time.Time) bool, parts ...string) (exists bool) {
	start := time.Now()
	exists = true
	for name, err := range fsx.Matches(p.fsys, parts...) {
		a := Attempt{Store: p.name, Origin: p.origin, Location: p.location(parts...)}
		if err != nil {
			a.Status, a.Err = p.classify(err)
			exists = exists && a.Status == StatusNotFound
			s.note(a, start)
		} else {
			a.Location = p.locate(name)
			if !take(name, a, start) {
				return exists
			}
		}
		start = time.Now()
		if !s.alive() {
			return exists
		}
	}
	return exists
}

// take offers a file that can be opened, and notes why another cannot.
func (s *search) take(p place) func(string, Attempt, time.Time) bool {
	return func(name string, a Attempt, start time.Time) bool {
		if err := p.check(s, name); err != nil {
			a.Status, a.Err = StatusError, cause(err)
			if errors.Is(err, ErrMismatch) {
				a.Status = StatusRefused
			}
			s.note(a, start)
			return true
		}
		a.Status = StatusFound
		s.note(a, start)
		return s.offer(Candidate{
			Location: a.Location, Origin: p.origin, Store: p.name,
			open: func(ctx context.Context) (File, error) { return p.openFound(ctx, s, name, a.Location) },
			stat: func(ctx context.Context) (fs.FileInfo, error) { return p.stat(ctx, name) },
		})
	}
}

// check tells whether a file can be opened, and in a cache whether it is what
// it should be. A bad entry is put away, so that a good one can take its place.
func (p place) check(s *search, name string) error {
	if p.cache == nil {
		return fsx.Check(p.fsys, name)
	}
	q := s.query
	if id, ok := ParseKey(q.File, p.key); ok && q.ID.Key() == "" {
		q.ID = id
	}
	_, err := p.cache.check(q, name)
	if err == nil && p.cache.opts.Rehash {
		err = p.cache.unchanged(s.ctx, name)
	}
	if err != nil {
		if expellable(err) {
			p.expel(s, q, name, err)
		}
		return err
	}
	if p.cache.opts.Verify != nil {
		p.cache.touch(name)
		p.cache.tidy()
	}
	return nil
}

func openFile(fsys fs.FS, name, location string) (File, error) {
	f, err := fsx.OpenFS(fsys, name)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", wtext.Printable(location), cause(err))
	}
	return f, nil
}

// classify turns the error of a lookup into the status of an attempt. In a
// plain directory a missing subdirectory is nothing to remark on; only the
// directory itself is a path that was not found.
func (p place) classify(err error) (status Status, detail error) {
	var missing *fsx.MissingError
	detail = cause(err)
	switch {
	case errors.As(err, &missing) && (missing.Last || p.origin == OriginDir && !missing.Root):
		return StatusNotFound, nil
	case missing != nil || detail == fs.ErrNotExist:
		return StatusPathNotFound, nil
	case errors.Is(err, fs.ErrNotExist):
		return StatusPathNotFound, detail
	}
	return StatusError, detail
}

// cause drops the name that fs.PathError repeats: an attempt has its location.
func cause(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) && (pe.Op == "open" || pe.Op == "stat") {
		return pe.Err
	}
	return err
}
