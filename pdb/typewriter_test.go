package pdb_test

import (
	"encoding/binary"
	"hash/crc32"
	"slices"

	"github.com/symres/symres/pdb"
)

// typeWriter describes a type stream to be written and the hash stream that
// goes with it. The zero value of every field but recs is a usable one.
type typeWriter struct {
	version uint32   // 20040203
	recs    [][]byte // records, from index 0x1000 on
	keys    []string // by record: the name whose hash is its bucket; "": none
	heads   []uint32 // types marked as current
	step    int      // records between two entries of the index, 2 if 0
	noHash  bool     // without a hash stream
	pairs   func([]byte) []byte
}

const typeHashStream = firstExtra // the number tests give the hash stream

// rec builds a type record, padded the way compilers do.
func rec(leaf uint16, parts ...any) []byte {
	b := fieldBytes(le16(nil, 0, leaf), parts...)
	for n := (4 - len(b)%4) % 4; n > 0; n-- {
		b = append(b, 0xF0|byte(n))
	}
	binary.LittleEndian.PutUint16(b, uint16(len(b)-2))
	return b
}

// st is a name with a length byte before it.
type st string

// fieldBytes appends fields: integers by their size, names with their NUL, raw bytes.
func fieldBytes(b []byte, parts ...any) []byte {
	for _, p := range parts {
		switch v := p.(type) {
		case uint8:
			b = append(b, v)
		case uint16:
			b = le16(b, v)
		case int: // most fields
			b = le16(b, uint16(v))
		case uint32:
			b = le32(b, v)
		case uint64:
			b = binary.LittleEndian.AppendUint64(b, v)
		case string:
			b = append(append(b, v...), 0)
		case st:
			b = append(append(b, byte(len(v))), v...)
		case []byte:
			b = append(b, v...)
		}
	}
	return b
}

// entry builds an entry of a field list, padded.
func entry(leaf uint16, parts ...any) []byte {
	b := fieldBytes(le16(nil, leaf), parts...)
	for n := (4 - len(b)%4) % 4; n > 0; n-- {
		b = append(b, 0xF0|byte(n))
	}
	return b
}

// streams returns the type stream and the hash stream.
func (w *typeWriter) streams() (types, hash []byte) {
	version := w.version
	if version == 0 {
		version = 20040203
	}
	recs := slices.Concat(w.recs...)
	keys, vals, pairs, adj := w.hashParts(version)
	if w.pairs != nil {
		pairs = w.pairs(pairs)
	}
	num := uint16(typeHashStream)
	if w.noHash {
		num = 0xFFFF
	}
	end := 0x1000 + uint32(len(w.recs))
	hash = slices.Concat(vals, pairs, adj)
	switch {
	case version < 19960307:
		types = le16(le32(le16(le32(nil, version), 0x1000, uint16(end)), uint32(len(recs))), num, 0)
	case version == 19960307:
		types = le16(le32(nil, version, 0x1000, end, uint32(len(recs))), num, 0)
	default:
		types = le16(le32(nil, version, 56, 0x1000, end, uint32(len(recs))), num, 0xFFFF)
		n, p := uint32(len(vals)), uint32(len(pairs))
		types = le32(types, keys, buckets(version), 0, n, n, p, n+p, uint32(len(adj)))
	}
	return append(types, recs...), hash
}

func buckets(version uint32) uint32 {
	if version >= 20040203 {
		return 0x3FFFF
	}
	return 0x1000
}

func (w *typeWriter) hashParts(version uint32) (keySize uint32, vals, pairs, adj []byte) {
	off := uint32(0)
	for i, r := range w.recs {
		h := crc32.ChecksumIEEE(r)
		if i < len(w.keys) && w.keys[i] != "" {
			h = testHash(w.keys[i])
		}
		if h %= buckets(version); version >= 20040203 {
			vals = le32(vals, h)
		} else {
			vals = le16(vals, uint16(h))
		}
		if i%max(2, w.step) == 0 {
			pairs = le32(pairs, 0x1000+uint32(i), off)
		}
		off += uint32(len(r))
	}
	if len(w.heads) > 0 {
		adj = le32(nil, uint32(len(w.heads)), 8, 1, 0xFF, 0)
		for _, ti := range w.heads {
			adj = le32(adj, 1, ti)
		}
	}
	if version >= 20040203 {
		return 4, vals, pairs, adj
	}
	return 2, vals, pairs, adj
}

// pdb returns a PDB with these types.
func (w *typeWriter) pdb() *testPDB {
	types, hash := w.streams()
	p := samplePDB()
	p.extra = [][]byte{hash}
	p.edit = func(s *testStreams) { s.list[2] = types }
	return p
}

// open writes the PDB and opens it.
func (w *typeWriter) open() (*pdb.File, error) {
	m := w.pdb().write()
	return pdb.New(m, m.Size())
}
