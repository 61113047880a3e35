package pdb

import (
	"cmp"
	"errors"
	"slices"

	"github.com/symres/symres/internal/budget"
	"github.com/symres/symres/internal/codeview"
	"github.com/symres/symres/internal/msf"
)

const (
	typeHead = 4 // u16 length of what follows the field, u16 leaf
	// typeStep is how far apart the entries of an index of records are;
	// Microsoft's writer starts a new entry after as many bytes.
	typeStep = 8 << 10
	// maxTypeStep is how far apart they can be when the last record is large.
	// An index with a wider gap would make a lookup walk too far.
	maxTypeStep = typeStep + codeview.MaxRecord
)

// typeEntry says where the record of a type lies: off counts from the first
// record.
type typeEntry struct{ ti, off uint32 }

// typeIndex finds records: every few KiB the place of one, in ascending order.
// It is immutable.
type typeIndex struct {
	at  []typeEntry
	bad error // why it has no entries
}

// record returns the whole record of a type: u16 length, u16 leaf, data. It
// is a view of the file, or a copy where the file has a break.
func (t *typeTable) record(ti uint32) ([]byte, error) {
	if ti < t.begin || ti >= t.end {
		return nil, t.bad(ti, "not in %#x..%#x", t.begin, t.end)
	}
	if off, ok, err := t.place(ti); ok || err != nil {
		if err != nil {
			return nil, err
		}
		return t.recordAt(off)
	}
	index, err := t.index.Get(t.readIndex)
	if err != nil {
		return nil, err
	}
	rec, err := t.seek(index, ti)
	if err == nil || fatal(err) {
		return rec, err
	}
	// There is no index, or it leads astray: walk all records, once.
	p, err := t.places.Get(t.findPlaces)
	if err != nil {
		return nil, err
	}
	if off := p.of(ti - t.begin); off != 0 {
		return t.recordAt(off)
	}
	return nil, cmp.Or(p.bad, t.bad(ti, "has no record"))
}

// counted is record for one that others may refer to as well.
func (t *typeTable) counted(ti uint32) ([]byte, error) {
	rec, err := t.record(ti)
	if err == nil {
		err = t.s.Work().Spend(len(rec) + budget.PerRecord)
	}
	return rec, err
}

// seek walks from the entry at or below ti.
func (t *typeTable) seek(index *typeIndex, ti uint32) ([]byte, error) {
	i := index.find(ti)
	if i < 0 {
		return nil, cmp.Or(index.bad, t.bad(ti, "has no record"))
	}
	w := t.records(index.at[i])
	w.W.Chunk = typeStep
	return t.walkTo(ti, w)
}

// find returns the number of the entry at or below ti, -1 if there is none.
func (x *typeIndex) find(ti uint32) int {
	i, found := slices.BinarySearchFunc(x.at, ti, func(e typeEntry, ti uint32) int { return cmp.Compare(e.ti, ti) })
	if !found {
		i--
	}
	return i
}

func (t *typeTable) walkTo(ti uint32, w typeWalk) ([]byte, error) {
	for w.step() {
		if w.ti == ti {
			return w.Rec, nil
		}
	}
	return nil, cmp.Or(w.Err, t.bad(ti, "has no record"))
}

// peek is record for a question that looks at many records far apart, each
// once: it reads what lies between two entries of the index into buf, where
// the record stays until the next peek, and leaves no frames behind.
func (t *typeTable) peek(ti uint32, buf *[]byte) ([]byte, error) {
	index, err := t.index.Get(t.readIndex)
	if err != nil {
		return nil, err
	}
	i := index.find(ti)
	if i < 0 || ti >= t.end {
		return t.record(ti)
	}
	w := t.records(index.at[i])
	off, n := t.stretch(index, i)
	*buf = slices.Grow((*buf)[:0], int(n))[:n]
	if err := t.s.Read(*buf, off); err != nil {
		return nil, err
	}
	w.W.Off, w.W.Buf = off, *buf
	rec, err := t.walkTo(ti, w)
	if err != nil && !fatal(err) {
		return t.record(ti) // which knows what to do about a bad index
	}
	return rec, err
}

// stretch returns where the records from an entry of the index to the next lie.
func (t *typeTable) stretch(index *typeIndex, i int) (off, n uint32) {
	end := t.stop
	if i+1 < len(index.at) {
		end = t.recs + index.at[i+1].off
	}
	off = t.recs + index.at[i].off
	return off, min(end-off, maxTypeStep)
}

// readIndex reads the index of the file, an empty one if it has none that can be used.
func (t *typeTable) readIndex() (*typeIndex, error) {
	index, err := t.fileIndex()
	if err != nil && !fatal(err) {
		return &typeIndex{bad: err}, nil
	}
	return index, err
}

// fileIndex reads the index in the hash stream and checks that lookups in it
// end: ascending, without wide gaps.
func (t *typeTable) fileIndex() (*typeIndex, error) {
	if t.begin == t.end {
		return new(typeIndex), nil
	}
	s, err := t.hashStream()
	if err != nil {
		return nil, err
	}
	if !t.pairs.in(s) || t.pairs.size%8 != 0 {
		return nil, damage(s.Name, int64(t.pairs.off), "index of %d bytes in %d", t.pairs.size, s.Size)
	}
	b, err := s.Bytes(t.pairs.off, t.pairs.size)
	if err != nil {
		return nil, err
	}
	index := &typeIndex{at: make([]typeEntry, 0, len(b)/8)}
	last := typeEntry{ti: t.begin}
	for i := 0; i < len(b); i += 8 {
		e := typeEntry{ti: u32(b, i), off: u32(b, i+4)}
		if t.version <= tpiV41 {
			e.ti &= 0xFFFF // the rest is padding
		}
		if !t.follows(last, e, i == 0) {
			return nil, damage(s.Name, int64(t.pairs.off)+int64(i), "index entry %#x at %#x after %#x at %#x", e.ti, e.off, last.ti, last.off)
		}
		index.at = append(index.at, e)
		last = e
	}
	s.Container.Hold(8 * len(index.at))
	if !t.follows(last, typeEntry{ti: t.end, off: t.stop - t.recs}, len(b) == 0) {
		return nil, damage(s.Name, int64(t.pairs.off), "index ends with %#x at %#x", last.ti, last.off)
	}
	return index, nil
}

// follows reports whether e can come after last in an index.
func (t *typeTable) follows(last, e typeEntry, first bool) bool {
	if first {
		return e == last
	}
	return e.ti > last.ti && e.ti <= t.end && e.off > last.off && e.off-last.off <= maxTypeStep && e.off <= t.stop-t.recs
}

// hashStream opens the stream beside the records.
func (t *typeTable) hashStream() (*msf.Stream, error) {
	if t.s == nil {
		return nil, errNoTypes
	}
	return t.s.Container.Stream(t.hashNum, "hash of "+t.s.Name)
}

var errNoTypes error = &FormatError{Section: "types", Err: errors.New("no such stream")}

// typeWalk walks type records. It belongs to one goroutine.
//
//	for w := t.records(from); w.step(); {
//		use w.ti, w.off, w.rec
//	}
//	if w.err != nil ...
type typeWalk struct {
	codeview.Records
	t  *typeTable
	ti uint32
}

// records starts a walk at an entry of an index.
func (t *typeTable) records(from typeEntry) typeWalk {
	return typeWalk{t: t, ti: from.ti - 1, Records: codeview.Records{W: msf.Walker{Stream: t.s}, Next: t.recs + from.off, End: t.stop}}
}

// step moves to the next record. It reports false after the last one and
// after damage, which is in err.
func (w *typeWalk) step() bool {
	if w.ti+1 >= w.t.end {
		return false
	}
	// As Records.Step does, without another call: a lookup takes a hundred steps.
	if d := w.Next - w.W.Off; w.Next >= w.W.Off && uint64(d)+typeHead <= uint64(len(w.W.Buf)) {
		b := w.W.Buf[d:]
		n := uint32(u16(b, 0)) + codeview.LenField
		if n >= typeHead && n <= uint32(len(b)) && w.Next < w.End && n <= w.End-w.Next {
			w.Rec, w.Off, w.Next = b[:n:n], w.Next, w.Next+n
			w.ti++
			return true
		}
	}
	if w.Records.Step() {
		w.ti++
		return true
	}
	if !fatal(w.Err) {
		w.Err = cmp.Or(w.t.short, w.Err, w.t.bad(w.ti+1, "the records end at %#x", w.t.stop))
	}
	return false
}

const (
	// recordsPerLookup is how many records a walk over all takes in the time of
	// a lookup, about: a lookup walks through half of 8 KiB far from the last.
	recordsPerLookup = 1000
	// firstRead is how much of a record is read at first: most are shorter.
	firstRead = 192
)

// typePlaces is where each record of a stream lies.
type typePlaces struct {
	at  []uint32 // by number
	bad error    // why the records behind the last one cannot be reached
}

// of returns where record i lies, 0 for one that could not be reached.
func (p *typePlaces) of(i uint32) uint32 {
	if i < uint32(len(p.at)) {
		return p.at[i]
	}
	return 0
}

// place returns where a record lies when so many were asked for that one walk
// over all of them has cost less; ok is false before, and for records that have no
// place.
func (t *typeTable) place(ti uint32) (off uint32, ok bool, err error) {
	p := t.places.Built()
	if p == nil {
		if !t.asked.Over(64 + (t.end-t.begin)/recordsPerLookup) {
			return 0, false, nil
		}
		if p, err = t.places.Get(t.findPlaces); err != nil {
			return 0, false, err
		}
	}
	off = p.of(ti - t.begin)
	return off, off != 0, nil
}

func (t *typeTable) findPlaces() (*typePlaces, error) {
	// A record has 4 bytes at least, whatever the header says about their number.
	p := &typePlaces{at: make([]uint32, 0, min(t.end-t.begin, (t.stop-t.recs)/typeHead))}
	t.s.Load()
	w := t.records(typeEntry{ti: t.begin})
	w.W.Chunk = msf.ReadAhead
	for w.step() {
		p.at = append(p.at, w.Off)
	}
	if p.bad = w.Err; fatal(w.Err) {
		return nil, w.Err
	}
	t.s.Container.Hold(4 * cap(p.at))
	return p, nil
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
