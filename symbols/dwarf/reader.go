package dwarf

import "encoding/binary"

// reader takes values out of bytes, one behind the other. Behind the end all are
// zero and bad is set.
type reader struct {
	b   []byte
	pos int
	bad bool
}

func (r *reader) done() bool { return r.bad || r.pos >= len(r.b) }

// take returns the next n bytes.
func (r *reader) take(n uint64) []byte {
	if r.bad || n > uint64(len(r.b)-r.pos) {
		r.bad = true
		return nil
	}
	b := r.b[r.pos : r.pos+int(n)]
	r.pos += int(n)
	return b
}

func (r *reader) u8() uint8 {
	if r.pos < len(r.b) && !r.bad {
		r.pos++
		return r.b[r.pos-1]
	}
	r.bad = true
	return 0
}

// fixed reads an integer of 1, 2, 3, 4 or 8 bytes.
func (r *reader) fixed(size int) uint64 {
	b := r.take(uint64(size))
	switch {
	case len(b) == 8:
		return binary.LittleEndian.Uint64(b)
	case len(b) == 4:
		return uint64(binary.LittleEndian.Uint32(b))
	}
	var v uint64
	for i := len(b) - 1; i >= 0; i-- {
		v = v<<8 | uint64(b[i])
	}
	return v
}

func (r *reader) u16() uint16 { return uint16(r.fixed(2)) }

// uleb reads an unsigned integer of variable length (LEB128); bits behind the
// 64th are dropped.
func (r *reader) uleb() (v uint64) {
	for shift := uint(0); ; shift += 7 {
		b := r.u8()
		if v |= uint64(b&0x7f) << shift; b < 0x80 {
			return v
		}
	}
}

// sleb reads a signed one.
func (r *reader) sleb() int64 {
	var v int64
	for shift := uint(0); ; {
		b := r.u8()
		v |= int64(b&0x7f) << shift
		if shift += 7; b < 0x80 {
			if b&0x40 != 0 && shift < 64 {
				v |= -1 << shift
			}
			return v
		}
	}
}

// text returns the bytes up to the next zero, which is passed.
func (r *reader) text() []byte {
	for i := r.pos; i < len(r.b) && !r.bad; i++ {
		if r.b[i] == 0 {
			b := r.b[r.pos:i]
			r.pos = i + 1
			return b
		}
	}
	r.bad = true
	return nil
}

// length reads the length of a contribution to a section and whether its offsets
// have 8 bytes (the 64-bit format) rather than 4.
func (r *reader) length() (n uint64, offsetSize int) {
	const wide, reserved = 0xffffffff, 0xfffffff0
	n = r.fixed(4)
	if n == wide {
		return r.fixed(8), 8
	}
	r.bad = r.bad || n >= reserved
	return n, 4
}
