package pdb

import (
	"cmp"
	"slices"
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

// contribs is the section contribution table. It is searched where it lies
// in the file; only a table out of order is copied and sorted. Which of them it
// is, one look at the whole table tells, so that the answer to a question does
// not depend on which part of the table it touches.
type contribs struct {
	s        *stream // nil: there is no table
	off, n   uint32  // first item, number of items
	item     uint32  // bytes of one
	ordered  lazy[bool]
	inMemory lazy[contribCopy]
}

func (f *File) loadContribs() (*contribs, error) {
	return f.contribs.get(func() (*contribs, error) { return readContribs(f.dbi) })
}

// contribAt returns the contribution that covers seg:off.
func (f *File) contribAt(seg uint16, off uint32) (contrib, bool, error) {
	t, err := f.loadContribs()
	if err != nil {
		return contrib{}, false, err
	}
	return t.find(seg, off)
}

func readContribs(d *dbi) (*contribs, error) {
	off, n, err := d.sub(subContribs, "section contributions")
	if err != nil || n < 4 {
		return new(contribs), err
	}
	var v [4]byte
	if err := d.s.read(v[:], off); err != nil {
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
	b, err := t.s.view(t.off+i*t.item, need)
	if err != nil {
		return contrib{}, err
	}
	return parseContrib(b), nil
}

// contribCopy is a table that was sorted in memory.
type contribCopy []contrib

func (m contribCopy) len() uint32                  { return uint32(len(m)) }
func (m contribCopy) at(i uint32) (contrib, error) { return m[i], nil }

func (c contrib) key() addrKey { return makeKey(c.sect, c.off) }

// find returns the contribution that covers sect:off.
func (t *contribs) find(sect uint16, off uint32) (contrib, bool, error) {
	list, n, err := t.floor(makeKey(sect, off))
	if err != nil || n == 0 {
		return contrib{}, false, err
	}
	c, err := list.at(n - 1)
	return c, err == nil && c.covers(sect, off), err
}

func (c contrib) covers(sect uint16, off uint32) bool {
	return c.sect == sect && c.off <= off && off-c.off < c.size
}

// floor returns how many contributions begin at or below an address, and the
// list that is to be counted in.
func (t *contribs) floor(want addrKey) (contribList, uint32, error) {
	if t.s == nil {
		return t, 0, nil
	}
	ordered, err := t.ordered.get(t.isOrdered)
	if err != nil {
		return nil, 0, err
	}
	if *ordered {
		n, err := contribsBelow(t, want)
		return t, n, err
	}
	list, err := t.inMemory.get(t.sortedCopy)
	if err != nil {
		return nil, 0, err
	}
	n, err := contribsBelow(*list, want)
	return *list, n, err
}

// contribsBelow returns how many contributions of an ordered list begin at or
// below an address.
func contribsBelow(list contribList, want addrKey) (uint32, error) {
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
	w := walker{s: t.s, ahead: readAhead}
	for off, end := t.off, t.off+t.n*t.item; off < end; {
		b, err := w.some(off, t.item, end-off)
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

// isOrdered reports whether the table can be searched as it is: by ascending
// addresses, no two of which are equal. Empty contributions, which hold nothing
// and are often several at one place, are left out of a copy.
func (t *contribs) isOrdered() (*bool, error) {
	next, ordered, item := addrKey(0), true, int(t.item)
	err := t.runs(func(b []byte) bool {
		for at := 0; at+item <= len(b); at += item {
			key := makeKey(u16(b, at), u32(b, at+4))
			if key < next || u32(b, at+8) == 0 {
				ordered = false
				break
			}
			next = key + 1
		}
		return ordered
	})
	return &ordered, err
}

func (t *contribs) sortedCopy() (*contribCopy, error) {
	if t.n > maxAlloc/16 {
		return nil, damage(t.s.name, int64(t.off), "%d contributions are too many to sort", t.n)
	}
	list := make(contribCopy, 0, t.n)
	err := t.each(func(c contrib) {
		if c.size != 0 {
			list = append(list, c)
		}
	})
	slices.SortStableFunc(list, func(a, b contrib) int { return a.compare(b.sect, b.off) })
	return &list, err
}
