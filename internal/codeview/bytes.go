package codeview

import "encoding/binary"

// u16 and u32 read at fixed offsets of records whose length was checked.
func u16(b []byte, off int) uint16 { return binary.LittleEndian.Uint16(b[off:]) }
func u32(b []byte, off int) uint32 { return binary.LittleEndian.Uint32(b[off:]) }
