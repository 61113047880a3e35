package codeview

import "encoding/binary"

// u16 and u32 read at fixed offsets of records whose length was checked.
func u16(b []byte, off int) uint16 { return binary.LittleEndian.Uint16(b[off:]) }
func u32(b []byte, off int) uint32 { return binary.LittleEndian.Uint32(b[off:]) }

// Reader reads the fields of a type record, or of a field list entry by
// entry, front to back. A read past the end gives zero and sets Short, which
// the caller looks at once. It belongs to one goroutine.
type Reader struct {
	B      []byte
	Off    int
	Narrow bool // type indices have 16 bits
	st     bool // names have a length byte before them
	Short  bool
}

// Begin reads a leaf and takes over the forms it implies. It returns the
// current leaf of older ones.
func (r *Reader) Begin() Leaf {
	l := Leaf(r.U16())
	r.Narrow, r.st = l <= lastNarrow, l <= lastST
	return l.modern()
}

// take returns the next n bytes, nil when they are not there.
func (r *Reader) take(n int) []byte {
	if n > len(r.B)-r.Off {
		r.Short = true
	}
	if r.Short {
		return nil
	}
	r.Off += n
	return r.B[r.Off-n : r.Off : r.Off]
}

// U8 reads a byte.
func (r *Reader) U8() uint8 {
	if p := r.take(1); p != nil {
		return p[0]
	}
	return 0
}

// U16 reads a little-endian number of 16 bits.
func (r *Reader) U16() uint16 {
	if p := r.take(2); p != nil {
		return binary.LittleEndian.Uint16(p)
	}
	return 0
}

// U32 reads a little-endian number of 32 bits.
func (r *Reader) U32() uint32 {
	if p := r.take(4); p != nil {
		return binary.LittleEndian.Uint32(p)
	}
	return 0
}

func (r *Reader) u64() uint64 {
	if p := r.take(8); p != nil {
		return binary.LittleEndian.Uint64(p)
	}
	return 0
}

// Ti reads a type index.
func (r *Reader) Ti() uint32 {
	if r.Narrow {
		return uint32(r.U16())
	}
	return r.U32()
}

// PaddedTI reads a type index that has two bytes of padding before it in the
// forms with 32-bit indices.
func (r *Reader) PaddedTI() uint32 {
	if !r.Narrow {
		r.U16()
	}
	return r.Ti()
}

// AttrTI reads attributes and a type index, whose order is that of the form.
func (r *Reader) AttrTI() (attr uint16, ti uint32) {
	if r.Narrow {
		ti = r.Ti()
		return r.U16(), ti
	}
	return r.U16(), r.U32()
}

// TiAttr reads a type index and attributes, whose order is that of the form:
// in the records of types it is the other way round than in field lists.
func (r *Reader) TiAttr() (ti uint32, attr uint16) {
	if r.Narrow {
		attr = r.U16()
		return r.Ti(), attr
	}
	return r.Ti(), r.U16()
}

// Name reads a name. One without its NUL ends with the record.
func (r *Reader) Name() []byte {
	if r.Short {
		return nil
	}
	if r.st {
		return r.take(int(r.U8()))
	}
	s := UntilNUL(r.B[r.Off:])
	r.Off = min(r.Off+len(s)+1, len(r.B))
	return s
}

// SkipPad passes over the LF_PADn bytes that align the entries of a list.
func (r *Reader) SkipPad() {
	for r.Off < len(r.B) && r.B[r.Off] >= 0xF0 {
		r.Off = min(r.Off+max(1, int(r.B[r.Off]&0x0F)), len(r.B))
	}
}
