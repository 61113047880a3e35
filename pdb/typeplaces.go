package pdb

import (
	"github.com/symres/symres/internal/msf"

	"github.com/symres/symres/internal/codeview"
)

const (
	// recordsPerLookup is how many records a walk over all takes in the time of
	// a lookup, about: a lookup walks through half of 8 KiB far from the last.
	recordsPerLookup = 1000
	// firstRead is how much of a record is read at first: most are shorter.
	firstRead = 192
)

// typePlaces is where each record of a stream lies, by its number. What could
// not be reached has none, which is 0.
type typePlaces []uint32

// place returns where a record lies when so many were asked for that one walk
// over all of them has cost less; ok is false before and meanwhile, and for
// records that have no place.
func (t *typeTable) place(ti uint32) (off uint32, ok bool, err error) {
	p := t.places.done.Load()
	if p == nil {
		if t.asked.Add(1) <= 64+(t.end-t.begin)/recordsPerLookup {
			return 0, false, nil
		}
		if p, err = t.places.tryGet(t.findPlaces); err != nil || p == nil {
			return 0, false, err
		}
	}
	if i := ti - t.begin; i < uint32(len(*p)) {
		off = (*p)[i]
	}
	return off, off != 0, nil
}

func (t *typeTable) findPlaces() (*typePlaces, error) {
	// A record has 4 bytes at least, whatever the header says about their number.
	list := make(typePlaces, 0, min(t.end-t.begin, (t.stop-t.recs)/typeHead))
	t.s.Load()
	w := t.records(typeEntry{ti: t.begin})
	w.W.Chunk = msf.ReadAhead
	for w.step() {
		list = append(list, w.Off)
	}
	if fatal(w.Err) {
		return nil, w.Err
	}
	t.s.Container.Hold(4 * cap(list))
	return &list, nil
}

// recordAt returns the record that lies at off, which a walk has seen.
func (t *typeTable) recordAt(off uint32) ([]byte, error) {
	b, err := t.s.View(off, min(firstRead, t.stop-off))
	if err != nil {
		return nil, err
	}
	n := uint32(u16(b, 0)) + codeview.LenField
	if n <= uint32(len(b)) {
		return b[:n:n], nil
	}
	return t.s.View(off, n)
}
