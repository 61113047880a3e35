package sympath

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/symres/symres/internal/fsx"
	"github.com/symres/symres/internal/wtext"
)

// filling opens a file that was found and copies it, once it is known to be
// what was asked for, into the caches to the left of where it was found.
type filling struct {
	tiers    []*Cache // nearest first
	opts     *Options
	query    Query
	inner    func(context.Context) (File, error)
	location string
	tell     func(Event)
}

func (f filling) open(ctx context.Context) (File, error) {
	file, err := f.inner(ctx)
	if err != nil {
		return nil, err
	}
	id, err := f.opts.verify(f.query, within(ctx, file), file.Size())
	if ctx.Err() != nil {
		file.Close()
		return nil, fmt.Errorf("open %s: %w", wtext.Printable(f.location), ctx.Err())
	}
	if err != nil || id.Key() == "" {
		return file, nil // not for a cache; whether it will do is for the caller to say
	}
	for i := len(f.tiers) - 1; i >= 0; i-- {
		e, err := f.tiers[i].add(f.query, id, within(ctx, file), file.Size(), f.location)
		if err == nil {
			var near File
			if near, err = e.open(ctx); err == nil {
				file.Close()
				file = near
				f.tell(Event{Kind: EventPublish, Location: e.location, Total: e.size})
			}
		}
		if errors.Is(err, errChanged) { // what was found, as its copying showed
			file.Close()
			return nil, fmt.Errorf("open %s: %w", wtext.Printable(f.location), err)
		}
		if err != nil {
			f.tell(Event{Kind: EventWarning, Location: f.tiers[i].dir, Err: err})
		}
	}
	return file, nil
}

// within reads from a file until the context ends.
func within(ctx context.Context, r io.ReaderAt) io.ReaderAt { return boundReader{ctx, r} }

type boundReader struct {
	ctx context.Context // of one call, like that of an http.Request
	r   io.ReaderAt
}

func (b boundReader) ReadAt(p []byte, off int64) (int, error) {
	if r, ok := b.r.(fsx.ContextReaderAt); ok {
		return r.ReadAtContext(b.ctx, p, off)
	}
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	return b.r.ReadAt(p, off)
}

// cached is a store with caches to its left.
type cached struct {
	searcher
	tiers []*Cache
	opts  *Options
}

func (c cached) search(s *search) bool {
	saved := s.wrap
	s.wrap = func(cand Candidate) Candidate {
		cand.open = filling{
			tiers: c.tiers, opts: c.opts, query: s.query, inner: cand.open, location: cand.Location, tell: s.event,
		}.open
		return cand
	}
	defer func() { s.wrap = saved }()
	return c.searcher.search(s)
}
