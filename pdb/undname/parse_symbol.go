package undname

import "strings"

// symbol reads what follows the '?' of a decorated name: a name and, coded by
// the character behind it, what it is the name of.
func (p *parser) symbol() int32 {
	if p.peek() == '?' {
		switch p.peekAt(1) {
		case '@':
			return p.hash()
		case '_':
			if p.peekAt(2) == 'C' {
				return p.stringLiteral()
			}
		}
	}
	name := p.symbolName()
	if p.problem != "" {
		return 0
	}
	if p.isFilter(name) {
		return p.filter(name)
	}
	return p.encoding(name)
}

// isFilter says that the name is "filt$N@0@" or "fin$N@0@", which clang-cl puts
// before the function whose exceptions it filters or whose block it finishes.
func (p *parser) isFilter(name int32) bool {
	q := p.at(name)
	n := p.at(q.a)
	if p.depth != 0 || n.kind != kindText || q.c != q.a {
		return false
	}
	word, _, ok := strings.Cut(p.s[n.a:n.b], "$")
	return ok && (word == "filt" || word == "fin")
}

// filter reads the function around a filter: a qualified name without a type.
func (p *parser) filter(name int32) int32 {
	f := p.add(node{kind: kindCFunction, a: p.typeName()})
	e := p.add(node{kind: kindEnclosing, a: f})
	scope := p.add(node{kind: kindCell, a: e})
	q := p.add(node{kind: kindQualified, a: p.at(name).a, b: scope, c: e})
	return p.add(node{kind: kindCFunction, a: q})
}

// hash reads the MD5 that stands for a name that was too long.
func (p *parser) hash() int32 {
	start := p.pos - 1
	p.pos += 2
	digits := p.pos
	for isHex(p.peek()) {
		p.pos++
	}
	if p.pos-digits != 32 {
		return p.fail("32 hexadecimal digits expected")
	}
	p.want('@', "end of hash expected")
	p.eats("??_R4@") // the complete object locator of a hashed class
	return p.add(node{kind: kindHash, a: int32(start), b: int32(p.pos)})
}

func isHex(c byte) bool { return isDigit(c) || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F' }

// encoding reads the part behind the name.
func (p *parser) encoding(name int32) int32 {
	f := node{kind: kindFunction, a: name}
	for p.peek() == '$' && p.peekAt(1) == '$' {
		if !p.mark(&f) {
			return 0
		}
	}
	switch c := p.peek(); {
	case '0' <= c && c <= '4':
		p.pos++
		return p.variable(name, c-'0')
	case c == '5':
		p.pos++
		return p.guard(name)
	case c == '6' || c == '7':
		p.pos++
		return p.table(name)
	case c == '8':
		p.pos++
		return p.add(node{kind: kindData, a: name})
	case c == '9':
		p.pos++
		return p.add(node{kind: kindCFunction, a: name})
	case c == '$' || 'A' <= c && c <= 'Z':
		return p.function(name, f)
	}
	return p.fail("unknown kind of symbol")
}

// isGuard says that the name is that of a guard of local statics.
func (p *parser) isGuard(name int32) bool {
	n := p.at(p.at(name).a)
	return n.kind == kindOperator &&
		(n.flags == opUnder && n.sub == 'B' || n.flags == opDouble && n.sub == 'J')
}

// guard reads the number of the static, which may be missing.
func (p *parser) guard(name int32) int32 {
	g := node{kind: kindGuard, a: name}
	if c := p.peek(); isDigit(c) || 'A' <= c && c <= 'P' {
		g.b = p.number()
	}
	return p.add(g)
}

// variable reads a type and the qualifiers of the outermost level, which
// repeat those of the pointee when the type is a pointer.
func (p *parser) variable(name int32, class uint8) int32 {
	if class == 4 && p.isGuard(name) && p.eats("IA") {
		return p.guard(name)
	}
	t := p.typ(modePlain)
	if p.problem != "" {
		return 0
	}
	v := node{kind: kindVariable, sub: class, a: name, b: t}
	if p.at(t).kind == kindPointer {
		v.flags = p.pointerSuffix()
	} else {
		v.flags = p.extQuals()
		q, _ := p.quals()
		v.flags |= q
	}
	return p.add(v)
}

// pointerSuffix reads the qualifiers after a pointer. A pointer to a member
// names the class again.
func (p *parser) pointerSuffix() uint16 {
	ext := p.extQuals()
	q, member := p.quals()
	if member {
		p.typeName()
	}
	return ext | q
}

// table reads the qualifiers of a table and the bases it is for.
func (p *parser) table(name int32) int32 {
	q, _ := p.quals()
	var l list
	for p.problem == "" && !p.eat('@') {
		if p.pos == len(p.s) {
			return p.fail("list of bases without end")
		}
		p.push(&l, p.typeName())
	}
	return p.add(node{kind: kindTable, flags: q, a: name, b: l.head})
}

// function reads the class of a function, the offsets of a thunk and the type.
func (p *parser) function(name int32, f node) int32 {
	member := false
	if c := p.next(); c == '$' {
		if n := p.specialThunk(name); n != 0 || p.problem != "" {
			return n
		}
		member = p.vtordisp(&f)
	} else {
		member = p.functionClass(&f, c)
	}
	f.b = p.signature(member)
	if p.problem != "" {
		return 0
	}
	p.setConversion(name, f.b)
	return p.add(f)
}

// mark reads one mark before the kind of a symbol: managed code, extern "C" in
// managed code, ARM64EC.
func (p *parser) mark(f *node) bool {
	p.pos += 2
	switch p.next() {
	case 'F', 'H', 'L', 'M', 'N', 'O', 'P', 'Q', 'R': // managed; nothing to show
	case 'J':
		f.flags |= fnExternC
		if !isDigit(p.next()) {
			p.fail("digit expected")
		}
	case 'h':
		f.flags |= fnEC
	default:
		p.failPrev("unknown mark of a symbol")
	}
	return p.problem == ""
}

// Access of a member.
const (
	accessNone = iota
	accessPrivate
	accessProtected
	accessPublic
)

// functionClass decodes the letter that says what kind of function it is. The
// 24 letters of members are three groups of eight. It reports a member with
// this.
func (p *parser) functionClass(f *node, c byte) bool {
	if c == 'Y' || c == 'Z' {
		return false
	}
	if c < 'A' || c > 'X' {
		p.failPrev("unknown kind of function")
		return false
	}
	i := c - 'A'
	f.sub = accessPrivate + i/8
	switch i % 8 / 2 {
	case 1:
		f.flags |= fnStatic
		return false
	case 2:
		f.flags |= fnVirtual
	case 3:
		f.flags |= fnVirtual | fnAdjustor
		f.c = p.numbers(1)
	}
	return true
}

// vtordisp reads "$0" to "$5" and "$R0" to "$R5": thunks that find the object
// through a virtual base.
func (p *parser) vtordisp(f *node) bool {
	count := 2
	f.flags |= fnVirtual | fnVtordisp
	if p.eat('R') {
		f.flags |= fnVtordispex
		count = 4
	}
	c := p.next()
	if c < '0' || c > '5' {
		p.failPrev("unknown kind of thunk")
		return false
	}
	f.sub = accessPrivate + (c-'0')/2
	f.c = p.numbers(count)
	return true
}

// specialThunk reads "$B", a thunk of a pointer to a virtual member function,
// and "$C", the map between two classes. It returns 0 for anything else.
func (p *parser) specialThunk(name int32) int32 {
	switch p.peek() {
	case 'B':
		p.pos++
		v := node{kind: kindVcall, a: name, b: p.number()}
		p.want('A', "model of the thunk expected")
		v.sub = p.next()
		if v.sub == 0 {
			p.fail("calling convention expected")
		}
		return p.add(v)
	case 'C':
		p.pos++
		return p.add(node{kind: kindMap, a: name, b: p.typeName()})
	}
	return 0
}

// setConversion gives a conversion operator its name: the type it returns.
func (p *parser) setConversion(name, sig int32) {
	c := p.at(p.at(name).a)
	if c.kind == kindTemplate {
		c = p.at(c.a)
	}
	if c.kind == kindConversion {
		c.a = p.at(sig).a
	}
}
