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
// in the file; only a table out of order is copied and sorted.
type contribs struct {
	s        *stream // nil: there is no table
	off, n   uint32  // first item, number of items
	item     uint32  // bytes of one
	inMemory lazy[[]contrib]
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

func (t *contribs) at(i uint32) (contrib, error) {
	var b [18]byte
	if err := t.s.read(b[:], t.off+i*t.item); err != nil {
		return contrib{}, err
	}
	return parseContrib(b[:]), nil
}

// find returns the contribution that covers sect:off. It checks the order of
// the items it passes.
func (t *contribs) find(sect uint16, off uint32) (contrib, bool, error) {
	if t.s == nil {
		return contrib{}, false, nil
	}
	var below, above *contrib // bounds of what is left, once known
	var best contrib
	lo, hi := uint32(0), t.n
	for lo < hi {
		mid := lo + (hi-lo)/2
		c, err := t.at(mid)
		if err != nil {
			return contrib{}, false, err
		}
		if below != nil && c.compare(below.sect, below.off) < 0 || above != nil && c.compare(above.sect, above.off) > 0 {
			return t.findUnsorted(sect, off)
		}
		if c.compare(sect, off) <= 0 {
			lo, best, below = mid+1, c, &c
		} else {
			hi, above = mid, &c
		}
	}
	return best, best.covers(sect, off), nil
}

func (c contrib) covers(sect uint16, off uint32) bool {
	return c.sect == sect && c.off <= off && off-c.off < c.size
}

// findUnsorted answers from a sorted copy of the table.
func (t *contribs) findUnsorted(sect uint16, off uint32) (contrib, bool, error) {
	list, err := t.inMemory.get(t.sortedCopy)
	if err != nil {
		return contrib{}, false, err
	}
	i, exact := slices.BinarySearchFunc(*list, off, func(c contrib, off uint32) int { return c.compare(sect, off) })
	if !exact {
		i--
	}
	if i < 0 {
		return contrib{}, false, nil
	}
	c := (*list)[i]
	return c, c.covers(sect, off), nil
}

func (t *contribs) sortedCopy() (*[]contrib, error) {
	if t.n > maxAlloc/16 {
		return nil, damage(t.s.name, int64(t.off), "%d contributions are too many to sort", t.n)
	}
	list := make([]contrib, 0, t.n)
	w := walker{s: t.s}
	for i := range t.n {
		b, err := w.span(t.off+i*t.item, t.item)
		if err != nil {
			return nil, err
		}
		list = append(list, parseContrib(b))
	}
	slices.SortStableFunc(list, func(a, b contrib) int { return a.compare(b.sect, b.off) })
	return &list, nil
}
