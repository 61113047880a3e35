// Package text makes what a target says safe to print: lines for a terminal and
// JSON. Most of it is printable ASCII, which is told eight bytes at a time.
package text

import (
	"encoding/binary"
	"slices"
)

// Text is a name as commands have it: a view of a file or a string.
type Text interface{ ~string | ~[]byte }

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// unprintable has a high bit set if one of the eight bytes of w is no printable
// ASCII: with it in the byte itself, in the sum only 0x7f reaches, or missing in
// the sum only those below 0x20 do not reach. A byte that carries into the next
// one has it itself.
func unprintable(w uint64) uint64 { return (w | (w + ones) | ^(w + 0x60*ones)) & highs }

// hasByte has a high bit set if one of the eight bytes of w is c.
func hasByte(w uint64, c byte) uint64 {
	w ^= uint64(c) * ones
	return (w - ones) &^ w & highs
}

// load8 returns the first eight bytes of s.
func load8[T Text](s T) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// IsPrintable reports whether all of s is printable ASCII.
func IsPrintable[T Text](s T) bool {
	odd := uint64(0)
	for ; len(s) >= 8; s = s[8:] {
		odd |= unprintable(load8(s))
	}
	for i := range len(s) {
		if s[i] < 0x20 || s[i] >= 0x7f {
			return false
		}
	}
	return odd == 0
}

// AppendPrintable appends s and reports whether all of it is printable ASCII:
// to look at it while it is copied takes as long as to copy it.
func AppendPrintable(b, s []byte) ([]byte, bool) {
	start := len(b)
	if len(s) < 8 {
		return append(b, s...), IsPrintable(s)
	}
	b = slices.Grow(b, len(s))[:start+len(s)]
	odd, to := uint64(0), b[start:]
	for i := 0; i < len(s)-8; i += 8 {
		w := binary.LittleEndian.Uint64(s[i:])
		odd |= unprintable(w)
		binary.LittleEndian.PutUint64(to[i:], w)
	}
	w := load8(s[len(s)-8:]) // some of it once more
	odd |= unprintable(w)
	binary.LittleEndian.PutUint64(to[len(s)-8:], w)
	return b, odd == 0
}

// IsBare reports whether s stands in JSON as it is.
func IsBare[T Text](s T) bool {
	odd := uint64(0)
	for ; len(s) >= 8; s = s[8:] {
		w := load8(s)
		odd |= unprintable(w) | hasByte(w, '"') | hasByte(w, '\\')
	}
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' {
			return false
		}
	}
	return odd == 0
}

// FinishRow makes one line safe to print that begins at start and goes to the
// end of b. Before plain there is nothing but printable ASCII.
func FinishRow(b []byte, start, plain int) []byte {
	for len(b) > start && b[len(b)-1] == ' ' {
		b = b[:len(b)-1]
	}
	if len(b)-start > MaxLine || !IsPrintable(b[min(plain, len(b)):]) {
		b = append(b[:start], EscapeLine(string(b[start:]))...)
	}
	return append(b, '\n')
}
