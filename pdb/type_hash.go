package pdb

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/symres/symres/internal/codeview"
	"github.com/symres/symres/internal/kept"
	"github.com/symres/symres/internal/msf"
	"github.com/symres/symres/internal/wire"
)

const (
	maxTypeBuckets = 0x40000  // microsoft-pdb tpi.h, cchnMax
	hashFew        = 16 << 10 // types whose hashes are always scanned: one read
	hashScans      = 4        // lookups answered by a scan before an index is made
	hashScanBuffer = 64 << 10
	// maxProbes bounds the records one lookup reads. Real buckets hold some
	// ten types, 140 at most in a PDB of 2 million; a forged one can hold all.
	maxProbes = 1024
	// What reading one counts as, beyond as many as a real bucket may hold.
	perProbe    = 512
	usualProbes = 256
)

// typeHash finds tags by name: the hash stream has the bucket of every type,
// and that of a definition is the hash of its name (microsoft-pdb tpi.cpp,
// hashPrec). It is safe for concurrent use.
type typeHash struct {
	s            *msf.Stream
	off, n       uint32 // where the buckets lie, number of types
	key, buckets uint32 // bytes of a bucket number, number of buckets
	begin        uint32 // first type index
	heads        []uint32
	lookups      kept.Tally
	chains       kept.Value[typeChains]
	bad          error // why nothing can be looked up
}

// typeChains lists the types by bucket, as Microsoft's reader has them: from
// the last to the first. Types are counted from 1; 0 ends a chain. It is
// immutable.
type typeChains struct {
	head []uint32 // by bucket
	next []uint32 // by type
}

// loadHash lays out the hash stream. Damage is kept in bad.
func (t *typeTable) loadHash() (*typeHash, error) {
	h := &typeHash{off: t.vals.off, n: t.len(), key: t.keySize, buckets: t.buckets, begin: t.begin}
	s, err := t.hashStream()
	switch {
	case fatal(err):
		return nil, err
	case err != nil:
		h.bad = err
		return h, nil
	}
	h.s = s
	ahead := s.Container.Batch() // a name wants all of it: values, index, heads
	ahead.Add(s, 0, s.Size)
	ahead.Read()
	switch {
	case t.version < tpiV70:
		// Microsoft's reader computes these anew, over converted records.
		h.bad = damage(s.Name, 0, "version %d has no usable hashes", t.version)
	case h.key != 2 && h.key != 4 || h.buckets == 0 || h.buckets > maxTypeBuckets:
		h.bad = damage(s.Name, 0, "%d buckets with keys of %d bytes", h.buckets, h.key)
	case !t.vals.in(s) || uint64(t.vals.size) < uint64(h.n)*uint64(h.key):
		h.bad = damage(s.Name, int64(t.vals.off), "%d hashes of %d bytes in %d", h.n, h.key, t.vals.size)
	default:
		h.heads, err = readHeads(s, t.adj)
	}
	return h, ignoreDamage(err)
}

// readHeads reads which types come first in their buckets, sorted: the type a
// name stands for is otherwise its last definition. The part is a hash table
// from name to type, as that of the named streams; that a type is in it says
// enough.
func readHeads(s *msf.Stream, p typePart) ([]uint32, error) {
	if p.size == 0 || p.size == msf.NilStream { // -1: not present
		return nil, nil
	}
	b, err := s.Bytes(p.off, p.size)
	if err != nil {
		return nil, err
	}
	c := wire.At(s.Name, int64(p.off), b)
	n := c.U32()
	c.U32()                          // capacity
	c.Skip(4 * count(c, c.U32(), 4)) // slots in use
	c.Skip(4 * count(c, c.U32(), 4)) // slots deleted
	heads := make([]uint32, 0, count(c, n, 8))
	for range cap(heads) {
		c.U32() // offset of the name in /names
		heads = append(heads, c.U32())
	}
	slices.Sort(heads)
	s.Container.Hold(4 * len(heads))
	return heads, cursorErr(c.Err())
}

// keyAt reads a bucket number.
func (h *typeHash) keyAt(b []byte, at int) uint32 {
	if h.key == 4 {
		return u32(b, at)
	}
	return uint32(u16(b, at))
}

// bucketOf returns the bucket of a hash, as far as the key holds it.
func (h *typeHash) bucketOf(hash uint32) uint32 {
	b := hash % h.buckets
	if h.key == 2 {
		b &= 0xFFFF
	}
	return b
}

// bucket returns the types in the bucket of a hash, from the last to the first.
func (h *typeHash) bucket(hash uint32) ([]uint32, error) {
	b := h.bucketOf(hash)
	if h.n <= hashFew || !h.lookups.Over(hashScans) {
		types, err := h.scan(b)
		slices.Reverse(types)
		return types, err
	}
	c, err := h.chains.Get(h.chain)
	if err != nil {
		return nil, err
	}
	var types []uint32
	for i := c.head[b]; i != 0; i = c.next[i-1] {
		types = append(types, h.begin+i-1)
	}
	return types, nil
}

// parts reads all bucket numbers, a piece at a time.
func (h *typeHash) parts(use func(first uint32, b []byte)) error {
	buf := make([]byte, min(hashScanBuffer, h.n*h.key))
	for i := uint32(0); i < h.n; {
		n := min(h.n-i, uint32(len(buf))/h.key)
		if err := h.s.Read(buf[:n*h.key], h.off+i*h.key); err != nil {
			return err
		}
		use(i, buf[:n*h.key])
		i += n
	}
	return nil
}

// scan looks for one bucket among all: four bytes a type, at memory speed.
func (h *typeHash) scan(bucket uint32) ([]uint32, error) {
	var types []uint32
	err := h.parts(func(first uint32, b []byte) {
		if h.key == 4 {
			types = appendEqual32(types, h.begin+first, b, bucket)
			return
		}
		for i := 0; i < len(b); i += 2 {
			if uint32(u16(b, i)) == bucket {
				types = append(types, h.begin+first+uint32(i/2))
			}
		}
	})
	return types, err
}

// appendEqual32 appends first plus the numbers of the words of b that are want.
func appendEqual32(dst []uint32, first uint32, b []byte, want uint32) []uint32 {
	pair := uint64(want)<<32 | uint64(want)
	i := 0
	for ; i+8 <= len(b); i += 8 {
		x := binary.LittleEndian.Uint64(b[i:]) ^ pair
		if uint32(x) == 0 {
			dst = append(dst, first+uint32(i/4))
		}
		if x>>32 == 0 {
			dst = append(dst, first+uint32(i/4)+1)
		}
	}
	if i < len(b) && u32(b, i) == want {
		dst = append(dst, first+uint32(i/4))
	}
	return dst
}

// chain puts all types into the chains of their buckets. Wrong bucket numbers
// are left out.
func (h *typeHash) chain() (*typeChains, error) {
	c := &typeChains{head: make([]uint32, h.buckets), next: make([]uint32, h.n)}
	h.s.Container.Hold(4 * (len(c.head) + len(c.next)))
	err := h.parts(func(first uint32, b []byte) {
		for i := first; len(b) > 0; i++ {
			if v := h.keyAt(b, 0); v < h.buckets {
				c.next[i], c.head[v] = c.head[v], i+1
			}
			b = b[h.key:]
		}
	})
	return c, err
}

// tagQuery says which tag is looked for: all those of one name.
type tagQuery struct {
	name    []byte // the name it has
	key     []byte // whose hash leads to it
	match   func(*codeview.Tag) bool
	hashed  bool // it can only be where its hash leads
	forward bool // a forward reference will do
}

// findTag returns the tag a name stands for: a definition where there is one,
// the one the file marks as current, or the last; ok is false when there is none.
func (t *typeTable) findTag(q tagQuery) (ti uint32, ok bool, err error) {
	if t.s == nil {
		return 0, false, nil
	}
	if err := t.s.Work().Over(); err != nil {
		return 0, false, err
	}
	h, err := t.hash.Get(t.loadHash)
	if err != nil {
		return 0, false, err
	}
	if h.bad == nil {
		types, err := h.bucket(hashName(q.key))
		if err == nil {
			err = t.s.Work().Spend(max(0, len(types)-usualProbes) * perEntry)
		}
		if err != nil {
			return 0, false, err
		}
		if ti, ok, err = t.pick(types, h.heads, q, false); ok || err != nil || q.hashed {
			return ti, ok, err
		}
	}
	return t.findUnhashed(q)
}

// pick returns the first definition, or forward reference, that matches: heads of
// buckets before others.
func (t *typeTable) pick(types, heads []uint32, q tagQuery, forward bool) (ti uint32, ok bool, err error) {
	probes := 0
	var buf []byte
	ahead := t.s.Container.Batch()
	t.expect(ahead, types)
	ahead.Read()
	for _, wantHead := range []bool{true, false} {
		if wantHead && len(heads) == 0 {
			continue
		}
		for _, ti := range types {
			if _, head := slices.BinarySearch(heads, ti); head != wantHead {
				continue
			}
			if probes++; probes > maxProbes {
				return 0, false, t.bad(ti, "more than %d types share a bucket", maxProbes)
			}
			if probes > usualProbes {
				if err := t.s.Work().Spend(perProbe); err != nil {
					return 0, false, err
				}
			}
			rec, err := t.peek(ti, &buf)
			if fatal(err) {
				return 0, false, err
			}
			if g, ok := codeview.ParseTag(rec); err == nil && ok && g.Forward() == forward && q.match(&g) {
				return ti, true, nil
			}
		}
	}
	return 0, false, nil
}

// expect adds what will be read of types to a batch: from the entry of the index before
// each on.
func (t *typeTable) expect(ahead *msf.Batch, types []uint32) {
	if ahead == nil || t.s == nil {
		return
	}
	index, err := t.index.Get(t.readIndex)
	if err != nil {
		return
	}
	for _, ti := range types[:min(len(types), maxProbes)] {
		if i := index.find(ti); i >= 0 {
			off, n := t.stretch(index, i)
			ahead.Add(t.s, off, n)
		}
	}
}

// findUnhashed looks among the tags that names do not lead to: forward
// references, types of functions, unnamed ones, and all when there is no hash
// table. They are found by one walk over all records, which is remembered.
func (t *typeTable) findUnhashed(q tagQuery) (ti uint32, ok bool, err error) {
	index, err := t.unhashed.Get(t.walkUnhashed)
	if err != nil {
		return 0, false, err
	}
	hash := uint64(hashName(q.name))
	i, _ := slices.BinarySearch(*index, hash<<32)
	var types []uint32
	for ; i < len(*index) && (*index)[i]>>32 == hash; i++ {
		types = append(types, uint32((*index)[i]))
	}
	if err := t.s.Work().Spend(max(0, len(types)-usualProbes) * perEntry); err != nil {
		return 0, false, err
	}
	slices.Reverse(types)
	if ti, ok, err = t.pick(types, nil, q, false); ok || err != nil || !q.forward {
		return ti, ok, err
	}
	return t.pick(types, nil, q, true)
}

// walkUnhashed returns the name hashes and numbers of those tags, sorted.
// Records behind a damaged one are not found.
func (t *typeTable) walkUnhashed() (*[]uint64, error) {
	h, err := t.hash.Get(t.loadHash)
	if err != nil {
		return nil, err
	}
	var index []uint64
	t.s.Ahead(t.recs, t.stop-t.recs)
	w := t.records(typeEntry{ti: t.begin})
	for w.step() {
		if g, ok := codeview.ParseTag(w.Rec); ok && (h.bad != nil || !g.Hashed()) {
			index = append(index, uint64(hashName(g.Name))<<32|uint64(w.ti))
		}
	}
	if fatal(w.Err) {
		return nil, w.Err
	}
	slices.Sort(index)
	t.s.Container.Hold(8 * len(index))
	return &index, nil
}

// findNamed returns the tag of a name.
func (t *typeTable) findNamed(name string, equal func(a, b []byte) bool) (ti uint32, ok bool, err error) {
	if len(name) > codeview.MaxRecord {
		return 0, false, nil
	}
	want := []byte(name)
	return t.findTag(tagQuery{name: want, key: want, forward: true, match: func(g *codeview.Tag) bool {
		return equal(g.Name, want) || len(g.Unique) > 0 && equal(g.Unique, want)
	}})
}

// findDefinition returns the definition a forward reference stands for.
func (t *typeTable) findDefinition(fwd *codeview.Tag) (ti uint32, ok bool, err error) {
	q := tagQuery{name: fwd.Name, key: fwd.Name, hashed: !fwd.Scoped() && !fwd.Anonymous()}
	if fwd.Scoped() && len(fwd.Unique) > 0 {
		q.key = fwd.Unique // with linkers after that of VS 2010
	}
	q.match = func(g *codeview.Tag) bool {
		if len(fwd.Unique) > 0 && len(g.Unique) > 0 {
			return bytes.Equal(g.Unique, fwd.Unique)
		}
		return bytes.Equal(g.Name, fwd.Name)
	}
	return t.findTag(q)
}
