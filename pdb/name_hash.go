package pdb

import (
	"encoding/binary"
	"fmt"
	"iter"
	"math/bits"
	"strings"

	"github.com/symres/symres/internal/codeview"
	"github.com/symres/symres/internal/msf"
)

// hashName is the name hash V1 before it is cut to a number of buckets
// (microsoft-pdb misc.h, LHashPbCb). The OR makes it blind to bit 5 of every
// byte, so names that differ by ASCII case share a bucket.
func hashName[T string | []byte](name T) uint32 {
	var h uint32
	i := 0
	for ; i+4 <= len(name); i += 4 {
		h ^= uint32(name[i]) | uint32(name[i+1])<<8 | uint32(name[i+2])<<16 | uint32(name[i+3])<<24
	}
	if i+2 <= len(name) {
		h ^= uint32(name[i]) | uint32(name[i+1])<<8
		i += 2
	}
	if i < len(name) {
		h ^= uint32(name[i])
	}
	h |= 0x20202020
	h ^= h >> 11
	return h ^ h>>16
}

// Number of buckets of a name table.
const (
	bucketsNormal  = 4096
	bucketsMinimal = 0x3FFFF // /DEBUG:FASTLINK
)

const (
	tableSign    = 0xFFFFFFFF
	tableVersion = 0xF12F091A // 0xeffe0000 + 19990810
	tableHead    = 16
	hashRecord   = 8  // i32 offset+1, i32 reference count
	startUnit    = 12 // bucket starts count 32-bit in-memory records of 12 bytes
	oldEmpty     = 0xFFFFFFFF
)

// nameTable is a name hash table of the GSI or PSI stream: hash records, each
// the offset of a symbol record, grouped by bucket. It is immutable.
type nameTable struct {
	s       *msf.Stream
	recs, n uint32 // offset of the first hash record, number of records
	starts  uint32 // offset of the array of bucket starts
	buckets uint32
	words   []uint32 // which buckets are in use; nil in the old form
	ranks   []uint32 // buckets in use before each word
	bad     error    // why the buckets cannot be used; the records still can
}

// loadTable reads the head of the table that takes size bytes at off. Damage
// that leaves the hash records readable is kept in bad.
func loadTable(s *msf.Stream, off, size uint32) (*nameTable, error) {
	t := &nameTable{s: s}
	if !s.Holds(off, size) {
		t.bad = damage(s.Name, int64(off), "name table of %d bytes runs over the end at %#x", size, s.Size)
		return t, nil
	}
	var h [tableHead]byte
	if size >= tableHead {
		if err := s.Read(h[:], off); err != nil {
			return nil, err
		}
	}
	if u32(h[:], 0) != tableSign || u32(h[:], 4) != tableVersion {
		t.oldForm(off, size)
		return t, nil
	}
	return t, t.newForm(off+tableHead, size-tableHead, u32(h[:], 8), u32(h[:], 12))
}

// oldForm lays out a table without a header: hash records, then one start for
// each bucket and one more.
func (t *nameTable) oldForm(off, size uint32) {
	const starts = (bucketsNormal + 1) * 4
	switch {
	case size == 0:
	case size < starts || (size-starts)%hashRecord != 0:
		t.bad = damage(t.s.Name, int64(off), "name table of %d bytes has no known form", size)
	default:
		t.recs, t.n, t.buckets = off, (size-starts)/hashRecord, bucketsNormal
		t.starts = off + t.n*hashRecord
	}
}

func (t *nameTable) newForm(off, size, recBytes, bucketBytes uint32) error {
	t.recs, t.n = off, min(recBytes, size)/hashRecord
	if recBytes > size || bucketBytes > size-recBytes || recBytes%hashRecord != 0 {
		t.bad = damage(t.s.Name, int64(off), "%d bytes of hash records and %d of buckets in %d", recBytes, bucketBytes, size)
		return nil
	}
	if t.n == 0 {
		return nil
	}
	for _, n := range []uint32{bucketsNormal, bucketsMinimal} {
		ok, err := t.loadBitmap(n, off+recBytes, bucketBytes)
		if ok || err != nil {
			return err
		}
	}
	t.bad = damage(t.s.Name, int64(off+recBytes), "%d bytes of buckets do not fit their bitmap", bucketBytes)
	return nil
}

// loadBitmap reads the bitmap of n buckets and reports whether the size of
// the bucket area agrees with it. The bitmap has one bit more than buckets:
// Microsoft's table keeps its free list there.
func (t *nameTable) loadBitmap(n, off, size uint32) (bool, error) {
	bytes := (n + 32) / 32 * 4
	if size < bytes {
		return false, nil
	}
	raw, err := t.s.Bytes(off, bytes)
	if err != nil {
		return false, err
	}
	words := make([]uint32, len(raw)/4)
	ranks := make([]uint32, len(words))
	var used uint32
	for i := range words {
		words[i], ranks[i] = u32(raw, i*4), used
		used += uint32(bits.OnesCount32(words[i]))
	}
	if size-bytes != used*4 {
		return false, nil
	}
	t.s.Container.Hold(8 * len(words))
	t.buckets, t.words, t.ranks, t.starts = n, words, ranks, off+bytes
	return true, nil
}

// bucket returns the hash records of bucket b as a range of record numbers.
// An error that is a FormatError means that the table is bad.
func (t *nameTable) bucket(b uint32) (first, last uint32, err error) {
	if t.words == nil {
		return t.oldBucket(b)
	}
	w, bit := b/32, b%32
	if t.words[w]>>bit&1 == 0 {
		return 0, 0, nil
	}
	used := t.ranks[len(t.ranks)-1] + uint32(bits.OnesCount32(t.words[len(t.words)-1]))
	i := t.ranks[w] + uint32(bits.OnesCount32(t.words[w]&(1<<bit-1)))
	var raw [8]byte
	n := min(used-i, 2) * 4
	if err := t.s.Read(raw[:n], t.starts+i*4); err != nil {
		return 0, 0, err
	}
	next := uint64(t.n) * startUnit
	if n == 8 {
		next = uint64(u32(raw[:], 4))
	}
	return t.bounds(b, uint64(u32(raw[:], 0)), next)
}

// oldBucket looks for the next bucket in use, which ends this one.
func (t *nameTable) oldBucket(b uint32) (first, last uint32, err error) {
	raw, err := t.s.Bytes(t.starts+b*4, (t.buckets+1-b)*4)
	if err != nil {
		return 0, 0, err
	}
	if u32(raw, 0) == oldEmpty {
		return 0, 0, nil
	}
	next := uint64(t.n) * startUnit
	for i := 4; i < len(raw); i += 4 {
		if v := binary.LittleEndian.Uint32(raw[i:]); v != oldEmpty {
			next = uint64(v)
			break
		}
	}
	return t.bounds(b, uint64(u32(raw, 0)), next)
}

// bounds checks a bucket that runs from one start to the next.
func (t *nameTable) bounds(b uint32, first, next uint64) (uint32, uint32, error) {
	if first%startUnit != 0 || next%startUnit != 0 || first >= next || next > uint64(t.n)*startUnit {
		return 0, 0, &FormatError{Section: t.s.Name, Offset: int64(t.starts),
			Err: fmt.Errorf("bucket %#x of %d records starts at %#x, the next at %#x", b, t.n, first, next)}
	}
	return uint32(first / startUnit), uint32(next / startUnit), nil
}

// inBucket yields the offsets of the records in a bucket.
func (t *nameTable) inBucket(b uint32) iter.Seq2[uint32, error] {
	return sequenceOf(func(yield func(uint32, error) bool) error {
		i, last, err := t.bucket(b)
		w := msf.Walker{Stream: t.s}
		for ; err == nil && i < last; i++ {
			var rec []byte
			w.Chunk = min(hashAhead, t.n-i) * hashRecord
			if rec, err = w.Span(t.recs+i*hashRecord, hashRecord); err == nil && !yield(u32(rec, 0)-1, nil) {
				return nil
			}
		}
		return err
	})
}

const hashAhead = 32 // how many hash records are read at a time

// probes returns the buckets a hash may be in. Microsoft's writer cuts the
// bucket number to 16 bits, which only shows with more buckets than that.
func (t *nameTable) probes(hash uint32) (b [2]uint32, n int) {
	full := hash % t.buckets
	b[0] = full & 0xFFFF
	b[1] = full
	if b[0] == b[1] {
		return b, 1
	}
	return b, 2
}

// wanted is a name that will be looked for in a table.
type wanted struct {
	*matcher
	probes [2]uint32
	n      int // of probes
}

func (t *names) wanted(m *matcher) wanted {
	w := wanted{matcher: m}
	if t.gss != nil && t.table.bad == nil && t.table.n > 0 && len(m.name) <= codeview.MaxRecord {
		w.probes, w.n = t.table.probes(hashName(m.name))
	}
	return w
}

// expect asks for the hash records of names and then for the beginnings of the symbols
// in their buckets, all of which would wait for each other.
func expect(c *msf.Container, list ...wanted) {
	ahead := c.Batch()
	if ahead == nil {
		return
	}
	for _, w := range list {
		for _, b := range w.probes[:w.n] {
			if first, last, err := w.t.table.bucket(b); err == nil {
				ahead.Add(w.t.table.s, w.t.table.recs+first*hashRecord, (last-first)*hashRecord)
			}
		}
	}
	ahead.Read()
	for _, w := range list {
		for _, b := range w.probes[:w.n] {
			for off, err := range w.t.table.inBucket(b) {
				if err != nil {
					break
				}
				ahead.Add(w.t.gss, off, uint32(len(w.buf)))
			}
		}
	}
	ahead.Read()
}

// ExpectNames tells a File of something far away that these names will be asked for, so
// that what [File.Named], or of decorated names [File.ByName], needs for all of them is
// fetched together. It does nothing for other Files, and errors are left to the questions.
func (f *File) ExpectNames(all ...string) {
	if q, err := f.ask(f.msf.Work.Point()); err == nil {
		defer q.end()
		f.expectNamed(all)
	}
}

func (f *File) expectNamed(all []string) {
	p, err := f.loadPublics()
	if err != nil || !f.msf.Far() {
		return
	}
	g, err := f.loadGlobals()
	if err != nil {
		return
	}
	var list []wanted
	for _, t := range []*names{&g.names, &p.names} {
		for _, name := range all {
			if t == &p.names || !strings.HasPrefix(name, "?") { // decorated names are those of publics
				list = append(list, t.wanted(newMatcher(t, name, true)))
			}
		}
	}
	expect(f.msf, list...)
}
