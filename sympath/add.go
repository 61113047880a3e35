package sympath

import (
	"context"
	"fmt"
	"io"

	"github.com/symres/symres/internal/wtext"
)

// Added is an entry that [Cache.Add] answers for.
type Added struct {
	ID       ID
	Location string
	Size     int64
	New      bool // it was filed by this call
}

// Add files a file of size bytes, expanded first if it is compressed, under
// name and the identity that Options.Verify reads from its content. source says
// where it came from. If a good entry exists, it is kept. A file whose identity
// cannot be read is an error that wraps [ErrMismatch]; a name that [CleanName]
// refuses is one that wraps [ErrBadName]. Of several processes that add files of one
// identity, one is told that its file is new.
func (c *Cache) Add(ctx context.Context, name string, r io.ReaderAt, size int64, source string) (Added, error) {
	fail := func(err error) (Added, error) { return Added{}, fmt.Errorf("add %s: %w", wtext.Printable(name), err) }
	file, err := CleanName(name)
	if err != nil {
		return fail(err)
	}
	if compressed(file, r) {
		out := &scratch{}
		defer out.discard()
		if size, err = expand(r, size, out, c.opts.Limits); err != nil {
			return fail(fmt.Errorf("%w: %w", ErrMismatch, err))
		}
		r = out
	}
	q := Query{File: file}
	id, err := c.opts.verify(q, r, size)
	switch {
	case err != nil:
		return fail(err)
	case ctx.Err() != nil:
		return fail(ctx.Err())
	case id.Key() == "":
		return fail(fmt.Errorf("%w: it has no key", ErrMismatch))
	}
	q.ID = id
	lock, err := c.lock(ctx, q.flightKey(), func() {})
	if err != nil && ctx.Err() != nil {
		return fail(ctx.Err())
	}
	defer lock.unlock() // nil where the file system has no locks
	if e, ok := c.find(q); ok {
		return Added{ID: id, Location: e.location, Size: e.size}, nil
	}
	e, err := c.add(q, id, r, size, source)
	if err != nil {
		return fail(err)
	}
	return Added{ID: id, Location: e.location, Size: e.size, New: true}, nil
}
