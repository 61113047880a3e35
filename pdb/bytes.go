package pdb

import (
	"bytes"
	"encoding/binary"
)

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
