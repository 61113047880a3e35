package stack

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/symres/symres/internal/hexaddr"
	"github.com/symres/symres/symbols"
	"github.com/symres/symres/unwind"
)

// show sets a value of at most eight bytes, and its text by its type.
func (r *reader) show(out *Variable, t *symbols.ValueType, b []byte) {
	wide := make([]byte, 8)
	n := copy(wide, b)
	out.Known, out.Value = true, binary.LittleEndian.Uint64(wide)
	shift := 64 - 8*n
	signed := int64(out.Value<<shift) >> shift
	switch t.Form {
	case symbols.FormInt:
		out.Text = fmt.Sprintf("0n%d", signed)
	case symbols.FormBool:
		out.Text = map[uint64]string{0: "false", 1: "true"}[out.Value]
	case symbols.FormChar:
		if out.Text = fmt.Sprintf("0n%d", signed); out.Value >= ' ' && (n > 1 || out.Value < utf8.RuneSelf) {
			out.Text += " " + strconv.QuoteRune(rune(min(out.Value, unicode.MaxRune)))
		}
	case symbols.FormFloat:
		out.Text = floatText(out.Value, n)
	case symbols.FormPointer:
		out.Text = "0x" + string(r.addr(out.Value)) + r.pointee(t, out.Value)
	case symbols.FormEnum:
		name := ""
		if t.Constant != nil {
			name = t.Constant(out.Value)
		}
		if out.Text = fmt.Sprintf("%s (0n%d)", name, signed); name == "" {
			out.Text = fmt.Sprintf("0n%d (no constant has this value)", signed)
		}
	}
	if out.Text == "" {
		out.Text = fmt.Sprintf("%#x", out.Value)
	}
}

func floatText(bits uint64, size int) string {
	switch size {
	case 4:
		return strconv.FormatFloat(float64(math.Float32frombits(uint32(bits))), 'g', -1, 32)
	case 8:
		return strconv.FormatFloat(math.Float64frombits(bits), 'g', -1, 64)
	}
	return ""
}

// addr writes an address as kd does.
func (r *reader) addr(a uint64) []byte {
	if r.machine == unwind.X86 || r.machine == unwind.ARM {
		return hexaddr.Append(nil, a, 8)
	}
	return hexaddr.AppendWide(nil, a)
}

// pointee is the text a pointer leads to, behind a blank, or "".
func (r *reader) pointee(t *symbols.ValueType, addr uint64) string {
	if t.Elem != symbols.FormChar || addr == 0 {
		return ""
	}
	if s, ok := r.text(addr, int(t.ElemSize), maxText); ok {
		return " " + s
	}
	return ""
}

// aggregate shows what is in memory and has no value of its own: an array of
// characters by its text.
func (r *reader) aggregate(t *symbols.ValueType, addr uint64) string {
	if t.Form != symbols.FormArray || t.Elem != symbols.FormChar || t.ElemSize == 0 {
		return ""
	}
	s, _ := r.text(addr, int(t.ElemSize), int(min(t.Size/t.ElemSize, maxText)))
	return s
}

// maxText is how many characters of a text are shown.
const maxText = 64

// text reads a text of at most so many characters of 1, 2 or 4 bytes that ends
// with a 0. It is no text where a character does not print.
func (r *reader) text(addr uint64, size, most int) (string, bool) {
	if size != 1 && size != 2 && size != 4 {
		return "", false
	}
	b, weakest := make([]byte, most*size), r.weakest
	n, err := r.ReadMemory(b, addr)
	units, ended := characters(b[:n], size)
	s := decode(units, size)
	if !ended && err != nil || strings.ContainsFunc(s, unprintable) {
		r.weakest = weakest
		return "", false
	}
	if s = strconv.Quote(s); !ended && most == maxText {
		s += "..."
	}
	return s, true
}

// unprintable is of a character that no text has, or of bytes that are none.
func unprintable(c rune) bool {
	return c == utf8.RuneError || !unicode.IsPrint(c) && c != '\t' && c != '\r' && c != '\n'
}

// characters splits bytes into characters up to a 0, and says whether there is one.
func characters(b []byte, size int) (units []uint32, ended bool) {
	for ; len(b) >= size; b = b[size:] {
		u := uint32(b[0])
		switch size {
		case 2:
			u = uint32(binary.LittleEndian.Uint16(b))
		case 4:
			u = binary.LittleEndian.Uint32(b)
		}
		if u == 0 {
			return units, true
		}
		units = append(units, u)
	}
	return units, false
}

// decode makes text of characters. A character of several bytes may be cut off.
func decode(units []uint32, size int) string {
	if size == 2 {
		wide := make([]uint16, len(units))
		for i, u := range units {
			wide[i] = uint16(u)
		}
		return string(utf16.Decode(wide))
	}
	var b strings.Builder
	for _, u := range units {
		if size == 1 {
			b.WriteByte(byte(u))
		} else {
			b.WriteRune(rune(min(u, unicode.MaxRune)))
		}
	}
	s := b.String()
	if size == 1 && len(units) == maxText {
		for range utf8.UTFMax - 1 {
			if c, n := utf8.DecodeLastRuneInString(s); c == utf8.RuneError && n == 1 {
				s = s[:len(s)-1]
			}
		}
	}
	return s
}

// bytesText is a piece of a value as a number.
func bytesText(b []byte) string {
	if len(b) <= 8 {
		wide := make([]byte, 8)
		copy(wide, b)
		return fmt.Sprintf("%#x", binary.LittleEndian.Uint64(wide))
	}
	text := "0x"
	for i := len(b) - 1; i >= 0; i-- {
		text += fmt.Sprintf("%02x", b[i])
	}
	return text
}
