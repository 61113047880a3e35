package undname

// arguments reads template arguments up to the '@' behind the last.
func (p *parser) arguments() int32 {
	var l list
	for p.problem == "" && !p.eat('@') {
		if p.pos == len(p.s) {
			return p.fail("template arguments without end")
		}
		if a := p.argument(); a != 0 {
			p.push(&l, a)
		}
	}
	return l.head
}

// argument reads one argument; 0 is an empty pack, which prints nothing.
func (p *parser) argument() int32 {
	if p.peek() != '$' {
		if p.peek() == '?' && p.parameterAhead() {
			p.pos++
			return p.add(node{kind: kindParameter, a: p.number()})
		}
		return p.typ(modePlain)
	}
	if p.peekAt(1) == '$' {
		if p.eats("$$V") || p.eats("$$Z") || p.eats("$$$V") {
			return 0
		}
		return p.typ(modePlain)
	}
	p.pos++
	switch c := p.next(); c {
	case 'S':
		return 0
	case 'M':
		p.typ(modePlain) // of auto; only the value is shown
		return p.value(p.next())
	case 'D':
		return p.add(node{kind: kindParameter, a: p.number()})
	case 'Q', 'R':
		return p.add(node{kind: kindParameter, sub: 1, a: p.number()})
	default:
		return p.value(c)
	}
}

// parameterAhead tells "?C@", a template parameter, from a named type.
func (p *parser) parameterAhead() bool {
	i := 1
	for c := p.peekAt(i); 'A' <= c && c <= 'P'; c = p.peekAt(i) {
		i++
	}
	return i > 1 && p.peekAt(i) == '@' && p.peekAt(i+1) == '@'
}

// value reads a constant whose kind is c.
func (p *parser) value(c byte) int32 {
	if !p.enter() {
		return 0
	}
	n := p.constant(c)
	p.depth--
	return n
}

func (p *parser) constant(c byte) int32 {
	switch c {
	case '0':
		return p.number()
	case '1':
		return p.add(node{kind: kindAddress, a: p.reference()})
	case 'E':
		return p.add(node{kind: kindSymbol, a: p.reference()})
	case 'F':
		return p.add(node{kind: kindTuple, a: p.numbers(2)})
	case 'G':
		return p.add(node{kind: kindTuple, a: p.numbers(3)})
	case 'H', 'I', 'J':
		return p.memberPointer(int(c-'H') + 1)
	case 'A':
		return p.float(32)
	case 'B':
		return p.float(64)
	case '2':
		return p.aggregate()
	case '3':
		return p.elements()
	case '6':
		return p.subobject()
	case '7':
		return p.unionValue()
	case 'C':
		return p.element()
	}
	return p.failPrev("unknown template argument")
}

// reference reads a symbol with its '?'.
func (p *parser) reference() int32 {
	p.want('?', "symbol expected")
	return p.symbol()
}

// memberPointer reads a member function and the offsets that go with it; a
// null pointer has no function.
func (p *parser) memberPointer(offsets int) int32 {
	var l list
	if p.peek() == '?' {
		p.push(&l, p.reference())
	}
	for range offsets {
		p.push(&l, p.number())
	}
	return p.add(node{kind: kindTuple, a: l.head})
}

func (p *parser) float(bits uint8) int32 {
	v, ok := p.magnitude()
	if !ok {
		return p.fail("number expected")
	}
	return p.add(node{kind: kindFloat, sub: bits, a: int32(uint32(v)), b: int32(uint32(v >> 32))})
}

// aggregate reads an object of class type: its type, then type and value of
// each base and member.
func (p *parser) aggregate() int32 {
	t := p.typ(modePlain)
	var l list
	for p.problem == "" && !p.eat('@') {
		if p.peek() == '2' { // a class says its type itself
			p.pos++
			p.push(&l, p.value('2'))
			continue
		}
		if p.peek() == '3' || p.peek() == '7' {
			p.push(&l, p.value(p.next()))
			continue
		}
		p.typ(modePlain)
		p.push(&l, p.value(p.next()))
	}
	return p.add(node{kind: kindAggregate, a: t, b: l.head})
}

// elements reads an array: the type of the elements, then each value with an
// '@' behind it.
func (p *parser) elements() int32 {
	t := p.typ(modePlain)
	var l list
	for p.problem == "" && !p.eat('@') {
		p.push(&l, p.value(p.next()))
		p.want('@', "end of an array element expected")
	}
	return p.add(node{kind: kindAggregate, sub: 1, a: t, b: l.head})
}

// subobject reads the address of a member of an object: the object, then the
// names of the members from the outside in.
func (p *parser) subobject() int32 {
	m := node{kind: kindMember, a: p.value(p.next())}
	var l list
	for p.problem == "" && !p.eat('@') {
		start, end, _ := p.text()
		p.push(&l, p.add(node{kind: kindText, a: int32(start), b: int32(end)}))
	}
	m.b = l.head
	return p.add(m)
}

// element reads the address of an element of an array.
func (p *parser) element() int32 {
	e := node{kind: kindElement, a: p.value(p.next())}
	var l list
	for p.problem == "" && !p.eat('@') {
		p.push(&l, p.value(p.next()))
	}
	e.b = l.head
	return p.add(e)
}

// unionValue reads a union: its type, the active member and its value.
func (p *parser) unionValue() int32 {
	t := p.typ(modePlain)
	if p.eat('@') {
		return p.add(node{kind: kindAggregate, a: t})
	}
	start, end, _ := p.text()
	name := p.add(node{kind: kindText, a: int32(start), b: int32(end)})
	v := p.value(p.next())
	p.want('@', "end of the union expected")
	return p.add(node{kind: kindUnion, a: t, b: name, c: v})
}
