package eval

import "strings"

// number is a literal.
type number struct {
	value  uint64
	ticked bool // a back-tick stands in it
}

// radixOf splits the prefix off a number.
func radixOf(text string) (radix int, digits string) {
	if len(text) >= 2 && text[0] == '0' {
		switch text[1] {
		case 'x', 'X':
			return 16, text[2:]
		case 'n', 'N':
			return 10, text[2:]
		case 't', 'T':
			return 8, text[2:]
		case 'y', 'Y':
			return 2, text[2:]
		}
	}
	return 0, text
}

// parseNumber reads a literal, which is the whole of a text. overflow says that it is one, but
// larger than 64 bits; that of a hexadecimal one is cut off.
func parseNumber(text string, radix int) (n number, overflow, ok bool) {
	prefix, digits := radixOf(text)
	if prefix != 0 {
		return digitsOf(digits, prefix)
	}
	if len(text) > 2 && strings.HasSuffix(strings.ToLower(text), "h") {
		if n, _, ok := digitsOf(text[:len(text)-1], 16); ok {
			return n, false, true
		}
	}
	if text == "" || text[0] == '`' {
		return number{}, false, false
	}
	return digitsOf(text, radix)
}

func digitsOf(digits string, radix int) (n number, overflow, ok bool) {
	for i := range len(digits) {
		if digits[i] == '`' && radix == 16 {
			n.ticked = true
			continue
		}
		d := digit(digits[i])
		if d >= radix {
			return number{}, false, false
		}
		next := n.value*uint64(radix) + uint64(d)
		if radix != 16 && (next < n.value || next == n.value && next != 0) {
			overflow = true
		}
		n.value = next
	}
	return n, overflow, true
}

// digit is the value of a digit, or more than any has.
func digit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return 255
}

// literal extends a number by its sign where the debugger does.
func (n number) literal(kernel bool) uint64 {
	if kernel && !n.ticked && n.value>>31 == 1 {
		return uint64(int64(int32(uint32(n.value))))
	}
	return n.value
}
