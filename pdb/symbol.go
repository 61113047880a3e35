package pdb

import (
	"bytes"
	"fmt"
	"math"
	"math/big"
	"strconv"

	"github.com/symres/symres/internal/codeview"
)

// Flags of a public symbol. Linkers other than Microsoft's set few of them.
const (
	PublicCode     = 1
	PublicFunction = 2
	PublicManaged  = 4
	PublicMSIL     = 8
)

// Flags of a procedure (CV_PROCFLAGS in cvinfo.h).
const (
	ProcNoFPO        = 0x01
	ProcInterrupt    = 0x02
	ProcFarReturn    = 0x04
	ProcNoReturn     = 0x08
	ProcUnreachable  = 0x10
	ProcCustomCall   = 0x20
	ProcNoInline     = 0x40
	ProcOptDebugInfo = 0x80
)

// Symbol is a symbol record. It is a small value whose name is a view of the
// file: it stays valid until the File is closed. A Symbol that is kept longer
// is cloned. A Symbol may be read by several goroutines at once.
type Symbol struct {
	Kind    Kind
	Segment uint16 // 1-based section number; 0 or past the last section: absolute
	Offset  uint32 // in the segment; the value of an absolute symbol
	Flags   uint32 // of a public PublicCode and so on, of a procedure ProcNoReturn and so on, of sections and COFF groups their characteristics, of a thunk its kind
	RVA     uint32 // valid if HasRVA
	Size    uint32 // bytes; 0 where it is not known or, for a public or a variable, not asked for
	Type    uint32 // type index, 0 where there is none; of the kinds named ID the index of a function id
	// Displacement is how far behind the start of the symbol the address is
	// that was asked for. Only [File.Nearest] and its kind fill it in. It is
	// RVA asked for minus RVA, except in an image that was rearranged after
	// linking. In a cold part (KindSepCode) it counts from the start of the
	// function, which may lie behind it: a negative number then, in 32 bits.
	Displacement uint32
	ref          uint32 // of a reference or a cold part: offset of the record in the stream of the module
	Module       uint16 // number of the module in the order of File.Modules, counted from 1; 0: none
	HasRVA       bool   // false for what has no address and for absolute symbols
	Absolute     bool   // it lies in no section of the image: Offset is a value and no place
	Inferred     bool   // Size is not in the record but what the symbol can reach at most
	Beyond       bool   // of a cold part of a function, as File.Nearest answers with it: the address is behind the part
	InFunction   bool   // the record lies in that of a function: a static variable, a block, a label. Module.Symbols and File.Nearest fill it in
	Value        Number // of a constant; the ordinal of an export
	name         []byte
}

// Name returns the name as the linker saw it, decorated.
func (s Symbol) Name() string { return string(s.name) }

// NameBytes returns the name as a view that must not be changed and is valid
// until the File is closed.
func (s Symbol) NameBytes() []byte { return s.name }

// Clone returns a Symbol that does not depend on the File.
func (s Symbol) Clone() Symbol {
	s.name = bytes.Clone(s.name)
	return s
}

// String returns segment, offset and name, such as "0001:00000310 _main".
func (s Symbol) String() string {
	b, _ := s.AppendText(nil)
	return string(b)
}

// AppendText appends what String returns. It implements
// [encoding.TextAppender] and never fails.
func (s Symbol) AppendText(b []byte) ([]byte, error) {
	b = appendHex(b, uint32(s.Segment), 4)
	b = append(b, ':')
	b = appendHex(b, s.Offset, 8)
	b = append(b, ' ')
	return append(b, s.name...), nil
}

// appendHex appends the last digits of v.
func appendHex(b []byte, v uint32, digits int) []byte {
	const hex = "0123456789abcdef"
	for i := digits - 1; i >= 0; i-- {
		b = append(b, hex[v>>(4*i)&15])
	}
	return b
}

// pubHead is the length of S_PUB32 up to its name: u32 flags, u32 offset, u16 segment.
const pubHead = 14

// Number is the value of a constant or of an enumerator. It is a small immutable
// value, safe for concurrent use.
type Number struct{ n codeview.Number }

// Int64 returns the value as an int64; ok is false when it is no integer or
// does not fit.
func (n Number) Int64() (v int64, ok bool) {
	switch {
	case n.n.Form == codeview.NumSigned && n.n.Hi == uint64(int64(n.n.Lo)>>63):
		return int64(n.n.Lo), true
	case n.n.Form <= codeview.NumSigned && n.n.Hi == 0 && n.n.Lo <= math.MaxInt64:
		return int64(n.n.Lo), true
	}
	return 0, false
}

// Uint64 returns the value as a uint64; ok is false when it is no integer,
// negative, or does not fit.
func (n Number) Uint64() (v uint64, ok bool) {
	if n.n.Form > codeview.NumSigned || n.n.Hi != 0 {
		return 0, false
	}
	return n.n.Lo, true
}

// Float64 returns the value of a floating-point number.
func (n Number) Float64() (v float64, ok bool) {
	return math.Float64frombits(n.n.Lo), n.n.Form == codeview.NumFloat
}

// String returns the value in decimal, "?" for the forms no compiler is known
// to write (complex, decimal, text).
func (n Number) String() string {
	switch n.n.Form {
	case codeview.NumFloat:
		return strconv.FormatFloat(math.Float64frombits(n.n.Lo), 'g', -1, 64)
	case codeview.NumOther:
		return "?"
	}
	if v, ok := n.Int64(); ok {
		return strconv.FormatInt(v, 10)
	}
	v := new(big.Int).SetUint64(n.n.Hi)
	if n.n.Form == codeview.NumSigned {
		v.SetInt64(int64(n.n.Hi))
	}
	return fmt.Sprint(v.Lsh(v, 64).Add(v, new(big.Int).SetUint64(n.n.Lo)))
}

// widen returns the number its lowest 64-shift bits are. One that does not fit in
// them, and what is no integer, stays as it is.
func (n Number) widen(shift uint64, negative bool) Number {
	top := int64(n.n.Lo<<shift) >> shift // as a signed one
	fits := n.n.Hi == 0 && n.n.Lo<<shift>>shift == n.n.Lo || n.n.Hi == uint64(top>>63) && uint64(top) == n.n.Lo
	switch {
	case n.n.Form > codeview.NumSigned || !fits:
		return n
	case negative:
		return Number{codeview.Signed(top)}
	}
	return Number{codeview.Number{Lo: n.n.Lo << shift >> shift}}
}
