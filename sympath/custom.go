package sympath

import (
	"bytes"
	"context"
	"io/fs"
	"iter"
	"sync/atomic"
	"time"
)

// NewStore makes a [Store] from a function that yields the candidates of one
// place; name is the name of the place in attempts. NewStore does the rest of a
// Store's work: the file name of a query is clean when find sees it, every
// candidate and every error becomes an attempt, and a search ends as [Store]
// says.
//
// find may return nil for a query that is not for it, such as one for an image in
// a place that has PDBs alone; then nothing was tried, and no attempt is made. It
// need not look at its context between candidates. Like the store it is called by
// several goroutines at once.
func NewStore(name string, find func(ctx context.Context, q Query) iter.Seq2[Candidate, error]) Store {
	return custom{name, find}
}

// custom is a store that a function of the caller's searches.
type custom struct {
	name  string
	place func(context.Context, Query) iter.Seq2[Candidate, error]
}

// Find implements [Store].
func (c custom) Find(ctx context.Context, q Query) iter.Seq2[Candidate, error] {
	return find(ctx, q, c)
}

func (c custom) search(s *search) bool {
	found := c.place(s.ctx, s.query)
	if found == nil {
		return s.alive()
	}
	miss := Attempt{Store: c.name, Location: place{name: c.name}.location(s.query.File), Status: StatusNotFound}
	tried, start := false, time.Now()
	for candidate, err := range found {
		if !s.alive() {
			return false
		}
		a := miss
		if a.Status, a.Err = StatusError, err; err == nil {
			candidate.Store = c.name
			a.Location, a.Origin, a.Status = candidate.Location, candidate.Origin, StatusFound
		}
		tried = true
		s.note(a, start)
		if err == nil && !s.offer(candidate) {
			return false
		}
		start = time.Now()
	}
	if !tried {
		s.note(miss, start)
	}
	return s.alive()
}

// BytesFile returns a File that reads data, for stores that keep files in
// memory. Each File is closed separately. data is not copied.
func BytesFile(data []byte) File { return &bytesFile{r: bytes.NewReader(data)} }

type bytesFile struct {
	r      *bytes.Reader
	closed atomic.Bool
}

// ReadAt implements [io.ReaderAt].
func (f *bytesFile) ReadAt(p []byte, off int64) (int, error) {
	if f.closed.Load() {
		return 0, fs.ErrClosed
	}
	return f.r.ReadAt(p, off)
}

// Size implements [File].
func (f *bytesFile) Size() int64 { return f.r.Size() }

// Close implements [io.Closer]. It is safe to call more than once.
func (f *bytesFile) Close() error {
	f.closed.Store(true)
	return nil
}
