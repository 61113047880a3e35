package pdb

import (
	"cmp"
	"math"
	"slices"

	"github.com/symres/symres/internal/msf"
)

// Versions of the section contribution table (microsoft-pdb dbicommon.h).
const (
	contribV60 = 0xF12EBA2D // items of 28 bytes
	contribV2  = 0xF13151E4 // items of 32 bytes: + number of the COFF section
	contribOld = 20         // item size of the table without a version word
)

// contrib is what one object file put into a section.
type contrib struct {
	off, size uint32
	sect, mod uint16
}

func (c contrib) compare(sect uint16, off uint32) int {
	return cmp.Or(cmp.Compare(c.sect, sect), cmp.Compare(c.off, off))
}

// contribs is the section contribution table. It is searched where it lies in
// the file. What that finds covers the address and is the answer, whatever the
// order of the table. Only when it finds nothing does the order matter: the whole
// table is checked once, and one that is not tidy is searched again in a sorted
// copy. A question is always answered in this order, so the answer depends on the
// table and the address alone and not on what was asked before.
type contribs struct {
	s        *msf.Stream // nil: there is no table
	off, n   uint32      // first item, number of items
	item     uint32      // bytes of one
	verdict  lazy[contribVerdict]
	inMemory lazy[contribCopy]
	asked    tally // a tidy table is searched in a copy when many addresses were asked for
}

// contribVerdict is what a check of the whole table found.
type contribVerdict struct {
	tidy bool
	bad  error // damage that ended the check
}

func (f *File) loadContribs() (*contribs, error) { return load(f, &f.contribs, f.readContribs) }

// contribAt returns the contribution that covers seg:off.
func (f *File) contribAt(seg uint16, off uint32) (contrib, bool, error) {
	t, err := f.loadContribs()
	if err != nil {
		return contrib{}, false, err
	}
	return t.find(seg, off)
}

func (f *File) readContribs() (*contribs, error) {
	d := f.dbi
	off, n, err := d.sub(subContribs, "section contributions")
	if err != nil || n < 4 {
		return new(contribs), err
	}
	var v [4]byte
	if err := d.s.Read(v[:], off); err != nil {
		return nil, err
	}
	switch u32(v[:], 0) {
	case contribV60:
		return &contribs{s: d.s, off: off + 4, n: (n - 4) / 28, item: 28}, nil
	case contribV2:
		return &contribs{s: d.s, off: off + 4, n: (n - 4) / 32, item: 32}, nil
	}
	return &contribs{s: d.s, off: off, n: n / contribOld, item: contribOld}, nil
}

// parseContrib reads the part all item forms begin with: section, padding,
// offset, size, and, after the characteristics, the module. The form without
// version word has the module at 16 as well.
func parseContrib(b []byte) contrib {
	return contrib{sect: u16(b, 0), off: u32(b, 4), size: u32(b, 8), mod: u16(b, 16)}
}

// contribList is a list of contributions in the order of their addresses.
type contribList interface {
	len() uint32
	at(i uint32) (contrib, error)
}

func (t *contribs) len() uint32 { return t.n }

// at reads item i where it lies in the file.
func (t *contribs) at(i uint32) (contrib, error) {
	const need = 18
	b, err := t.s.View(t.off+i*t.item, need)
	if err != nil {
		return contrib{}, err
	}
	return parseContrib(b), nil
}

// expect implements searched.
func (t *contribs) expect(at []uint32) {
	ahead := t.s.Container.Batch()
	for _, i := range at {
		ahead.Add(t.s, t.off+i*t.item, t.item)
	}
	ahead.Read()
}

// keyAt implements searched.
func (t *contribs) keyAt(i uint32) (addressKey, error) {
	c, err := t.at(i)
	return c.key(), err
}

// contribCopy is a table that was sorted in memory.
type contribCopy []contrib

func (m *contribCopy) len() uint32                  { return uint32(len(*m)) }
func (m *contribCopy) at(i uint32) (contrib, error) { return (*m)[i], nil }

// find returns the contribution that covers an address.
func (m contribCopy) find(want addressKey) (c contrib, ok bool) {
	lo, hi := 0, len(m)
	for lo < hi {
		if mid := int(uint(lo+hi) >> 1); m[mid].key() <= want {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo == 0 {
		return contrib{}, false
	}
	c = m[lo-1]
	return c, c.covers(want.seg(), want.off())
}

func (c contrib) key() addressKey { return makeKey(c.sect, c.off) }

// find returns the contribution that covers sect:off.
func (t *contribs) find(sect uint16, off uint32) (contrib, bool, error) {
	want := makeKey(sect, off)
	if t.n == 0 {
		return contrib{}, false, nil
	}
	if t.asked.over(directLookups) {
		if v, err := t.verdict.get(t.check); err == nil && v.tidy && v.bad == nil {
			list, err := t.inMemory.get(t.sortedCopy)
			if err != nil {
				return contrib{}, false, err
			}
			c, ok := list.find(want) // as in the table, without reading it
			return c, ok, nil
		}
	}
	if t.s.Container.Far() {
		foresee(t, want)
	}
	c, ok, err := findContrib(t, want)
	if ok || err != nil {
		return c, ok, err
	}
	list, err := t.inOrder()
	if err != nil || list == contribList(t) {
		return contrib{}, false, err
	}
	return findContrib(list, want)
}

// maxEmpty is how many contributions without a byte may follow each other in a
// table that is searched as it is. Compilers leave eleven of them.
const maxEmpty = 64

// findContrib searches a list by halves for the contribution that covers an
// address. Empty ones, which hold nothing and are often several at one place, are
// passed over.
func findContrib(list contribList, want addressKey) (contrib, bool, error) {
	n, err := contribsBelow(list, want)
	for range min(n, maxEmpty+1) {
		n--
		c, err := list.at(n)
		if err != nil || c.size != 0 {
			return c, err == nil && c.covers(want.seg(), want.off()), err
		}
	}
	return contrib{}, false, err
}

func (c contrib) covers(sect uint16, off uint32) bool {
	return c.sect == sect && c.off <= off && off-c.off < c.size
}

// inOrder returns a list of the contributions by ascending addresses: the table
// itself if it is tidy.
func (t *contribs) inOrder() (contribList, error) {
	v, err := t.verdict.get(t.check)
	if err = cmp.Or(err, v.damage()); err != nil {
		return nil, err
	}
	if v.tidy && (t.n == 0 || !t.asked.over(directLookups)) {
		return t, nil
	}
	return t.inMemory.get(t.sortedCopy)
}

func (v *contribVerdict) damage() error {
	if v == nil {
		return nil
	}
	return v.bad
}

// contribsBelow returns how many contributions of an ordered list begin at or
// below an address.
func contribsBelow(list contribList, want addressKey) (uint32, error) {
	lo, hi := uint32(0), list.len()
	for lo < hi {
		mid := lo + (hi-lo)/2
		c, err := list.at(mid)
		if err != nil {
			return 0, err
		}
		if c.key() <= want {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo, nil
}

// runs visits the bytes of all contributions in the order of the table, as many at
// a time as lie together in the file. It stops when visit wants no more.
func (t *contribs) runs(visit func(items []byte) bool) error {
	w := msf.Walker{Stream: t.s, Chunk: msf.ReadAhead}
	for off, end := t.off, t.off+t.n*t.item; off < end; {
		b, err := w.Some(off, t.item, end-off)
		if err != nil {
			return err
		}
		whole := uint32(len(b)) / t.item * t.item
		if !visit(b[:whole]) {
			return nil
		}
		off += whole
	}
	return nil
}

// each visits all contributions in the order of the table.
func (t *contribs) each(visit func(contrib)) error {
	return t.runs(func(b []byte) bool {
		for ; len(b) > 0; b = b[t.item:] {
			visit(parseContrib(b))
		}
		return true
	})
}

// contribOrder tells whether contributions are tidy: their addresses ascend, none
// reaches into the next, and of the empty ones no more than maxEmpty follow each
// other. In such a table a search finds what there is.
type contribOrder struct {
	last   addressKey // where the last one begins
	end    uint64     // where the last one that is not empty ends, with its section
	empty  int        // how many empty ones came last
	untidy bool
}

func (o *contribOrder) take(c contrib) {
	key := c.key()
	if o.empty++; c.size != 0 {
		o.untidy = o.untidy || uint64(key) < o.end
		o.empty, o.end = 0, uint64(key)+min(uint64(c.size), math.MaxUint32-uint64(c.off)+1)
	}
	o.untidy = o.untidy || key < o.last || o.empty > maxEmpty
	o.last = key
}

// check looks at the whole table, once. Damage is what it found; another error is
// not remembered.
func (t *contribs) check() (*contribVerdict, error) {
	var o contribOrder
	err := t.runs(func(b []byte) bool {
		for ; len(b) > 0 && !o.untidy; b = b[t.item:] {
			o.take(parseContrib(b))
		}
		return !o.untidy
	})
	if fatal(err) {
		return nil, err
	}
	return &contribVerdict{tidy: !o.untidy, bad: err}, nil
}

func (t *contribs) sortedCopy() (*contribCopy, error) {
	if t.n > msf.MaxAlloc/16 {
		return nil, damage(t.s.Name, int64(t.off), "%d contributions are too many to sort", t.n)
	}
	list := make(contribCopy, 0, t.n)
	err := t.each(func(c contrib) {
		if c.size != 0 {
			list = append(list, c)
		}
	})
	compare := func(a, b contrib) int { return a.compare(b.sect, b.off) }
	if !slices.IsSortedFunc(list, compare) {
		slices.SortStableFunc(list, compare)
	}
	t.s.Container.Hold(12 * len(list))
	return &list, err
}

// directLookups is how many questions are answered from tables of the file where they
// lie, before they are read as a whole: a few questions are not worth that.
const directLookups = 64

// moduleOf returns the number of the module at an address, counted from 0; ok
// is false where there is none, as in the padding between contributions.
func (f *File) moduleOf(seg uint16, off uint32) (mod int, ok bool, err error) {
	c, ok, err := f.contribAt(seg, off)
	return int(c.mod), ok, err
}
