package vadmath

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/symres/symres/internal/hexaddr"
)

// ErrSyntax is wrapped by errors about text that a debugger neither prints nor
// accepts.
var ErrSyntax = errors.New("syntax error")

// FormatAddr prints an address the way kd does: fe0c8000 on a 32-bit target,
// 000006fb`37a60000 on a 64-bit one. bits is the width of the target's
// pointers, 32 or 64; with any other value the address itself decides. The
// sign-extended form of a 32-bit address loses its upper half; an address that
// does not fit 32 bits is printed in full whatever bits says.
func FormatAddr(addr uint64, bits int) string { return string(AppendAddr(nil, addr, bits)) }

// AppendAddr appends what [FormatAddr] prints.
func AppendAddr(dst []byte, addr uint64, bits int) []byte {
	high, low := uint32(addr>>32), uint32(addr)
	extended := high == 0xffffffff && low>>31 == 1
	if (high == 0 && bits != 64) || (extended && bits == 32) {
		return hexaddr.Append(dst, uint64(low), 8)
	}
	return hexaddr.AppendWide(dst, addr)
}

// ParseAddr reads a number the way it is typed at a debugger prompt: hex by
// default, with an optional 0x or a trailing h, and with a backtick before the
// low eight digits of a 64-bit number. The other MASM prefixes are 0n
// (decimal), 0t (octal) and 0y (binary), in either letter case. Nothing is sign-extended.
// The error wraps [ErrSyntax], or [ErrOverflow] for a number over 64 bits.
func ParseAddr(s string) (uint64, error) {
	digits, radix := splitRadix(strings.Trim(s, " \t\r\n"))
	if high, low, ok := strings.Cut(digits, "`"); ok {
		if radix != 16 || high == "" || len(low) != 8 {
			return 0, fmt.Errorf("address %q: %w: want eight hex digits after the backtick", s, ErrSyntax)
		}
		digits = high + low
	}
	if strings.ContainsAny(digits, "+-_") {
		return 0, fmt.Errorf("address %q: %w", s, ErrSyntax)
	}
	v, err := strconv.ParseUint(digits, radix, 64)
	if errors.Is(err, strconv.ErrRange) {
		return 0, fmt.Errorf("address %q: %w", s, ErrOverflow)
	}
	if err != nil {
		return 0, fmt.Errorf("address %q: %w", s, ErrSyntax)
	}
	return v, nil
}

// splitRadix removes the MASM radix marks. None of the marking letters is a
// hex digit, so a mark is never mistaken for part of a number.
func splitRadix(s string) (digits string, radix int) {
	if len(s) > 1 && s[0] == '0' {
		switch s[1] | 0x20 {
		case 'x':
			return s[2:], 16
		case 'n':
			return s[2:], 10
		case 't':
			return s[2:], 8
		case 'y':
			return s[2:], 2
		}
	}
	if n := len(s); n > 1 && s[n-1]|0x20 == 'h' {
		return s[:n-1], 16
	}
	return s, 16
}
