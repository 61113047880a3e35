package undname

// sourceName reads an identifier and remembers it.
func (p *parser) sourceName() int32 {
	start, end, ok := p.text()
	if !ok {
		return 0
	}
	if start == end {
		p.pos = start
		return p.fail("empty name")
	}
	return p.remember(p.add(node{kind: kindText, a: int32(start), b: int32(end)}), start, end)
}

// remember makes a name the next one a digit can stand for, unless the same
// text is there already: compilers do not repeat it either.
func (p *parser) remember(n int32, start, end int) int32 {
	k := p.refs.nNames
	if k == maxBackrefs {
		return n
	}
	for _, old := range p.refs.names[:k] {
		o := p.at(old)
		if p.spelling(o) == p.s[start:end] {
			return n
		}
	}
	p.refs.names[k] = n
	p.refs.nNames++
	return n
}

// spelling returns the bytes a remembered name was read from.
func (p *parser) spelling(n *node) string {
	if n.kind == kindTemplate {
		return p.s[n.c : n.c+n.size()]
	}
	return p.s[n.a:n.b]
}

// backName reads the digit of a name seen before.
func (p *parser) backName() int32 {
	k := int8(p.peek() - '0')
	if k >= p.refs.nNames {
		return p.fail("reference to a name that was not seen")
	}
	p.pos++
	return p.refs.names[k]
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// symbolName reads the qualified name of a symbol: its last part, which may be
// an operator, then its scopes from the inside out.
func (p *parser) symbolName() int32 {
	switch {
	case isDigit(p.peek()):
		return p.qualify(p.backName())
	case p.eats("?$"):
		return p.qualify(p.template(false))
	case p.eat('?'):
		return p.qualify(p.operator())
	}
	return p.qualify(p.sourceName())
}

// typeName reads the qualified name of a class or an enumeration.
func (p *parser) typeName() int32 {
	switch {
	case isDigit(p.peek()):
		return p.qualify(p.backName())
	case p.eats("?$"):
		return p.qualify(p.template(true))
	}
	return p.qualify(p.sourceName())
}

// qualify reads the scopes of a component up to the '@' behind the last.
func (p *parser) qualify(component int32) int32 {
	var head, inner int32
	for p.problem == "" && !p.eat('@') {
		if p.pos == len(p.s) {
			return p.fail("scope without end")
		}
		s := p.scope()
		if inner == 0 {
			inner = s
		}
		head = p.add(node{kind: kindCell, a: s, b: head})
	}
	if p.problem != "" {
		return 0
	}
	if inner == 0 && p.isStructor(component) {
		return p.fail("class of a constructor or destructor expected")
	}
	return p.add(node{kind: kindQualified, a: component, b: head, c: inner})
}

// isStructor says that a component takes its name from the class around it.
func (p *parser) isStructor(component int32) bool {
	n := p.at(component)
	if n.kind == kindTemplate {
		n = p.at(n.a)
	}
	return n.kind == kindCtor || n.kind == kindDtor
}

// scope reads one scope: a namespace, class, function or block.
func (p *parser) scope() int32 {
	c := p.peek()
	if isDigit(c) {
		return p.backName()
	}
	if c != '?' {
		return p.sourceName()
	}
	p.pos++
	switch c = p.peek(); {
	case c == '$':
		p.pos++
		return p.template(true)
	case c == '?':
		return p.enclosing()
	case c == 'Q': // the letter belongs to the name
		return p.add(node{kind: kindInterface, a: p.typeName()})
	case c == 'A' && !p.blockAhead():
		return p.anonymous()
	case isDigit(c) || 'A' <= c && c <= 'P':
		n := p.number()
		return p.add(node{kind: kindBlock, a: n})
	case c == '_' || 'a' <= c && c <= 'z':
		return p.plainFunction()
	}
	return p.fail("unknown kind of scope")
}

// plainFunction reads the C function that holds a funclet of clang-cl: a mere
// name, whose '@' also ends the scopes.
func (p *parser) plainFunction() int32 {
	start, end, ok := p.text()
	if !ok {
		return 0
	}
	p.pos = end
	n := p.add(node{kind: kindText, a: int32(start), b: int32(end)})
	n = p.add(node{kind: kindQualified, a: n})
	n = p.add(node{kind: kindCFunction, a: n})
	return p.add(node{kind: kindEnclosing, a: n})
}

// blockAhead tells the number of a block, which a function name follows, from
// an anonymous namespace: both can begin with 'A'.
func (p *parser) blockAhead() bool {
	i := 0
	for c := p.peekAt(i); 'A' <= c && c <= 'P'; c = p.peekAt(i) {
		i++
	}
	return p.peekAt(i) == '@' && p.peekAt(i+1) == '?'
}

// anonymous reads "A0x1234abcd@", whose digits tell namespaces apart.
func (p *parser) anonymous() int32 {
	p.pos++
	start, end, ok := p.text()
	if !ok {
		return 0
	}
	n := node{kind: kindAnonymous, a: int32(start), b: int32(end), sub: 1}
	p.remember(p.add(n), start, end)
	n.sub = 0
	return p.add(n)
}

// enclosing reads the symbol, with its type, that a local name lies in.
func (p *parser) enclosing() int32 {
	p.pos++
	if !p.enter() {
		return 0
	}
	n := p.symbol()
	p.depth--
	return p.add(node{kind: kindEnclosing, a: n})
}

// template reads a name with arguments; what it sees in them can be referred
// to only there. Names of functions are not remembered, names of classes are.
func (p *parser) template(isClass bool) int32 {
	if !p.enter() {
		return 0
	}
	start := p.pos
	outer := p.refs
	p.refs = backrefs{}
	base := int32(0)
	if p.eat('?') {
		base = p.operator()
	} else {
		base = p.sourceName()
	}
	args := p.arguments()
	p.refs = outer
	p.depth--
	if p.problem != "" {
		return 0
	}
	size := p.pos - start
	t := p.add(node{kind: kindTemplate, flags: uint16(size), sub: uint8(size >> 16), a: base, b: args, c: int32(start)})
	if !isClass {
		return t
	}
	return p.remember(t, start, p.pos)
}

// operator reads the code after '?' of a name that is no identifier.
func (p *parser) operator() int32 {
	if c := p.peek(); 'a' <= c && c <= 'z' && p.enter() {
		n := p.symbol() // "??x$initializer$@A@@0P6AXXZA@@3P6AXXZA"
		p.depth--
		p.want('@', "end of the symbol in a name expected")
		return p.add(node{kind: kindEnclosing, a: n})
	}
	c := p.next()
	switch c {
	case '0':
		return p.add(node{kind: kindCtor})
	case '1':
		return p.add(node{kind: kindDtor})
	case 'B':
		return p.add(node{kind: kindConversion})
	case '_':
		return p.underscore()
	}
	return p.named(opPlain, c)
}

func (p *parser) named(class uint16, c byte) int32 {
	if operatorName(class, c) == "" {
		return p.failPrev("unknown operator")
	}
	return p.add(node{kind: kindOperator, sub: c, flags: class})
}

func (p *parser) underscore() int32 {
	switch c := p.next(); c {
	case 'R':
		return p.rtti()
	case '_':
		return p.doubleUnderscore()
	case 'P':
		if !p.enter() {
			return 0
		}
		p.want('?', "operator expected")
		n := p.operator()
		p.depth--
		return p.add(node{kind: kindUDTReturn, a: n})
	default:
		return p.named(opUnder, c)
	}
}

func (p *parser) doubleUnderscore() int32 {
	switch c := p.next(); c {
	case 'E':
		return p.dynamic(0)
	case 'F':
		return p.dynamic(1)
	case 'K':
		start, end, _ := p.text()
		return p.add(node{kind: kindLiteral, a: int32(start), b: int32(end)})
	default:
		return p.named(opDouble, c)
	}
}

// dynamic reads what an initializer or a destructor at exit is for: a symbol
// with its type, or a mere name.
func (p *parser) dynamic(destructor uint8) int32 {
	d := node{kind: kindDynamic, sub: destructor}
	if p.eats("?$") {
		d.a = p.template(true)
		return p.add(d)
	}
	if !p.eat('?') {
		d.a = p.sourceName()
		return p.add(d)
	}
	if !p.enter() {
		return 0
	}
	d.a = p.symbol()
	p.depth--
	p.want('@', "end of the initialized symbol expected")
	return p.add(d)
}

func (p *parser) rtti() int32 {
	switch c := p.next(); c {
	case '0':
		return p.add(node{kind: kindTypeDesc, a: p.typ(modeResult)})
	case '1':
		return p.add(node{kind: kindBaseDesc, a: p.numbers(4)})
	default:
		return p.named(opRTTI, c)
	}
}

// numbers reads a list of count numbers.
func (p *parser) numbers(count int) int32 {
	var l list
	for i := 0; i < count && p.problem == ""; i++ {
		p.push(&l, p.number())
	}
	return l.head
}
