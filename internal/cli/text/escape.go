package text

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// MaxLine is the number of bytes of a line of text before it is cut.
const MaxLine = 4 << 10

const maxMarks = 4 // combining marks in a row that are shown

// EscapeLine makes one line of text safe for a terminal, whoever wrote what is
// in it: nothing moves the cursor, ends the line, changes the order of what is
// shown or buries the line above it. Bytes and control characters become \x1b,
// other characters that do not print \u{202e}. Backslashes stay as they are,
// so the form is not meant to be read back; --json is.
func EscapeLine(s string) string {
	if isPlain(s) {
		return s
	}
	var b strings.Builder
	marks := 0
	for i := 0; i < len(s); {
		if b.Len() >= MaxLine {
			fmt.Fprintf(&b, "…(+%d bytes)", len(s)-i)
			break
		}
		if IsPrintable(s[i : i+1]) {
			b.WriteByte(s[i])
			marks, i = 0, i+1
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if marks = nextMarks(marks, r); marks <= maxMarks {
			writeRune(&b, r, s[i:i+n])
		}
		i += n
	}
	return b.String()
}

// isPlain is the quick answer for what needs no work at all.
func isPlain[T Text](s T) bool { return len(s) <= MaxLine && IsPrintable(s) }

func nextMarks(marks int, r rune) int {
	if unicode.Is(unicode.M, r) {
		return marks + 1
	}
	return 0
}

// writeRune writes r, which was decoded from raw.
func writeRune(b *strings.Builder, r rune, raw string) {
	switch {
	case r == utf8.RuneError && len(raw) == 1:
		fmt.Fprintf(b, `\x%02x`, raw[0])
	case unicode.IsPrint(r):
		b.WriteString(raw)
	case r < 0xa0:
		fmt.Fprintf(b, `\x%02x`, r)
	default:
		fmt.Fprintf(b, `\u{%x}`, r)
	}
}

// EscapeJSON escapes the characters of encoded JSON that a terminal could act
// on. They can only stand inside strings, and the value stays the same.
func EscapeJSON(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		switch {
		case r == '\n' || unicode.IsPrint(r):
			out = append(out, b[:n]...)
		case r > 0xffff:
			hi, lo := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, hi, lo)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		b = b[n:]
	}
	return out
}
