package pdb

import (
	"cmp"
	"math"
	"slices"
	"sort"

	"github.com/symres/symres/internal/kept"
	"github.com/symres/symres/internal/msf"
	"github.com/symres/symres/internal/source"
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
	order    kept.Value[contribOrder]
	inMemory kept.Value[contribCopy]
	asked    kept.Tally // a tidy table is searched in a copy when many addresses were asked for
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
	Len() uint32
	at(i uint32) (contrib, error)
}

func (t *contribs) Len() uint32 { return t.n }

// at reads item i where it lies in the file.
func (t *contribs) at(i uint32) (contrib, error) {
	const need = 18
	b, err := t.s.View(t.off+i*t.item, need)
	if err != nil {
		return contrib{}, err
	}
	return parseContrib(b), nil
}

// Expect implements [source.Sorted].
func (t *contribs) Expect(at []uint32) {
	ahead := t.s.Container.Batch()
	for _, i := range at {
		ahead.Add(t.s, t.off+i*t.item, t.item)
	}
	ahead.Read()
}

// KeyAt implements [source.Sorted].
func (t *contribs) KeyAt(i uint32) (uint64, error) {
	c, err := t.at(i)
	return uint64(c.key()), err
}

// contribCopy is a table that was sorted in memory.
type contribCopy []contrib

func (m *contribCopy) Len() uint32                  { return uint32(len(*m)) }
func (m *contribCopy) at(i uint32) (contrib, error) { return (*m)[i], nil }

// below returns the last contribution at or below an address, an empty one if there is
// none.
func (m contribCopy) below(want addressKey) (c contrib) {
	if i := sort.Search(len(m), func(i int) bool { return m[i].key() > want }); i > 0 {
		c = m[i-1]
	}
	return c
}

func (c contrib) key() addressKey { return makeKey(c.sect, c.off) }

// find returns the contribution that covers sect:off.
func (t *contribs) find(sect uint16, off uint32) (contrib, bool, error) {
	want := makeKey(sect, off)
	if !t.asked.Over(directLookups) || !t.isTidy() {
		if t.n > 0 && t.s.Container.Far() {
			source.Foresee(t, uint64(want))
		}
		if c, ok, err := findContrib(t, want); ok || err != nil {
			return c, ok, err
		}
	}
	list, err := t.inOrder()
	if m, ok := list.(*contribCopy); ok && err == nil {
		c := m.below(want)
		return c, c.covers(sect, off), nil
	}
	return contrib{}, false, err
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
	o, err := t.order.Get(t.check)
	if err != nil {
		return nil, err
	}
	if o.bad != nil {
		return nil, o.bad
	}
	if !o.untidy && (t.n == 0 || !t.asked.Over(directLookups)) {
		return t, nil
	}
	return t.inMemory.Get(t.sortedCopy)
}

func (t *contribs) isTidy() bool {
	o, err := t.order.Get(t.check)
	return err == nil && o.bad == nil && !o.untidy
}

// contribsBelow returns how many contributions of an ordered list begin at or
// below an address.
func contribsBelow(list contribList, want addressKey) (uint32, error) {
	return search(list.Len(), func(i uint32) (bool, error) {
		c, err := list.at(i)
		return c.key() > want, err
	})
}

// each visits the contributions in the order of the table, until visit wants no more.
func (t *contribs) each(visit func(contrib) bool) error {
	w := msf.Walker{Stream: t.s, Chunk: msf.ReadAhead}
	for off, end := t.off, t.off+t.n*t.item; off < end; {
		b, err := w.Some(off, t.item, end-off)
		if err != nil {
			return err
		}
		for ; uint32(len(b)) >= t.item; b, off = b[t.item:], off+t.item {
			if !visit(parseContrib(b)) {
				return nil
			}
		}
	}
	return nil
}

// contribOrder tells whether contributions are tidy: their addresses ascend, none
// reaches into the next, and of the empty ones no more than maxEmpty follow each
// other. In such a table a search finds what there is.
type contribOrder struct {
	last   addressKey // where the last one begins
	end    uint64     // where the last one that is not empty ends, with its section
	empty  int        // how many empty ones came last
	untidy bool
	bad    error // damage that ended the check
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
func (t *contribs) check() (*contribOrder, error) {
	o := new(contribOrder)
	o.bad = t.each(func(c contrib) bool {
		o.take(c)
		return !o.untidy
	})
	if fatal(o.bad) {
		return nil, o.bad
	}
	return o, nil
}

func (t *contribs) sortedCopy() (*contribCopy, error) {
	if t.n > msf.MaxAlloc/16 {
		return nil, t.s.Damage(t.off, "%d contributions are too many to sort", t.n)
	}
	list := make(contribCopy, 0, t.n)
	err := t.each(func(c contrib) bool {
		if c.size != 0 {
			list = append(list, c)
		}
		return true
	})
	slices.SortStableFunc(list, func(a, b contrib) int { return cmp.Compare(a.key(), b.key()) })
	t.s.Container.Hold(12 * len(list))
	return &list, err
}

// directLookups is how many questions are answered from tables of the file where they
// lie, before they are read as a whole: a few questions are not worth that.
const directLookups = 64
