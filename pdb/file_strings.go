package pdb

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/symres/symres/internal/kept"
	"github.com/symres/symres/internal/msf"
)

// stringTable is a table of strings that are referred to by their offset
// (microsoft-pdb nmt.h): the stream /names, which names source files and holds
// frame programs, and the edit-and-continue part of the DBI stream.
//
//	u32 signature, u32 version of the hash, u32 bytes, the strings,
//	u32 number of buckets, u32 offset of a string or 0 in each, u32 number of strings
//
// Nothing here asks for a string by what it says, so the buckets are not read.
// It is safe for concurrent use.
type stringTable struct {
	a     msf.Area     // the strings; empty when there is no table
	known kept.Strings // the strings given out so far, by offset
}

const (
	stringSign  = 0xEFFEEFFE
	stringHead  = 12
	maxString   = 0xFFFF // bytes; no path and no frame program comes near
	firstString = 128    // bytes that are read first: most strings are shorter
)

// strings returns the table of the stream /names, an empty one if the PDB has none.
func (f *File) strings() (*stringTable, error) {
	return load(f, &f.strs, func() (*stringTable, error) {
		s, err := f.namedStream("/names")
		if s == nil || err != nil {
			return new(stringTable), err
		}
		return readStrings(msf.Area{Stream: s, End: s.Size})
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

// readStrings reads the head of a table.
func readStrings(a msf.Area) (*stringTable, error) {
	if a.Len() == 0 {
		return new(stringTable), nil
	}
	if a.Len() < stringHead {
		return nil, a.Stream.Short(a.Off, stringHead)
	}
	var h [stringHead]byte
	if err := a.Stream.Read(h[:], a.Off); err != nil {
		return nil, err
	}
	size, rest := u32(h[:], 8), a.Len()-stringHead
	switch {
	case u32(h[:], 0) != stringSign:
		return nil, damage(a.Stream.Name, int64(a.Off), "string table begins with %#x, not %#x", u32(h[:], 0), uint32(stringSign))
	case size > rest:
		return nil, damage(a.Stream.Name, int64(a.Off)+8, "%d bytes of strings in %d", size, rest)
	}
	off := a.Off + stringHead
	return &stringTable{a: msf.Area{Stream: a.Stream, Off: off, End: off + size}}, nil
}

// at returns the string at an offset.
func (t *stringTable) at(off uint32) (string, error) {
	s, _, err := t.known.Get(off, t.read)
	return s, err
}

// read reads the string at an offset.
func (t *stringTable) read(off uint32) (string, error) {
	if off >= t.a.Len() {
		return "", t.outside(off)
	}
	left := t.a.Len() - off
	for n := uint32(firstString); ; n *= 8 {
		n = min(n, left, maxString+1)
		b, err := t.a.Stream.Bytes(t.a.Off+off, n)
		if err != nil {
			return "", err
		}
		if i := bytes.IndexByte(b, 0); i >= 0 {
			return string(b[:i]), t.a.Stream.Work().Spend(i)
		}
		if n == left || n > maxString {
			return "", damage(t.a.Stream.Name, int64(t.a.Off+off), "string of more than %d bytes", n-1)
		}
	}
}

func (t *stringTable) outside(off uint32) error {
	if t.a.Stream == nil {
		return &FormatError{Section: "/names", Offset: int64(off), Err: fmt.Errorf("a string is referred to, but there is no table")}
	}
	return damage(t.a.Stream.Name, int64(t.a.Off), "string at %#x of %#x bytes", off, t.a.Len())
}

// u16 and u32 read at fixed offsets of records whose length was checked.
func u16(b []byte, off int) uint16 { return binary.LittleEndian.Uint16(b[off:]) }
func u32(b []byte, off int) uint32 { return binary.LittleEndian.Uint32(b[off:]) }

// cstr returns the NUL-terminated string at off of b.
func cstr(b []byte, off uint32) ([]byte, bool) {
	if uint64(off) >= uint64(len(b)) {
		return nil, false
	}
	i := bytes.IndexByte(b[off:], 0)
	if i < 0 {
		return nil, false
	}
	return b[off : int(off)+i], true
}
