package undname

// Where a type stands decides whether qualifiers come before it.
const (
	modePlain   = iota // no qualifiers
	modeResult         // '?' and qualifiers, or none
	modePointee        // always qualifiers
)

// quals reads 'A' to 'D', or 'Q' to 'T' before the class of a member pointer.
func (p *parser) quals() (q uint16, member bool) {
	c := p.next()
	if 'Q' <= c && c <= 'T' {
		c -= 'Q' - 'A'
		member = true
	}
	switch c {
	case 'A':
	case 'B':
		q = qualConst
	case 'C':
		q = qualVolatile
	case 'D':
		q = qualConst | qualVolatile
	default:
		p.failPrev("qualifiers expected")
	}
	return q, member
}

// extQuals reads the marks that come before qualifiers.
func (p *parser) extQuals() (q uint16) {
	for {
		switch p.peek() {
		case 'E':
			q |= qualPtr64
		case 'F':
			q |= qualUnaligned
		case 'I':
			q |= qualRestrict
		case '$':
			mark := p.managedMark()
			if mark == 0 {
				return q
			}
			q |= mark
			p.pos++
		default:
			return q
		}
		p.pos++
	}
}

// managedMark looks at the marks of pointers to managed objects.
func (p *parser) managedMark() uint16 {
	switch p.peekAt(1) {
	case 'A':
		return qualHandle
	case 'B':
		return qualPin
	case 'C':
		return qualTracking
	}
	return 0
}

// typ reads a type.
func (p *parser) typ(mode int) int32 {
	if !p.enter() {
		return 0
	}
	var q uint16
	if mode == modePointee || mode == modeResult && p.eat('?') {
		q, _ = p.quals()
	}
	t := p.unqualified()
	p.depth--
	if t != 0 && q != 0 {
		p.at(t).flags |= q
	}
	return t
}

func (p *parser) unqualified() int32 {
	switch c := p.next(); c {
	case 'T':
		return p.tag(tagUnion)
	case 'U':
		return p.tag(tagStruct)
	case 'V':
		return p.tag(tagClass)
	case 'W':
		base := p.next()
		if base < '0' || base > '7' {
			return p.failPrev("base type of an enumeration expected")
		}
		return p.tag(tagEnum + base - '0')
	case 'A':
		return p.pointer(markReference, 0)
	case 'B':
		return p.pointer(markReference, qualVolatile)
	case 'P':
		return p.pointer(markPointer, 0)
	case 'Q':
		return p.pointer(markPointer, qualConst)
	case 'R':
		return p.pointer(markPointer, qualVolatile)
	case 'S':
		return p.pointer(markPointer, qualConst|qualVolatile)
	case 'Y':
		return p.array()
	case '$':
		return p.dollarType()
	case '?':
		return p.add(node{kind: kindNamedType, a: p.typeName()})
	case 'L': // C++/CLI
		return p.add(node{kind: kindNamedType, a: p.typeName()})
	case '_':
		return p.extended()
	default:
		return p.builtin(c, 0)
	}
}

// extended reads the types whose code begins with '_'.
func (p *parser) extended() int32 {
	switch p.peek() {
	case 'X':
		p.pos++
		return p.tag(tagCoclass)
	case 'Y':
		p.pos++
		return p.tag(tagCointerface)
	case '$':
		p.pos++
		t := p.typ(modePlain)
		if t != 0 {
			p.at(t).flags |= qualW64
		}
		return t
	}
	return p.builtin(p.next(), 1)
}

func (p *parser) builtin(c byte, extended int32) int32 {
	known := primitiveName
	if extended != 0 {
		known = extendedName
	}
	if known(c) == "" {
		return p.failPrev("unknown type")
	}
	return p.add(node{kind: kindPrimitive, sub: c, c: extended})
}

func (p *parser) tag(tag uint8) int32 {
	return p.add(node{kind: kindTag, sub: tag, a: p.typeName()})
}

// dollarType reads the types whose code begins with "$$".
func (p *parser) dollarType() int32 {
	p.want('$', "unknown type")
	switch p.next() {
	case 'A':
		return p.bareFunction()
	case 'B':
		p.want('Y', "array expected")
		return p.array()
	case 'C':
		return p.typ(modePointee)
	case 'Q':
		return p.pointer(markRvalue, 0)
	case 'R':
		return p.pointer(markRvalue, qualVolatile)
	case 'T':
		return p.add(node{kind: kindPrimitive, c: 2})
	case 'Y':
		return p.add(node{kind: kindNamedType, a: p.typeName()})
	}
	return p.failPrev("unknown type")
}

// bareFunction reads a function type that is no pointer: "6" or, with
// qualifiers of this, "8@@".
func (p *parser) bareFunction() int32 {
	if p.eats("8@@") {
		return p.signature(true)
	}
	p.want('6', "function type expected")
	return p.signature(false)
}

// pointer reads what a pointer points to.
func (p *parser) pointer(mark uint8, own uint16) int32 {
	ptr := node{kind: kindPointer, sub: mark, flags: own}
	if p.eat('6') {
		ptr.a = p.signature(false)
		return p.add(ptr)
	}
	ptr.flags |= p.extQuals()
	if p.eat('8') {
		ptr.b = p.typeName()
		ptr.a = p.signature(true)
		return p.add(ptr)
	}
	if p.eat('6') {
		ptr.a = p.signature(false)
		return p.add(ptr)
	}
	q, member := p.quals()
	if member {
		ptr.b = p.typeName()
	}
	ptr.a = p.typ(modePlain)
	if p.problem != "" {
		return 0
	}
	p.at(ptr.a).flags |= q
	return p.add(ptr)
}

// array reads the number of dimensions, each of them, and the element.
func (p *parser) array() int32 {
	n := p.number()
	if p.problem != "" {
		return 0
	}
	count := p.at(n).value()
	if count == 0 || count > uint64(len(p.s)) || p.at(n).sub == 1 {
		return p.fail("number of dimensions")
	}
	dims := p.numbers(int(count))
	elem := p.typ(modePlain)
	if p.problem != "" {
		return 0
	}
	return p.add(node{kind: kindArray, a: elem, b: dims})
}

// signature reads a function type. member: qualifiers of this come first.
func (p *parser) signature(member bool) int32 {
	s := node{kind: kindSignature}
	if member {
		s.flags = p.thisQuals()
	}
	s.sub = p.next()
	if s.sub < 'A' || s.sub > 'z' {
		return p.failPrev("calling convention expected")
	}
	if !p.eat('@') {
		s.a = p.typ(modeResult)
	}
	s.b = p.parameters(&s)
	switch {
	case p.eat('Z'):
	case p.eats("_E"):
		s.flags |= qualNoexcept
	default:
		return p.fail("exception specification expected")
	}
	return p.add(s)
}

func (p *parser) thisQuals() uint16 {
	q := p.extQuals()
	if p.eat('G') {
		q |= qualLvalue
	} else if p.eat('H') {
		q |= qualRvalue
	}
	q |= p.extQuals()
	cv, _ := p.quals()
	return q | cv
}

// parameters reads the list; no list at all stands for (void).
func (p *parser) parameters(s *node) int32 {
	if p.eat('X') {
		return 0
	}
	if p.eats("_V") {
		s.flags |= qualThis
	}
	var l list
	for p.problem == "" {
		switch c := p.peek(); {
		case c == '@':
			p.pos++
			return l.head
		case c == 'Z':
			p.pos++
			s.flags |= qualVariadic
			return l.head
		case isDigit(c):
			p.push(&l, p.backType(int8(c-'0')))
		default:
			p.push(&l, p.parameter())
		}
	}
	return 0
}

func (p *parser) backType(k int8) int32 {
	if k >= p.refs.nType {
		return p.fail("reference to a type that was not seen")
	}
	p.pos++
	return p.refs.types[k]
}

// parameter reads a type and remembers it when its code is longer than one
// character.
func (p *parser) parameter() int32 {
	start := p.pos
	t := p.typ(modePlain)
	if p.problem == "" && p.pos-start > 1 && p.refs.nType < maxBackrefs {
		p.refs.types[p.refs.nType] = t
		p.refs.nType++
	}
	return t
}
