package nt

import "encoding/binary"

// field is a field of a structure: an integer of Size bytes at Offset, or Bits
// of its bits from bit Bit on. A Size of 0 stands for a field the structure
// does not have. A field is plain data.
type field struct {
	Offset uint16
	Size   uint8
	Bit    uint8
	Bits   uint8 // 0: all of them
}

// known reports whether the structure has the field.
func (f field) known() bool { return f.Size != 0 }

// end is the offset behind the field.
func (f field) end() int { return int(f.Offset) + int(f.Size) }

// of reads the field of a structure; 0 when it has none or ends before.
func (f field) of(b []byte) uint64 {
	if !f.known() || f.end() > len(b) || f.Size > 8 {
		return 0
	}
	var word [8]byte
	copy(word[:], b[f.Offset:f.end()])
	v := binary.LittleEndian.Uint64(word[:])
	if f.Bits != 0 {
		v = v >> f.Bit & (1<<f.Bits - 1)
	}
	return v
}

// full reports whether all bits of the field are set, the mark of "no value".
func (f field) full(v uint64) bool {
	bits := f.Bits
	if bits == 0 {
		bits = 8 * f.Size
	}
	return bits > 0 && v == 1<<bits-1
}

// at is a field of the given size.
func at(offset uint16, size uint8) field { return field{Offset: offset, Size: size} }

// bitsAt are bits of an integer.
func bitsAt(offset uint16, size, bit, bits uint8) field { return field{offset, size, bit, bits} }
