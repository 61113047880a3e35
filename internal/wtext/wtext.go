// Package wtext turns the text of Windows structures into Go strings that are
// safe to print.
//
// Such text comes from a target nobody vouches for. Whatever could move a
// terminal's cursor, end a log line or reorder what is shown becomes U+FFFD;
// nothing else changes, so names still compare as they should.
package wtext

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
)

// FromUTF16 decodes little-endian UTF-16 up to the first NUL or the end of b.
// An odd last byte is ignored and a lone surrogate becomes U+FFFD.
func FromUTF16(b []byte) string {
	units := make([]uint16, 0, len(b)/2)
	for ; len(b) >= 2; b = b[2:] {
		u := binary.LittleEndian.Uint16(b)
		if u == 0 {
			break
		}
		units = append(units, u)
	}
	return Clean(string(utf16.Decode(units)))
}

// FromBytes takes 8-bit text up to the first NUL or the end of b. Bytes that
// are not ASCII become U+FFFD: their code page is not recorded.
func FromBytes(b []byte) string {
	if n := bytes.IndexByte(b, 0); n >= 0 {
		b = b[:n]
	}
	r := make([]rune, len(b))
	for i, c := range b {
		r[i] = rune(c)
		if c >= 0x80 {
			r[i] = unicode.ReplacementChar
		}
	}
	return Clean(string(r))
}

// Clean replaces every character of s that cannot be shown in place.
func Clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r == ' ' || unicode.IsGraphic(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}

// Printable returns text from untrusted data in a form that cannot drive a
// terminal: unchanged when every rune prints, else escaped by the rules of %q,
// with backslashes left as they are because paths are full of them.
func Printable(s string) string {
	for _, r := range s {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			quoted := strconv.Quote(s)
			return strings.ReplaceAll(quoted[1:len(quoted)-1], `\\`, `\`)
		}
	}
	return s
}
