package undname

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// stringLiteral writes what Microsoft shows, which is never the text, or for
// LLVM the text as far as the name has it.
func (w *printer) stringLiteral(n *node) {
	if w.llvm() {
		w.literalText(n)
		return
	}
	if w.nameOnly() && n.flags == 1 {
		// dbghelp takes the section for a scope and two missing parts of it.
		end := int32(len(w.p.s)) - 1
		w.str(" ?? ::")
		w.str(w.p.s[n.b+1 : end])
		w.str("::")
	}
	w.str("`string'")
}

// literalText writes the text between quotes.
func (w *printer) literalText(n *node) {
	var s literal
	s.decode(w.p.s[n.a:n.b], int(n.c), n.sub == 1)
	w.str(s.prefix())
	w.str(`"`)
	for i := 0; i < s.n; i += s.width {
		w.escaped(s.unit(i))
	}
	w.str(`"`)
	if s.truncated {
		w.str("...")
	}
}

// escaped writes one character as LLVM does.
func (w *printer) escaped(c uint32) {
	const short = "0......abtnvfr" // by code, '.' for none
	switch {
	case c == '\'' || c == '"' || c == '\\':
		w.str(`\`)
		w.str(string(rune(c)))
	case c < uint32(len(short)) && short[c] != '.':
		w.str(`\`)
		w.str(short[c : c+1])
	case c >= 0x20 && c < utf8.RuneSelf-1:
		w.str(string(rune(c)))
	default:
		w.str(`\x`)
		var buf [8]byte
		hex := strconv.AppendUint(buf[:0], uint64(c), 16)
		if len(hex)%2 == 1 {
			w.str("0")
		}
		for _, d := range hex {
			if d >= 'a' {
				d -= 'a' - 'A'
			}
			w.str(string(rune(d)))
		}
	}
}

// maxLiteral is how many bytes of text a name holds, twice that if wide.
const maxLiteral = 32

// A literal is the text of a string as far as its name has it.
type literal struct {
	buf       [4 * maxLiteral]byte // characters, little endian
	n         int                  // bytes of buf in use
	width     int                  // bytes of a character
	wide      bool                 // wchar_t
	truncated bool
}

// decode reads the characters of a name. size is the length of the whole string
// in bytes with its terminator, which the result leaves out.
func (l *literal) decode(text string, size int, wide bool) {
	p := parser{s: text}
	for p.pos < len(text) && l.n < len(l.buf) {
		l.buf[l.n], _ = p.character()
		l.n++
	}
	if wide {
		l.decodeWide(size)
		return
	}
	l.width, l.truncated = charWidth(l.buf[:l.n], size), size > l.n
	l.n -= l.n % l.width
	if !l.truncated && l.n >= l.width {
		l.n -= l.width
	}
}

// decodeWide turns characters around, as their codes put the high byte first.
func (l *literal) decodeWide(size int) {
	l.width, l.wide, l.truncated = 2, true, size > 2*maxLiteral
	l.n -= l.n % 2
	for i := 0; i < l.n; i += 2 {
		l.buf[i], l.buf[i+1] = l.buf[i+1], l.buf[i]
	}
	if !l.truncated && l.n == size {
		l.n -= 2
	}
}

// charWidth guesses whether a string of narrow characters is one of char16_t
// or char32_t, which names do not tell: by the zero bytes in it.
func charWidth(raw []byte, size int) int {
	if size%2 == 1 || len(raw) == 0 {
		return 1
	}
	if size < maxLiteral {
		zeros := 0
		for zeros < len(raw) && raw[len(raw)-1-zeros] == 0 {
			zeros++
		}
		return widthOf(zeros >= 4 && size%4 == 0, zeros >= 2)
	}
	zeros := 0
	for _, b := range raw {
		if b == 0 {
			zeros++
		}
	}
	return widthOf(zeros >= 2*len(raw)/3 && size%4 == 0, zeros >= len(raw)/3)
}

func widthOf(four, two bool) int {
	switch {
	case four:
		return 4
	case two:
		return 2
	}
	return 1
}

func (l *literal) unit(i int) (c uint32) {
	for k := l.width - 1; k >= 0; k-- {
		c = c<<8 | uint32(l.buf[i+k])
	}
	return c
}

func (l *literal) prefix() string {
	switch {
	case l.wide:
		return "L"
	case l.width == 4:
		return "U"
	case l.width == 2:
		return "u"
	}
	return ""
}

// text returns the characters as UTF-8; bytes are taken as they are.
func (l *literal) text() string {
	if l.width == 1 {
		return string(l.buf[:l.n])
	}
	var units []uint16
	var out []rune
	for i := 0; i < l.n; i += l.width {
		c := l.unit(i)
		units = append(units, uint16(c))
		out = append(out, rune(min(c, utf8.MaxRune+1)))
	}
	if l.width == 2 {
		out = utf16.Decode(units)
	}
	return string(out)
}
