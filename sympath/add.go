package sympath

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"path/filepath"

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
	r, size, done, err := c.expanded(file, r, size)
	if err != nil {
		return fail(err)
	}
	defer done()
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

// expanded is a file as it would be filed, and its size. done releases it.
func (c *Cache) expanded(name string, r io.ReaderAt, size int64) (io.ReaderAt, int64, func(), error) {
	if !compressed(name, r) {
		return r, size, func() {}, nil
	}
	out := &scratch{}
	n, err := expand(r, size, out, c.opts.Limits)
	if err != nil {
		out.discard()
		return nil, 0, nil, fmt.Errorf("%w: %w", ErrMismatch, err)
	}
	return out, n, out.discard, nil
}

// Same reports whether the entry of an answer of [Cache.Add] has the bytes of a file of
// size bytes, which is expanded first if it is compressed. It reads both. An error that
// wraps [ErrMismatch] says that the file cannot be expanded or the entry has changed
// since it was filed.
func (c *Cache) Same(ctx context.Context, a Added, name string, r io.ReaderAt, size int64) (bool, error) {
	r, size, done, err := c.expanded(name, r, size)
	if err != nil {
		return false, err
	}
	defer done()
	if size != a.Size {
		return false, nil
	}
	rel, err := filepath.Rel(c.dir, a.Location)
	if err != nil {
		return false, err
	}
	entry, err := c.openEntry(filepath.ToSlash(rel), a.Location, nil)
	if err != nil {
		return false, err
	}
	defer entry.Close()
	return sameBytes(ctx, io.NewSectionReader(entry, 0, size), io.NewSectionReader(r, 0, size))
}

func sameBytes(ctx context.Context, a, b io.Reader) (bool, error) {
	var bufs [2][32 << 10]byte
	for ctx.Err() == nil {
		n, err := io.ReadFull(a, bufs[0][:])
		m, err2 := io.ReadFull(b, bufs[1][:])
		switch {
		case err != nil && err != io.EOF && err != io.ErrUnexpectedEOF:
			return false, err
		case err2 != nil && err2 != io.EOF && err2 != io.ErrUnexpectedEOF:
			return false, err2
		case n != m || !bytes.Equal(bufs[0][:n], bufs[1][:m]):
			return false, nil
		case err != nil:
			return true, nil
		}
	}
	return false, ctx.Err()
}
