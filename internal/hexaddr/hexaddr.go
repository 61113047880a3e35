// Package hexaddr writes addresses the way the Windows debuggers print them:
// eight lower-case hex digits, with a back quote between the halves of a
// 64-bit address. It sits below every other package so that one spelling
// reaches error texts and listings alike.
package hexaddr

import (
	"encoding/binary"
	"math/bits"
)

// Addr formats a as eight digits when it fits 32 bits and in the 64-bit form
// of [Wide] when it does not. It never returns the same text for two values.
func Addr(a uint64) string {
	if a>>32 == 0 {
		return string(Append(nil, a, 8))
	}
	return Wide(a)
}

// Wide formats a in the 64-bit form, 000006fb`37a60000, whatever its size.
func Wide(a uint64) string { return string(AppendWide(nil, a)) }

// AppendWide appends what [Wide] returns.
func AppendWide(dst []byte, a uint64) []byte {
	dst = append(Append(dst, a>>32, 8), '`')
	return Append(dst, a&0xffffffff, 8)
}

// Put8 writes n in eight digits to the start of dst, which has room for them.
func Put8(dst []byte, n uint32) { binary.BigEndian.PutUint64(dst, eight(uint64(n))) }

// Put4 is Put8 for four digits.
func Put4(dst []byte, n uint16) { binary.BigEndian.PutUint32(dst, uint32(eight(uint64(n)))) }

// Append appends n in lower-case hex, with zeros in front up to width digits, 1
// to 16.
func Append(dst []byte, n uint64, width int) []byte {
	if n < 16 && width == 1 {
		return append(dst, "0123456789abcdef"[n])
	}
	var digits [16]byte
	binary.BigEndian.PutUint64(digits[:8], eight(n>>32))
	binary.BigEndian.PutUint64(digits[8:], eight(n&0xffffffff))
	return append(dst, digits[16-max(width, (bits.Len64(n)+3)/4):]...)
}

// eight returns the digits of a 32-bit number, the first in the highest byte.
// All are made at once: listings have millions of them.
func eight(n uint64) uint64 {
	n = (n | n<<16) & 0x0000ffff0000ffff
	n = (n | n<<8) & 0x00ff00ff00ff00ff
	n = (n | n<<4) & 0x0f0f0f0f0f0f0f0f // a digit a byte
	letters := (n + 0x0606060606060606) >> 4 & 0x0101010101010101
	return n + 0x3030303030303030 + letters*('a'-'0'-10)
}
