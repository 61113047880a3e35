package pdb

import (
	"bytes"
	"fmt"
)

// stringTable is a table of strings that are referred to by their offset
// (microsoft-pdb nmt.h): the stream /names, which names source files and holds
// frame programs, and the edit-and-continue part of the DBI stream.
//
//	u32 signature, u32 version of the hash, u32 bytes, the strings,
//	u32 number of buckets, u32 offset of a string or 0 in each, u32 number of strings
//
// It is safe for concurrent use.
type stringTable struct {
	a       area // the strings; empty when there is no table
	version uint32
	buckets area        // the buckets; empty when there are none
	known   stringCache // the strings given out so far, by offset
}

const (
	stringSign  = 0xEFFEEFFE
	stringHead  = 12
	maxString   = 0xFFFF // bytes; no path and no frame program comes near
	firstString = 128    // bytes that are read first: most strings are shorter
)

// strings returns the table of the stream /names, an empty one where there is
// none.
func (f *File) strings() (*stringTable, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	return f.strs.get(func() (*stringTable, error) {
		num, err := f.namedStream("/names")
		if err != nil || num == noStream {
			return new(stringTable), err
		}
		s, err := f.msf.stream(num, "/names")
		if err != nil {
			return nil, err
		}
		return readStrings(area{s: s, end: s.size})
	})
}

// stringAt returns a string of the stream /names.
func (f *File) stringAt(off uint32) (string, error) {
	t, err := f.strings()
	if err != nil {
		return "", err
	}
	return t.at(off)
}

// namedStream returns the number of a named stream, noStream for one that the
// PDB does not have.
func (f *File) namedStream(name string) (uint32, error) {
	t, err := f.tail()
	if err != nil {
		return noStream, err
	}
	for _, n := range t.named {
		if n.Name == name {
			return n.Stream, nil
		}
	}
	return noStream, nil
}

// readStrings reads the head of a table and finds its parts. Buckets that do
// not fit are left out: strings are found by their offset without them.
func readStrings(a area) (*stringTable, error) {
	if a.len() == 0 {
		return new(stringTable), nil
	}
	if a.len() < stringHead {
		return nil, a.s.short(a.off, stringHead)
	}
	var h [stringHead]byte
	if err := a.s.read(h[:], a.off); err != nil {
		return nil, err
	}
	size, rest := u32(h[:], 8), a.len()-stringHead
	switch {
	case u32(h[:], 0) != stringSign:
		return nil, damage(a.s.name, int64(a.off), "string table begins with %#x, not %#x", u32(h[:], 0), uint32(stringSign))
	case size > rest:
		return nil, damage(a.s.name, int64(a.off)+8, "%d bytes of strings in %d", size, rest)
	}
	t := &stringTable{version: u32(h[:], 4)}
	t.a = area{s: a.s, off: a.off + stringHead, end: a.off + stringHead + size}
	return t, t.findBuckets(a)
}

func (t *stringTable) findBuckets(a area) error {
	if a.end-t.a.end < 4 {
		return nil
	}
	var n [4]byte
	if err := a.s.read(n[:], t.a.end); err != nil {
		return err
	}
	first := t.a.end + 4
	if count := u32(n[:], 0); count <= (a.end-first)/4 {
		t.buckets = area{s: a.s, off: first, end: first + count*4}
	}
	return nil
}

// at returns the string at an offset.
func (t *stringTable) at(off uint32) (string, error) {
	s, _, err := t.known.get(off, t.read)
	return s, err
}

// read reads the string at an offset.
func (t *stringTable) read(off uint32) (string, error) {
	if off >= t.a.len() {
		return "", t.outside(off)
	}
	left := t.a.len() - off
	for n := uint32(firstString); ; n *= 8 {
		n = min(n, left, maxString+1)
		b, err := t.a.s.bytes(t.a.off+off, n)
		if err != nil {
			return "", err
		}
		if i := bytes.IndexByte(b, 0); i >= 0 {
			return string(b[:i]), nil
		}
		if n == left || n > maxString {
			return "", damage(t.a.s.name, int64(t.a.off+off), "string of more than %d bytes", n-1)
		}
	}
}

func (t *stringTable) outside(off uint32) error {
	if t.a.s == nil {
		return &FormatError{Section: "/names", Offset: int64(off), Err: fmt.Errorf("a string is referred to, but there is no table")}
	}
	return damage(t.a.s.name, int64(t.a.off), "string at %#x of %#x bytes", off, t.a.len())
}

// find returns the offset of a string; ok is false where the table has no such
// string, or no buckets. The buckets are an open hash table.
func (t *stringTable) find(name string) (off uint32, ok bool, err error) {
	n := t.buckets.len() / 4
	if n == 0 || len(name) > maxString {
		return 0, false, nil
	}
	w := t.buckets.walker()
	at := hashString(name, t.version) % n
	for range n {
		b, err := w.span(t.buckets.off+at*4, 4)
		if err != nil {
			return 0, false, err
		}
		if off = u32(b, 0); off == 0 {
			return 0, false, nil
		}
		if ok, err := t.equal(off, name); ok || err != nil {
			return off, ok, err
		}
		if at++; at == n {
			at = 0
		}
	}
	return 0, false, nil
}

// equal reports whether name is the string at off.
func (t *stringTable) equal(off uint32, name string) (bool, error) {
	n := uint32(len(name)) + 1
	if off > t.a.len() || n > t.a.len()-off {
		return false, nil
	}
	b, err := t.a.s.bytes(t.a.off+off, n)
	if err != nil {
		return false, err
	}
	return b[n-1] == 0 && string(b[:n-1]) == name, nil
}

// hashString is the hash of a string table before it is cut to its buckets.
func hashString(s string, version uint32) uint32 {
	if version == 1 {
		return hashName(s)
	}
	return hashNameV2(s)
}

// hashNameV2 is the name hash V2 (microsoft-pdb misc.h, LHashPbCbV2).
func hashNameV2(s string) uint32 {
	h := uint32(0xB170A1BF)
	mix := func(v uint32) {
		h += v
		h += h << 10
		h ^= h >> 6
	}
	for ; len(s) >= 4; s = s[4:] {
		mix(uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24)
	}
	for i := range len(s) {
		mix(uint32(s[i]))
	}
	return h*1664525 + 1013904223
}
