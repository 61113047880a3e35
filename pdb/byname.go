package pdb

import (
	"cmp"
	"errors"
	"slices"
	"strings"
)

// ByName returns the public symbols with exactly this name, in the order of
// their records; none is not an error. The name is the decorated one and case
// counts. Only the bucket of the name is read. When the hash table is damaged
// all records are read once, and what was learned is kept.
//
// Damaged records are not found. Errors come from reading, or satisfy
// errors.Is(err, [ErrFormat]) when nothing could be looked up. Size is not
// filled in; see [File.SizeOf].
func (f *File) ByName(name string) ([]Symbol, error) {
	p, err := f.loadPublics()
	if err != nil || p.psi == nil || len(name) > maxRecord {
		return nil, err
	}
	offs, err := p.findHashed(name)
	if err != nil && !fatal(err) {
		offs, err = p.findScanned(name)
	}
	if err != nil || len(offs) == 0 {
		return nil, err
	}
	slices.Sort(offs)
	return f.symbolsAt(p, slices.Compact(offs))
}

// symbolsAt reads the publics at the given offsets, each into memory of its own.
func (f *File) symbolsAt(p *publics, offs []uint32) ([]Symbol, error) {
	sec, err := f.placer()
	if err != nil {
		return nil, err
	}
	syms := make([]Symbol, 0, len(offs))
	for _, off := range offs {
		rec, err := p.recordAt(off)
		if err != nil {
			return nil, err
		}
		if sym, ok := parsePublic(rec); ok {
			sym.RVA, sym.HasRVA = sec.place(sym.Segment, sym.Offset)
			syms = append(syms, sym)
		}
	}
	return syms, nil
}

// recordAt copies the record at off. It reads no more than the record: the
// point of a point query.
func (p *publics) recordAt(off uint32) ([]byte, error) {
	var h [recordHead]byte
	if err := p.gss.read(h[:], off); err != nil {
		return nil, err
	}
	return p.gss.bytes(off, uint32(u16(h[:], 0))+lenField)
}

// findHashed returns the offsets of the records with this name in the buckets
// its hash leads to. A FormatError says that the table is bad.
func (p *publics) findHashed(name string) ([]uint32, error) {
	t := p.table
	if t.bad != nil || t.n == 0 {
		return nil, cmp.Or(t.bad, errNoTable)
	}
	var offs []uint32
	m := newMatcher(p.gss, name)
	probes, n := t.probes(hashName(name))
	for _, b := range probes[:n] {
		first, last, err := t.bucket(b)
		if err != nil {
			return nil, err
		}
		w := recordReader{t: t}
		for i := first; i < last; i++ {
			off, err := w.offset(i)
			if err != nil {
				return nil, err
			}
			ok, err := m.match(off)
			if err != nil {
				return nil, err
			}
			if ok {
				offs = append(offs, off)
			}
		}
	}
	return offs, nil
}

var errNoTable error = &FormatError{Section: "public symbol index", Err: errors.New("no hash records")}

// recordReader reads the symbol offsets of consecutive hash records, 32 at a
// time.
type recordReader struct {
	t    *nameTable
	at   uint32 // number of the first record in buf
	have uint32
	buf  [32 * hashRecord]byte
}

func (r *recordReader) offset(i uint32) (uint32, error) {
	if i < r.at || i >= r.at+r.have {
		n := min(r.t.n-i, uint32(len(r.buf)/hashRecord))
		if err := r.t.s.read(r.buf[:n*hashRecord], r.t.recs+i*hashRecord); err != nil {
			return 0, err
		}
		r.at, r.have = i, n
	}
	return u32(r.buf[:], int(i-r.at)*hashRecord) - 1, nil
}

// matcher compares the names of records with one name, reading of each record
// no more than that takes.
type matcher struct {
	gss  *stream
	name string
	nul  bool // the name has a NUL, which only an old form can hold
	buf  []byte
}

func newMatcher(gss *stream, name string) *matcher {
	// One byte more than the name: its NUL, or the length byte of an old form.
	return &matcher{gss: gss, name: name, nul: strings.IndexByte(name, 0) >= 0, buf: make([]byte, pubHead+len(name)+1)}
}

// match reports whether the record at off is a public with the name. An offset
// outside the records is a FormatError: such a table is not to be trusted.
func (m *matcher) match(off uint32) (bool, error) {
	if !m.gss.holds(off, recordHead) {
		return false, m.gss.short(off, recordHead)
	}
	n := min(uint32(len(m.buf)), m.gss.size-off)
	rec := m.buf[:n]
	if err := m.gss.read(rec, off); err != nil {
		return false, err
	}
	size := uint32(u16(rec, 0)) + lenField
	if !m.gss.holds(off, size) {
		return false, m.gss.short(off, size)
	}
	if size < pubHead || n < pubHead {
		return false, nil
	}
	return m.equal(Kind(u16(rec, 2)), rec[pubHead:min(n, size)]), nil
}

// equal compares with the name that begins b. b ends with the record, or one
// byte behind the name looked for.
func (m *matcher) equal(kind Kind, b []byte) bool {
	switch kind {
	case KindPub32: // up to a NUL or the end of the record
		return !m.nul && len(b) >= len(m.name) && string(b[:len(m.name)]) == m.name &&
			(len(b) == len(m.name) || b[len(m.name)] == 0)
	case KindPub32ST: // behind its length
		return len(b) == len(m.name)+1 && int(b[0]) == len(m.name) && string(b[1:]) == m.name
	}
	return false
}

// findScanned answers when the hash table is bad, from an index over all
// records that is built once.
func (p *publics) findScanned(name string) ([]uint32, error) {
	index, err := p.byHash.get(p.scan)
	if err != nil {
		return nil, err
	}
	hash := uint64(hashName(name))
	i, _ := slices.BinarySearch(*index, hash<<32)
	var offs []uint32
	for m := newMatcher(p.gss, name); i < len(*index) && (*index)[i]>>32 == hash; i++ {
		off := uint32((*index)[i])
		if ok, err := m.match(off); err != nil {
			return nil, err
		} else if ok {
			offs = append(offs, off)
		}
	}
	return offs, nil
}

// scan reads all publics once and returns their hashes and offsets, sorted.
func (p *publics) scan() (*[]uint64, error) {
	var index []uint64
	err := p.live(func(off uint32, sym Symbol) {
		index = append(index, uint64(hashName(sym.name))<<32|uint64(off))
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(index)
	return &index, nil
}
