package undname

// stringLiteral reads "?_C@_", the width, the length with the terminator, a
// checksum and the first characters. A literal of a section says so in one
// more name.
func (p *parser) stringLiteral() int32 {
	if !p.eats("?_C@_") {
		p.pos += 3
		return p.fail("string literal expected")
	}
	n := node{kind: kindString}
	switch p.next() {
	case '0':
	case '1':
		n.sub = 1
	default:
		return p.failPrev("width of characters expected")
	}
	at := p.pos
	size, ok := p.magnitude()
	if !ok || size > 1<<30 {
		p.pos = at
		return p.fail("length of string expected")
	}
	n.c = int32(size)
	p.text() // checksum
	n.a = int32(p.pos)
	p.skipCharacters()
	n.b = int32(p.pos)
	p.want('@', "end of string expected")
	if p.problem == "" && p.pos < len(p.s) {
		if start, end, ok := p.text(); !ok || start == end {
			return p.fail("section of string expected")
		}
		n.flags = 1
	}
	return p.add(n)
}

func (p *parser) skipCharacters() {
	for p.problem == "" && p.pos < len(p.s) && p.peek() != '@' {
		if _, ok := p.character(); !ok {
			p.fail("unknown character code")
		}
	}
}

// character decodes one byte of a string literal: itself, "?$" and two hex
// digits from 'A', "?0" to "?9" for common signs, '?' and a letter for the
// letter with its high bit set.
func (p *parser) character() (byte, bool) {
	c := p.next()
	if c != '?' {
		return c, true
	}
	switch c = p.next(); {
	case c == '$':
		hi, lo := p.next()-'A', p.next()-'A'
		return hi<<4 | lo, hi < 16 && lo < 16
	case isDigit(c):
		return ",/\\:. \n\t'-"[c-'0'], true
	case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z':
		return c | 0x80, true
	}
	return 0, false
}
