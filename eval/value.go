package eval

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/symres/symres/pdb"
)

// Value is the value of an expression.
type Value struct {
	// Uint is the value: of MASM, and of integers and pointers in C++, as 64 bits,
	// extended by the sign of their type. For structures and arrays it is 0.
	Uint uint64

	typ   ctype
	float float64
	// addr is where a value stands in memory, if it does.
	addr   uint64
	stands bool
	cpp    bool
}

// masmValue is a number without a type of its own.
func masmValue(u uint64) Value { return Value{Uint: u, typ: mustBuiltin("unsigned int64")} }

// Type returns the type of the value as the debugger spells it.
func (v Value) Type() string { return v.typ.String() }

// Address returns the address at which the value stands in memory. The bool is
// false for a value that was computed.
func (v Value) Address() (uint64, bool) { return v.addr, v.stands }

// Struct returns the structure that the value is, or that it points to, with its
// address. The bool is false for other values.
func (v Value) Struct() (pdb.Type, uint64, bool) {
	if v.typ.kind == typeStruct {
		return v.typ.def, v.addr, true
	}
	if v.typ.kind == typePointer {
		if t, err := v.typ.element(); err == nil && t.kind == typeStruct {
			return t.def, v.Uint, true
		}
	}
	return pdb.Type{}, 0, false
}

// Text returns the address of the text that the value points to or is, and the size of a
// character in bytes. The bool is false for other values.
func (v Value) Text() (addr, size uint64, ok bool) {
	if v.typ.kind != typePointer {
		return 0, 0, false
	}
	t, err := v.typ.element()
	return v.Uint, t.size, err == nil && t.char
}

// integer is the value as MASM takes it.
func (v Value) integer(env *Env) uint64 {
	switch v.typ.kind {
	case typeFloat:
		return floatBits(v.float)
	case typePointer:
		return env.extend(v.Uint)
	case typeArray, typeFunction:
		return env.extend(v.addr)
	}
	return v.Uint
}

// floatBits is the whole part of a number, as far as 64 bits have it.
func floatBits(f float64) uint64 {
	switch {
	case math.IsNaN(f) || f >= math.MaxUint64 || f <= math.MinInt64:
		return 1 << 63
	case f < 0:
		return uint64(int64(f))
	}
	return uint64(f)
}

// Line returns the value as the first line of `??` shows it: `int 0n5`, `struct
// _LIST_ENTRY * 0x804da000`. Of structures it is the type alone.
func (v Value) Line(bits int) string {
	t := v.typ
	name := t.String()
	switch t.kind {
	case typeStruct:
		return name
	case typePointer:
		return name + " " + formatPointer(v.Uint, bits)
	case typeArray, typeFunction:
		return name + " " + formatPointer(v.addr, bits)
	case typeEnum:
		return name + " " + v.enumerator()
	case typeBool:
		return name + " " + strconv.FormatBool(v.Uint != 0)
	case typeFloat:
		return name + " " + formatFloat(v.float, map[bool]int{true: 10, false: 20}[t.size == 4])
	case typeVoid:
		return name
	}
	return name + " " + v.number()
}

func (v Value) number() string {
	t := v.typ
	switch {
	case t.char && t.name == "wchar_t":
		return fmt.Sprintf("0x%x %s", v.Uint, quotedChar(v.Uint))
	case t.char && t.kind == typeUint:
		return fmt.Sprintf("0x%02x %s", v.Uint, quotedChar(v.Uint))
	case t.char:
		return fmt.Sprintf("0n%d %s", int64(v.Uint), quotedChar(v.Uint))
	case t.kind == typeInt:
		return fmt.Sprintf("0n%d", int64(v.Uint))
	case v.Uint < 10:
		return strconv.FormatUint(v.Uint, 10)
	case v.Uint > math.MaxUint32:
		return "0x" + Hex(v.Uint)
	}
	return fmt.Sprintf("0x%x", v.Uint)
}

// quotedChar is a character as it is shown; those that are no graphics are not.
func quotedChar(c uint64) string {
	if c < 0x20 || c > 0x7e {
		return "''"
	}
	return "'" + string(rune(c)) + "'"
}

// enumerator names the value of an enumeration.
func (v Value) enumerator() string {
	for m, err := range v.typ.def.Members() {
		if err != nil {
			break
		}
		if n, ok := m.Value.Int64(); ok && m.Kind == pdb.MemberEnumerator && uint64(n) == v.Uint {
			return fmt.Sprintf("%s (0n%d)", m.Name(), int64(v.Uint))
		}
	}
	return fmt.Sprintf("0n%d (No matching enumerant)", int64(v.Uint))
}

func formatPointer(v uint64, bits int) string {
	if bits == 32 {
		return fmt.Sprintf("0x%08x", uint32(v))
	}
	return "0x" + fmt.Sprintf("%08x`%08x", v>>32, uint32(v))
}

// Hex spells a number in hex, with a back-tick where it has more than eight digits.
func Hex(v uint64) string {
	if v>>32 == 0 {
		return strconv.FormatUint(v, 16)
	}
	return fmt.Sprintf("%x`%08x", v>>32, uint32(v))
}

// formatFloat is %.*g with an exponent of three digits, as Microsoft's C runtime
// of that time wrote it.
func formatFloat(f float64, digits int) string {
	switch {
	case math.IsNaN(f) && math.Signbit(f):
		return "-1.#IND"
	case math.IsNaN(f):
		return "1.#QNAN"
	case math.IsInf(f, 1):
		return "1.#INF"
	case math.IsInf(f, -1):
		return "-1.#INF"
	}
	text := fmt.Sprintf("%.*g", digits, rounded(f, digits))
	mantissa, exponent, ok := strings.Cut(text, "e")
	if ok && len(exponent) == 3 {
		exponent = exponent[:1] + "0" + exponent[1:]
	}
	if !ok {
		return text
	}
	return mantissa + "e" + exponent
}

// rounded rounds a number that lies halfway between two of so many digits away from zero, as
// that runtime does: it begins with 17 digits.
func rounded(f float64, digits int) float64 {
	if digits >= 17 {
		return f
	}
	text := strconv.FormatFloat(math.Abs(f), 'e', 16, 64)
	mantissa, exponent, _ := strings.Cut(text, "e")
	if tail := mantissa[digits+1:]; strings.TrimRight(tail, "0") != "5" {
		return f
	}
	up, err := strconv.ParseFloat(mantissa[:digits+1]+"6e"+exponent, 64)
	if err != nil {
		return f
	}
	return math.Copysign(up, f)
}

var errNotInteger = errors.New("the value is no number")

// Int returns an integer or pointer as an address or number. The error says that
// the value is a structure.
func (v Value) Int(env *Env) (uint64, error) {
	if v.typ.kind == typeStruct {
		return 0, errNotInteger
	}
	return v.integer(env), nil
}
