package pdb

import "encoding/binary"

// leafReader reads the fields of a type record, or of a field list entry by
// entry, front to back. A read past the end gives zero and sets short, which
// the caller looks at once. It belongs to one goroutine.
type leafReader struct {
	b      []byte
	off    int
	narrow bool // type indices have 16 bits
	st     bool // names have a length byte before them
	short  bool
}

// begin reads a leaf and takes over the forms it implies. It returns the
// current leaf of older ones.
func (r *leafReader) begin() Leaf {
	l := Leaf(r.u16())
	r.narrow, r.st = l <= lastNarrow, l <= lastST
	return l.modern()
}

// take returns the next n bytes, nil when they are not there.
func (r *leafReader) take(n int) []byte {
	if n > len(r.b)-r.off {
		r.short = true
	}
	if r.short {
		return nil
	}
	r.off += n
	return r.b[r.off-n : r.off : r.off]
}

func (r *leafReader) u8() uint8 {
	if p := r.take(1); p != nil {
		return p[0]
	}
	return 0
}

func (r *leafReader) u16() uint16 {
	if p := r.take(2); p != nil {
		return binary.LittleEndian.Uint16(p)
	}
	return 0
}

func (r *leafReader) u32() uint32 {
	if p := r.take(4); p != nil {
		return binary.LittleEndian.Uint32(p)
	}
	return 0
}

func (r *leafReader) u64() uint64 {
	if p := r.take(8); p != nil {
		return binary.LittleEndian.Uint64(p)
	}
	return 0
}

// ti reads a type index.
func (r *leafReader) ti() uint32 {
	if r.narrow {
		return uint32(r.u16())
	}
	return r.u32()
}

// paddedTI reads a type index that has two bytes of padding before it in the
// forms with 32-bit indices.
func (r *leafReader) paddedTI() uint32 {
	if !r.narrow {
		r.u16()
	}
	return r.ti()
}

// attrTI reads attributes and a type index, whose order is that of the form.
func (r *leafReader) attrTI() (attr uint16, ti uint32) {
	if r.narrow {
		ti = r.ti()
		return r.u16(), ti
	}
	return r.u16(), r.u32()
}

// tiAttr reads a type index and attributes, whose order is that of the form:
// in the records of types it is the other way round than in field lists.
func (r *leafReader) tiAttr() (ti uint32, attr uint16) {
	if r.narrow {
		attr = r.u16()
		return r.ti(), attr
	}
	return r.ti(), r.u16()
}

// name reads a name. One without its NUL ends with the record.
func (r *leafReader) name() []byte {
	if r.short {
		return nil
	}
	if r.st {
		return r.take(int(r.u8()))
	}
	s := untilNUL(r.b[r.off:])
	r.off = min(r.off+len(s)+1, len(r.b))
	return s
}

// skipPad passes over the LF_PADn bytes that align the entries of a list.
func (r *leafReader) skipPad() {
	for r.off < len(r.b) && r.b[r.off] >= 0xF0 {
		r.off = min(r.off+max(1, int(r.b[r.off]&0x0F)), len(r.b))
	}
}
