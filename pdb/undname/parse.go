package undname

// Limits of one name. MSVC itself replaces names above 4,096 bytes by a hash.
const (
	maxInput  = 1 << 20 // bytes; a CodeView record holds at most 64 KiB
	maxDepth  = 200     // nested names, types and templates
	maxOutput = 1 << 16 // bytes
	maxSteps  = 1 << 17 // nodes visited in printing
)

// maxBackrefs is how many names, and how many types, a scope remembers.
const maxBackrefs = 10

// backrefs are the names and the parameter types a digit can stand for. A
// template argument list has its own.
type backrefs struct {
	names, types  [maxBackrefs]int32
	nNames, nType int8
}

// A parser reads one name into its arena. After the first problem it stands at
// the end of the input and every method returns node 0.
type parser struct {
	arena
	s     string
	pos   int
	prev  int // before the last call of next
	depth int
	refs  backrefs

	problem string // first error, "" for none
	at0     int    // offset of it
	limit   bool   // the problem is a limit
}

func (p *parser) fail(problem string) int32 {
	if p.problem == "" {
		p.problem, p.at0 = problem, p.pos
	}
	p.pos = len(p.s)
	return 0
}

// failPrev is fail for the byte next consumed.
func (p *parser) failPrev(problem string) int32 {
	if p.problem == "" {
		p.pos = p.prev
	}
	return p.fail(problem)
}

func (p *parser) failLimit(problem string) int32 {
	p.limit = p.limit || p.problem == ""
	return p.fail(problem)
}

// enter counts nesting; a false return is an error that was noted.
func (p *parser) enter() bool {
	p.depth++
	if p.depth > maxDepth {
		p.failLimit("nested too deeply")
		return false
	}
	return true
}

// peek returns the next byte, 0 at the end.
func (p *parser) peek() byte {
	if p.pos < len(p.s) {
		return p.s[p.pos]
	}
	return 0
}

// peekAt returns the byte i after the next.
func (p *parser) peekAt(i int) byte {
	if i < len(p.s)-p.pos {
		return p.s[p.pos+i]
	}
	return 0
}

// next consumes a byte, 0 at the end.
func (p *parser) next() byte {
	p.prev = p.pos
	if p.pos >= len(p.s) {
		return 0
	}
	c := p.s[p.pos]
	p.pos++
	return c
}

func (p *parser) eat(c byte) bool {
	if p.pos < len(p.s) && p.s[p.pos] == c {
		p.pos++
		return true
	}
	return false
}

func (p *parser) eats(text string) bool {
	if len(p.s)-p.pos >= len(text) && p.s[p.pos:p.pos+len(text)] == text {
		p.pos += len(text)
		return true
	}
	return false
}

// want consumes c or fails.
func (p *parser) want(c byte, problem string) {
	if !p.eat(c) {
		p.fail(problem)
	}
}

// number reads an encoded number: '0' to '9' mean 1 to 10, hexadecimal digits
// 'A' to 'P' end with '@', '?' in front negates.
func (p *parser) number() int32 {
	at := p.pos
	neg := p.eat('?')
	v, ok := p.magnitude()
	if !ok {
		p.pos = at
		return p.fail("number expected")
	}
	n := node{kind: kindNumber, a: int32(uint32(v)), b: int32(uint32(v >> 32))}
	if neg && v != 0 {
		n.sub = 1
	}
	return p.add(n)
}

func (p *parser) magnitude() (v uint64, ok bool) {
	if c := p.peek(); '0' <= c && c <= '9' {
		p.pos++
		return uint64(c-'0') + 1, true
	}
	for digits := 0; ; digits++ {
		switch c := p.next(); {
		case 'A' <= c && c <= 'P' && v>>60 == 0:
			v = v<<4 | uint64(c-'A')
		case c == '@' && digits > 0:
			return v, true
		default:
			return 0, false
		}
	}
}

// value returns the magnitude of a number node.
func (n *node) value() uint64 { return uint64(uint32(n.a)) | uint64(uint32(n.b))<<32 }

// text consumes up to the next '@' and that too. What it returns may be empty.
func (p *parser) text() (start, end int, ok bool) {
	start = p.pos
	for i := start; i < len(p.s); i++ {
		if p.s[i] == '@' {
			p.pos = i + 1
			return start, i, true
		}
	}
	p.fail("name without end")
	return start, start, false
}
