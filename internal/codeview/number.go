package codeview

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
)

// Number is a value of a numeric leaf: the value of a constant or of an
// enumerator. It is a small immutable value, safe for concurrent use.
type Number struct {
	lo, hi uint64 // two's complement, sign-extended
	form   numberForm
}

type numberForm uint8

const (
	numUnsigned numberForm = iota
	numSigned
	numFloat // lo holds the bits of a float64
	numOther // a form without a value here: complex, decimal, text
)

// Int64 returns the value as an int64; ok is false when it is no integer or
// does not fit.
func (n Number) Int64() (v int64, ok bool) {
	switch {
	case n.form == numSigned && n.hi == uint64(int64(n.lo)>>63):
		return int64(n.lo), true
	case n.form <= numSigned && n.hi == 0 && n.lo <= math.MaxInt64:
		return int64(n.lo), true
	}
	return 0, false
}

// Uint64 returns the value as a uint64; ok is false when it is no integer,
// negative, or does not fit.
func (n Number) Uint64() (v uint64, ok bool) {
	if n.form > numSigned || n.hi != 0 {
		return 0, false
	}
	return n.lo, true
}

// Float64 returns the value of a floating-point number.
func (n Number) Float64() (v float64, ok bool) {
	return math.Float64frombits(n.lo), n.form == numFloat
}

// String returns the value in decimal, "?" for the forms no compiler is known
// to write (complex, decimal, text).
func (n Number) String() string {
	switch n.form {
	case numFloat:
		return strconv.FormatFloat(math.Float64frombits(n.lo), 'g', -1, 64)
	case numOther:
		return "?"
	}
	if v, ok := n.Int64(); ok {
		return strconv.FormatInt(v, 10)
	}
	v := new(big.Int).SetUint64(n.hi)
	if n.form == numSigned {
		v.SetInt64(int64(n.hi))
	}
	return fmt.Sprint(v.Lsh(v, 64).Add(v, new(big.Int).SetUint64(n.lo)))
}

// Unsigned is the number of an unsigned integer.
func Unsigned(v uint64) Number { return Number{lo: v} }

func signed(v int64) Number { return Number{lo: uint64(v), hi: uint64(v >> 63), form: numSigned} }

// Number reads a numeric leaf (cvinfo.h: LF_NUMERIC and after). What is less
// than 0x8000 is the value itself.
func (r *Reader) Number() Number {
	switch l := r.U16(); l {
	case 0x8000:
		return signed(int64(int8(r.U8())))
	case 0x8001:
		return signed(int64(int16(r.U16())))
	case 0x8002:
		return Number{lo: uint64(r.U16())}
	case 0x8003:
		return signed(int64(int32(r.U32())))
	case 0x8004:
		return Number{lo: uint64(r.U32())}
	case 0x8009:
		return signed(int64(r.u64()))
	case 0x800A:
		return Number{lo: r.u64()}
	case 0x8017, 0x8018:
		return Number{lo: r.u64(), hi: r.u64(), form: numberForm(0x8018 - l)}
	case 0x8005:
		return Number{lo: math.Float64bits(float64(math.Float32frombits(r.U32()))), form: numFloat}
	case 0x8006:
		return Number{lo: r.u64(), form: numFloat}
	default:
		if l < 0x8000 {
			return Number{lo: uint64(l)}
		}
		r.skipNumber(l)
		return Number{form: numOther}
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
	v, ok := r.Number().Uint64()
	if !ok {
		r.Short = true
	}
	return v
}

// Widen returns the number its lowest 64-shift bits are. One that does not fit in
// them, and what is no integer, stays as it is.
func (n Number) Widen(shift uint64, negative bool) Number {
	top := int64(n.lo<<shift) >> shift // as a signed one
	fits := n.hi == 0 && n.lo<<shift>>shift == n.lo || n.hi == uint64(top>>63) && uint64(top) == n.lo
	switch {
	case n.form > numSigned || !fits:
		return n
	case negative:
		return signed(top)
	}
	return Number{lo: n.lo << shift >> shift}
}
