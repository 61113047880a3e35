package codeview

import "math"

// Number is a value of a numeric leaf: the value of a constant or of an
// enumerator. It is a small immutable value, safe for concurrent use.
type Number struct {
	Lo, Hi uint64 // two's complement, sign-extended
	Form   NumberForm
}

// NumberForm is the form of a [Number].
type NumberForm uint8

// Forms of numbers.
const (
	NumUnsigned NumberForm = iota
	NumSigned
	NumFloat // Lo holds the bits of a float64
	NumOther // a form without a value here: complex, decimal, text
)

// Signed is the number of a signed integer.
func Signed(v int64) Number { return Number{Lo: uint64(v), Hi: uint64(v >> 63), Form: NumSigned} }

// Number reads a numeric leaf (cvinfo.h: LF_NUMERIC and after). What is less
// than 0x8000 is the value itself.
func (r *Reader) Number() Number {
	switch l := r.U16(); l {
	case 0x8000:
		return Signed(int64(int8(r.U8())))
	case 0x8001:
		return Signed(int64(int16(r.U16())))
	case 0x8002:
		return Number{Lo: uint64(r.U16())}
	case 0x8003:
		return Signed(int64(int32(r.U32())))
	case 0x8004:
		return Number{Lo: uint64(r.U32())}
	case 0x8009:
		return Signed(int64(r.u64()))
	case 0x800A:
		return Number{Lo: r.u64()}
	case 0x8017, 0x8018:
		return Number{Lo: r.u64(), Hi: r.u64(), Form: NumberForm(0x8018 - l)}
	case 0x8005:
		return Number{Lo: math.Float64bits(float64(math.Float32frombits(r.U32()))), Form: NumFloat}
	case 0x8006:
		return Number{Lo: r.u64(), Form: NumFloat}
	default:
		if l < 0x8000 {
			return Number{Lo: uint64(l)}
		}
		r.skipNumber(l)
		return Number{Form: NumOther}
	}
}

// skipNumber passes over the forms that have no value here.
func (r *Reader) skipNumber(l uint16) {
	switch l {
	case 0x801C: // half
		r.take(2)
	case 0x800B: // real48
		r.take(6)
	case 0x800C, 0x801A: // two floats, date
		r.take(8)
	case 0x8007: // real80
		r.take(10)
	case 0x8008, 0x800D, 0x8019: // real128, two doubles, decimal
		r.take(16)
	case 0x800E:
		r.take(20)
	case 0x800F:
		r.take(32)
	case 0x8010: // text after its length
		r.take(int(r.U16()))
	case 0x801B: // text before a NUL
		st := r.st
		r.st = false
		r.Name()
		r.st = st
	default:
		r.Short = true // of unknown length: what follows cannot be read
	}
}

// Size reads a numeric leaf that is a size or an offset. A negative one, or
// one that does not fit, is damage.
func (r *Reader) Size() uint64 {
	n := r.Number()
	if n.Form > NumSigned || n.Hi != 0 {
		r.Short = true
	}
	return n.Lo
}
