package kd

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/symres/symres/eval"
	"github.com/symres/symres/pdb"
)

// viewer shows the values of types in memory.
type viewer struct {
	s   *Session
	ctx context.Context
}

// Bounds of what is shown of one value.
const (
	maxText  = 256 // characters
	maxRows  = 1 << 14
	maxLevel = 16
)

// behind strips what is only another name of a type.
func behind(t pdb.Type) pdb.Type {
	for range 64 {
		switch t.Kind() {
		case pdb.TypeModifier, pdb.TypeAlias, pdb.TypeBitField:
			elem, err := t.Elem()
			if err != nil {
				return t
			}
			t = elem
			continue
		}
		break
	}
	return t
}

// number reads a number of up to eight bytes.
func (v viewer) number(addr uint64, size uint64) (uint64, error) {
	var b [8]byte
	if size == 0 || size > 8 {
		return 0, fmt.Errorf("%d bytes", size)
	}
	_, err := v.s.read(v.ctx, b[:size], addr)
	return binary.LittleEndian.Uint64(b[:]), err
}

// variable is a value as x shows it behind the =.
func (v viewer) variable(t pdb.Type, addr uint64) string {
	t = behind(t)
	size, _ := t.Size() // a type without one has no value
	switch {
	case t.Kind() == pdb.TypeArray:
		return v.array(t, addr)
	case t.Kind() == pdb.TypePointer:
		n, err := v.number(addr, size)
		if err != nil {
			return "???"
		}
		return "0x" + v.s.addr(n)
	case t.Kind() == pdb.TypeEnum:
		n, err := v.number(addr, size)
		if err != nil {
			return "???"
		}
		return enumText(t, n)
	case t.IsTag():
		return strings.TrimRight(typeWords(t)+" "+v.brief(t, addr), " ")
	}
	return v.scalar(t, addr, "0x%02x", "???")
}

// array is an array: its type, and the text of characters.
func (v viewer) array(t pdb.Type, addr uint64) string {
	elem, err := t.Elem()
	if err != nil {
		return "?"
	}
	n, _ := t.Len() // unknown is none
	size, _ := behind(elem).Size()
	text := fmt.Sprintf("%s [%d]", typeWords(elem), n)
	if strings.HasSuffix(typeWords(elem), "*") {
		text = fmt.Sprintf("%s[%d]", typeWords(elem), n)
	}
	if isChar(elem) {
		text += " " + v.text(addr, n, size)
	}
	return text
}

// isChar reports whether a type is that of characters.
func isChar(t pdb.Type) bool {
	t = behind(t)
	size, _ := t.Size()
	if t.Kind() != pdb.TypeBasic {
		return false
	}
	switch t.Basic() {
	case pdb.BasicChar, pdb.BasicUChar, pdb.BasicWChar:
		return true
	}
	return size == 1 && t.Basic() != pdb.BasicBool
}

// text is the text in an array, in quotation marks.
func (v viewer) text(addr, n, size uint64) string {
	b := make([]byte, min(n, maxText)*max(size, 1))
	got, err := v.s.read(v.ctx, b, addr)
	if err != nil && got == 0 {
		return `"--- memory read error at address 0x` + v.s.addr(addr) + ` ---"`
	}
	var out []byte
	for i := 0; i+int(size) <= got; i += int(size) {
		c := b[i]
		if size == 1 && (c >= 0x7f || c < 0x20 && c != 0) {
			out = append(out, "???"...) // where the debugger ends too
			break
		}
		if size == 2 && b[i+1] != 0 || c >= 0x7f || c < 0x20 && c != 0 {
			c = '?'
		}
		if c == 0 {
			break
		}
		out = append(out, c)
	}
	return `"` + string(out) + `"`
}

// brief is what is shown of some structures in one line.
func (v viewer) brief(t pdb.Type, addr uint64) string {
	word := uint64(v.s.bits() / 8)
	switch t.Name() {
	case "_LIST_ENTRY":
		a, errA := v.number(addr, word)
		b, errB := v.number(addr+word, word)
		if errA != nil || errB != nil {
			return ""
		}
		return "[ 0x" + eval.Hex(a) + " - 0x" + eval.Hex(b) + " ]"
	case "_LARGE_INTEGER", "_ULARGE_INTEGER":
		n, err := v.number(addr, 8)
		if err != nil {
			return ""
		}
		return "0x" + eval.Hex(n)
	case "_UNICODE_STRING", "_STRING":
		return v.counted(t, addr)
	}
	return ""
}

// counted is the text of a counted string.
func (v viewer) counted(t pdb.Type, addr uint64) string {
	length, err := v.number(addr, 2)
	at, err2 := v.number(addr+uint64(v.s.bits()/8), uint64(v.s.bits()/8))
	if err != nil || err2 != nil {
		return ""
	}
	if length == 0 {
		return `""`
	}
	if t.Name() == "_STRING" {
		return v.text(at, length, 1)
	}
	return v.text(at, length/2, 2)
}

// scalar is a number. char is the format of the number of a character.
func (v viewer) scalar(t pdb.Type, addr uint64, char, missing string) string {
	size, _ := t.Size()
	n, err := v.number(addr, size)
	if err != nil {
		return missing
	}
	return basicText(t, n, size, char)
}

func basicText(t pdb.Type, n, size uint64, char string) string {
	signed := int64(n<<(64-8*size)) >> (64 - 8*size)
	switch {
	case t.Basic() == pdb.BasicFloat && size == 4:
		return strconv.FormatFloat(float64(math.Float32frombits(uint32(n))), 'g', 6, 32)
	case t.Basic() == pdb.BasicFloat:
		return strconv.FormatFloat(math.Float64frombits(n), 'g', 6, 64)
	case t.Basic() == pdb.BasicBool:
		return strconv.FormatBool(n != 0)
	case isChar(t) && (t.Basic() == pdb.BasicInt || t.Basic() == pdb.BasicChar):
		return fmt.Sprintf("%d %s", signed, character(n))
	case isChar(t) && n == 0 && char == "0x%x":
		return "0 ''"
	case isChar(t):
		return fmt.Sprintf(char+" %s", n, character(n))
	case t.Basic() == pdb.BasicInt || t.Basic() == pdb.BasicHResult:
		if signed >= 0 && signed < 10 {
			return strconv.FormatInt(signed, 10)
		}
		return "0n" + strconv.FormatInt(signed, 10)
	}
	return unsigned(n)
}

// unsigned is a number as the debugger has it: in hex but for one digit.
func unsigned(n uint64) string {
	if n < 10 {
		return strconv.FormatUint(n, 10)
	}
	return "0x" + eval.Hex(n)
}

func character(n uint64) string {
	if n < 0x20 || n > 0x7e {
		return "''"
	}
	return "'" + string(rune(n)) + "'"
}

// enumText is the name of a value.
func enumText(t pdb.Type, n uint64) string {
	for m, err := range t.Members() {
		if err != nil {
			break
		}
		if value, ok := m.Value.Int64(); ok && m.Kind == pdb.MemberEnumerator && uint32(value) == uint32(n) {
			return fmt.Sprintf("%s (0n%d)", m.Name(), int32(n))
		}
	}
	return fmt.Sprintf("0n%d (No matching enumerant)", int32(n))
}
