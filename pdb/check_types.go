package pdb

import (
	"slices"

	"github.com/symres/symres/internal/codeview"
	"github.com/symres/symres/internal/msf"
)

// types checks the type stream and the id stream: that all records can be
// walked, that the index leads to them, and that the hash stream fits them.
func (c *checker) types() error {
	for _, load := range []func() (*typeTable, error){c.f.loadTypes, c.f.loadIDs} {
		t, err := load()
		if err == nil && t.s != nil {
			err = c.typeTable(t)
		}
		if fatal(err) {
			return err
		}
		if err != nil && !c.add(err) {
			return nil
		}
	}
	return nil
}

func (c *checker) typeTable(t *typeTable) error {
	index, err := t.fileIndex()
	if err != nil {
		if fatal(err) || !c.add(err) {
			return err
		}
		index = new(typeIndex)
	}
	h, err := c.typeHash(t)
	if err != nil {
		return err
	}
	at := index.at
	w := t.records(typeEntry{ti: t.begin})
	for w.step() && !c.stop {
		if len(at) > 0 && at[0].ti == w.ti {
			if at[0].off != w.Off-t.recs {
				c.damage(t.s.Name, int64(w.Off), "type %#x lies at %#x, the index says %#x", w.ti, w.Off-t.recs, at[0].off)
			}
			at = at[1:]
		}
		if err := c.bucket(h, &w); err != nil {
			return err
		}
	}
	return w.Err
}

// typeHash checks the layout of the hash stream; nil: it cannot be used.
func (c *checker) typeHash(t *typeTable) (*msf.Walker, error) {
	h, err := t.hash.Get(t.loadHash)
	if err != nil || t.len() == 0 || t.version < tpiV70 {
		return nil, err
	}
	if h.bad != nil {
		c.add(h.bad)
		return nil, nil
	}
	if _, err := readHeads(h.s, t.adj); err != nil && (fatal(err) || !c.add(err)) {
		return nil, err
	}
	if i := slices.IndexFunc(h.heads, func(ti uint32) bool { return ti < t.begin || ti >= t.end }); i >= 0 {
		c.damage(h.s.Name, int64(t.adj.off), "type %#x is marked as current but does not exist", h.heads[i])
	}
	return &msf.Walker{Stream: h.s}, nil
}

// bucket checks the bucket of a type: that it exists, and that it is the one
// its name leads to.
func (c *checker) bucket(hash *msf.Walker, w *typeWalk) error {
	if hash == nil {
		return nil
	}
	h := w.t.hash.Built()
	off := h.off + (w.ti-h.begin)*h.key
	b, err := hash.Span(off, h.key)
	if err != nil {
		return err
	}
	v := h.keyAt(b, 0)
	if v >= h.buckets {
		c.damage(h.s.Name, int64(off), "type %#x is in bucket %#x of %#x", w.ti, v, h.buckets)
		return nil
	}
	if g, ok := codeview.ParseTag(w.Rec); ok && g.Hashed() && v != h.bucketOf(hashName(g.Name)) {
		c.damage(h.s.Name, int64(off), "type %#x (%q) is in bucket %#x, its name leads to %#x", w.ti, g.Name, v, h.bucketOf(hashName(g.Name)))
	}
	return nil
}
