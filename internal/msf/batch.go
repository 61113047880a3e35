package msf

import "github.com/symres/symres/internal/source"

// Batch collects what will be read next, of as many streams as it takes, so that a
// source whose reads cost a round trip each can fetch all of it in one. It is a hint:
// whoever reads finds the damage. A nil Batch does nothing.
type Batch struct {
	c    *Container
	list []source.Extent
}

// Far reports whether reading costs round trips, which batches save.
func (c *Container) Far() bool { return c.far }

// Batch returns a new batch, nil where the source is near and hints are not worth the
// time to make them.
func (c *Container) Batch() *Batch {
	if !c.far {
		return nil
	}
	return &Batch{c: c}
}

// Add adds n bytes at off, or those of them the stream has.
func (b *Batch) Add(s *Stream, off, n uint32) {
	if b == nil || s == nil || off >= s.Size {
		return
	}
	for n = min(n, s.Size-off); n > 0; {
		pos, have, err := s.at.extent(off, n)
		if err != nil || have == 0 {
			return
		}
		b.list = append(b.list, source.Extent{Off: pos, N: int64(have)})
		off, n = off+have, n-have
	}
}

// Ends adds the first bytes of stream num, and its last ones.
func (b *Batch) Ends(num, first, last uint32) {
	if b == nil || !b.c.Has(num) {
		return
	}
	if s, err := b.c.Stream(num, ""); err == nil {
		b.Add(s, 0, first)
		b.Add(s, s.Size-min(last, s.Size), last)
	}
}

// Read asks the source for all that was added, and forgets it.
func (b *Batch) Read() {
	if b != nil {
		b.c.src.Ahead(b.list)
		b.list = b.list[:0]
	}
}
