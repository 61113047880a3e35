package pdb

import (
	"math"
	"slices"
	"sort"
)

// codeRun is a piece of a section that is of one module without a gap.
type codeRun struct {
	start, end uint32
	seg, mod   uint16
}

// codeMap tells which module an address belongs to, sorted by address, as a tidy
// table of contributions does: padding belongs to none. Of any other table there is
// no map, so that both give the same answers.
type codeMap []codeRun

// directLookups is how many addresses are looked up in the table of
// contributions where it lies, before the map is made: that takes reading the
// whole table, which a few questions are not worth.
const directLookups = 64

// moduleOf returns the number of the module at an address, counted from 0; ok
// is false where there is none.
func (f *File) moduleOf(seg uint16, off uint32) (mod int, ok bool, err error) {
	var m *codeMap
	if f.lookups.Load() < directLookups {
		f.lookups.Add(1)
	} else if m, err = f.codeMap.get(f.readCodeMap); err != nil {
		return 0, false, err
	}
	if m == nil || *m == nil {
		c, ok, err := f.contribAt(seg, off)
		return int(c.mod), ok, err
	}
	want := makeKey(seg, off)
	i := sort.Search(len(*m), func(i int) bool { return makeKey((*m)[i].seg, (*m)[i].start) > want }) - 1
	if i < 0 || (*m)[i].seg != seg || off >= (*m)[i].end {
		return 0, false, nil
	}
	return int((*m)[i].mod), true, nil
}

// readCodeMap reads the table of contributions once.
func (f *File) readCodeMap() (*codeMap, error) {
	t, err := f.loadContribs()
	if err != nil || t.s == nil {
		return new(codeMap), err
	}
	m := make(codeMap, 0, t.n) // most are runs of their own
	var o contribOrder
	err = t.each(func(c contrib) {
		o.take(c)
		m = m.add(c)
	})
	if fatal(err) {
		return nil, err
	}
	if o.untidy || err != nil {
		return new(codeMap), nil
	}
	if len(m) < cap(m)/2 {
		m = slices.Clone(m)
	}
	f.msf.Hold(12 * len(m))
	return &m, nil
}

// add appends a contribution, to the last run if it goes on there.
func (m codeMap) add(c contrib) codeMap {
	if c.size == 0 {
		return m
	}
	end := uint32(min(uint64(c.off)+uint64(c.size), math.MaxUint32))
	if n := len(m) - 1; n >= 0 && m[n].mod == c.mod && m[n].seg == c.sect && m[n].end == c.off {
		m[n].end = end
		return m
	}
	return append(m, codeRun{start: c.off, end: end, seg: c.sect, mod: c.mod})
}
