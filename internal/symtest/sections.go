package symtest

import (
	"encoding/binary"
	"maps"
	"slices"
	"strconv"
)

// Where the images of [WithSections] are mapped, and the bytes of their code,
// which begins at RVA 1000 and is not in the file.
const (
	Base     = 0x140000000
	CodeSize = 0x100000
)

// WithSections is an x64 image that has, besides code, sections of these names
// that are not mapped, as linkers keep debug information.
func WithSections(sections map[string][]byte) []byte {
	le := binary.LittleEndian
	const optional, alignment = 0x98, 0x1000
	b := make([]byte, 0x800)
	copy(b, "MZ")
	le.PutUint32(b[0x3c:], 0x80)
	copy(b[0x80:], "PE\x00\x00\x64\x86")
	le.PutUint16(b[0x86:], uint16(len(sections)+1))
	le.PutUint32(b[0x94:], 0x22<<16|0xf0)
	le.PutUint16(b[optional:], 0x20b)
	le.PutUint64(b[optional+24:], Base)
	le.PutUint32(b[optional+32:], alignment)
	le.PutUint32(b[optional+36:], 0x200)
	le.PutUint32(b[optional+60:], uint32(len(b)))
	le.PutUint32(b[optional+108:], 16)
	header := optional + 0xf0
	put := func(name string, rva, size, raw, rawSize, flags uint32) {
		copy(b[header:header+8], name)
		for i, v := range []uint32{size, rva, rawSize, raw} {
			le.PutUint32(b[header+8+4*i:], v)
		}
		le.PutUint32(b[header+36:], flags)
		header += 40
	}
	put(".text", 0x1000, CodeSize, 0, 0, 0x60000020)
	rva := uint32(0x1000 + CodeSize)
	texts := make([]byte, 4)
	for _, name := range slices.Sorted(maps.Keys(sections)) {
		s := sections[name]
		put("/"+strconv.Itoa(len(texts)), rva, uint32(len(s)), uint32(len(b)), uint32(len(s)), 0x42000040)
		texts = append(append(texts, name...), 0)
		b = append(b, s...)
		rva += (uint32(len(s)) + alignment - 1) &^ (alignment - 1)
	}
	le.PutUint32(texts, uint32(len(texts)))
	le.PutUint32(b[0x8c:], uint32(len(b)))
	le.PutUint32(b[optional+56:], rva)
	return append(b, texts...)
}
