package pdb

import (
	"slices"

	"github.com/symres/symres/internal/codeview"
	"github.com/symres/symres/internal/kept"
	"github.com/symres/symres/internal/msf"
)

// Versions of the type streams (microsoft-pdb tpi.h).
const (
	tpiVC2         = 920924
	tpiV40         = 19950410
	tpiV41         = 19951122
	tpiV50Interim  = 19960307
	tpiV50         = 19961031
	tpiV70         = 19990903
	tpiV80         = 20040203
	tpiHead        = 56
	tpiHeadInterim = 20
	tpiHead16      = 16
	oldBuckets     = 0x1000
)

// firstType is the first type index of a record; those below are simple types.
const firstType = 0x1000

// typeTable is a type stream (TPI) or id stream (IPI): records, numbered from
// begin on, and in a stream of its own what finds them. It is safe for
// concurrent use.
type typeTable struct {
	s          *msf.Stream // nil: the PDB has none
	version    uint32
	begin, end uint32 // type indices
	recs, stop uint32 // where the records lie in s
	short      error  // records that run over the end of s, if any

	// where things lie in the hash stream
	hashNum          uint32 // number of the stream
	keySize, buckets uint32
	vals, pairs, adj typePart
	index            kept.Value[typeIndex]
	places           kept.Value[typePlaces]
	asked            kept.Tally // records looked up before places was made
	hash             kept.Value[typeHash]
	unhashed         kept.Value[[]uint64]
}

// typePart is a part of the hash stream.
type typePart struct{ off, size uint32 }

// in reports whether the part lies inside the stream.
func (p typePart) in(s *msf.Stream) bool { return s.Holds(p.off, p.size) }

// loadTypes opens the type stream.
func (f *File) loadTypes() (*typeTable, error) {
	return load(f, &f.types, func() (*typeTable, error) { return readTypes(f.msf, streamTPI, "types") })
}

// loadIDs opens the id stream. Older PDBs have none; stream 4 is then
// something else. The feature list should say which, but rewritten PDBs have
// an id stream without the feature (measured on two), so a good header counts.
func (f *File) loadIDs() (*typeTable, error) {
	tail, err := f.tail()
	if err != nil {
		return nil, err
	}
	return f.ids.Get(func() (*typeTable, error) {
		t, err := readTypes(f.msf, streamIPI, "ids")
		told := slices.Contains(tail.features, FeatureVC140) || slices.Contains(tail.features, FeatureVC110)
		if err != nil && !told && !fatal(err) {
			return new(typeTable), nil
		}
		return t, err
	})
}

func readTypes(m *msf.Container, num uint32, what string) (*typeTable, error) {
	t := new(typeTable)
	if m.Length(num) == 0 {
		return t, nil
	}
	s, err := m.Stream(num, what)
	if err != nil {
		return nil, err
	}
	b, err := s.Bytes(0, min(s.Size, tpiHead))
	if err != nil {
		return nil, err
	}
	r := codeview.Reader{B: b}
	size := t.parseHead(&r)
	switch {
	case size == 0:
		return nil, damage(s.Name, 0, "unknown version %d", t.version)
	case r.Short || size > s.Size:
		return nil, damage(s.Name, 0, "header of %d bytes in a stream of %d", size, s.Size)
	case t.begin < firstType || t.end < t.begin:
		return nil, damage(s.Name, 8, "types from %#x to %#x", t.begin, t.end)
	}
	t.s, t.recs = s, size
	if t.stop > s.Size-size {
		t.short = damage(s.Name, int64(size), "records of %d bytes run over the end at %#x", t.stop, s.Size)
		t.stop = s.Size - size
	}
	t.stop += size
	t.placeOld(m)
	return t, nil
}

// parseHead reads the header in the form of its version and returns its size,
// 0 for an unknown version. stop is the number of bytes of the records.
func (t *typeTable) parseHead(r *codeview.Reader) uint32 {
	t.version = r.U32()
	switch t.version {
	case tpiVC2, tpiV40, tpiV41:
		r.Narrow = true
		t.parseOldHead(r)
		return tpiHead16
	case tpiV50Interim:
		t.parseOldHead(r)
		return tpiHeadInterim
	case tpiV50, tpiV70, tpiV80:
		size := r.U32()
		t.begin, t.end, t.stop = r.U32(), r.U32(), r.U32()
		t.hashNum, _ = uint32(r.U16()), r.U16()
		t.keySize, t.buckets = r.U32(), r.U32()
		for _, p := range []*typePart{&t.vals, &t.pairs, &t.adj} {
			p.off, p.size = r.U32(), r.U32()
		}
		return max(size, tpiHead)
	}
	return 0
}

// parseOldHead reads the forms that say nothing about the hash stream.
func (t *typeTable) parseOldHead(r *codeview.Reader) {
	t.begin, t.end, t.stop = r.Ti(), r.Ti(), r.U32()
	t.hashNum = uint32(r.U16())
	t.keySize, t.buckets = 2, oldBuckets
}

// placeOld lays out the hash stream of the forms without a description: hash
// values, then index offsets to the end (microsoft-pdb tpi.cpp).
func (t *typeTable) placeOld(m *msf.Container) {
	if t.version >= tpiV50 || !m.Has(t.hashNum) {
		return
	}
	n, size := uint64(t.len())*2, uint64(m.Length(t.hashNum))
	if n <= size {
		t.vals.size = uint32(n)
		t.pairs = typePart{off: uint32(n), size: uint32(size-n) &^ 7}
	}
}

// len returns how many types the header claims.
func (t *typeTable) len() uint32 { return t.end - t.begin }

// bad makes an error about the record of a type.
func (t *typeTable) bad(ti uint32, format string, args ...any) error {
	name := "types"
	if t.s != nil {
		name = t.s.Name
	}
	return damage(name, int64(t.recs), "type %#x: "+format, append([]any{ti}, args...)...)
}
