package eval

import (
	"slices"
	"strings"
)

// typeName is a type as it stands in a cast.
type typeName struct {
	name  string
	stars int
	pos   int
}

func (t typeName) String() string {
	if t.stars == 0 {
		return t.name
	}
	return t.name + " " + strings.Repeat("*", t.stars)
}

// ParseCPP reads an expression of C++. The errors are those of [ParseMASM].
func ParseCPP(text string) (*Expr, error) {
	p := &cppParser{text: text, end: len(text)}
	if len(text) > maxLength {
		return nil, p.fail(ErrTooLong, -1)
	}
	p.next()
	n, err := p.comma()
	if err != nil {
		return nil, err
	}
	x := &Expr{text: text, root: n, cpp: true}
	switch {
	case p.tok.kind == cppBad && p.tok.err != ErrCharacter:
		return nil, p.fail(p.tok.err, p.tok.pos)
	case p.tok.kind != cppEnd:
		x.err = &Error{Err: ErrExtra, Expr: text, Pos: p.tok.pos}
		return x, x.err
	}
	return x, nil
}

func (p *cppParser) fail(err error, pos int) error { return &Error{Err: err, Expr: p.text, Pos: pos} }

// unexpected is the error for the token that comes next.
func (p *cppParser) unexpected(err error) error {
	if p.tok.kind == cppBad {
		err = p.tok.err
	}
	return p.fail(err, p.tok.pos)
}

func (p *cppParser) is(op string) bool { return p.tok.kind == cppOp && p.tok.text == op }

// expect reads a token that must come.
func (p *cppParser) expect(op string) error {
	if !p.is(op) {
		return p.unexpected(ErrToken)
	}
	p.next()
	return nil
}

// made is a node whose faults are shown at the token that comes next.
func (p *cppParser) made(k kind, op string, args ...*node) *node {
	return &node{kind: k, op: op, args: args, at: p.tok.pos, cpp: true}
}

func cppOperators() [][]string {
	return [][]string{
		{"||"}, {"&&"}, {"|"}, {"^"}, {"&"}, {"==", "!="}, {"<", ">", "<=", ">="}, {"<<", ">>"}, {"+", "-"}, {"*", "/", "%"},
	}
}

func (p *cppParser) comma() (*node, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, p.fail(ErrTooLong, -1)
	}
	defer func() { p.depth-- }()
	left, err := p.assignment()
	for err == nil && p.is(",") {
		p.next()
		var right *node
		if right, err = p.assignment(); err == nil {
			left = p.made(kindBinary, ",", left, right)
		}
	}
	return left, err
}

// assignment refuses what writes to the target.
func (p *cppParser) assignment() (*node, error) {
	n, err := p.conditional()
	if err == nil && p.tok.kind == cppOp && strings.HasSuffix(p.tok.text, "=") {
		if n.kind == kindValue {
			return nil, p.fail(ErrType, p.tok.pos)
		}
		return nil, p.fail(ErrReadOnly, p.tok.pos)
	}
	return n, err
}

func (p *cppParser) conditional() (*node, error) {
	n, err := p.binary(0)
	if err != nil || !p.is("?") {
		return n, err
	}
	p.next()
	yes, err := p.comma()
	if err == nil {
		err = p.expect(":")
	}
	if err != nil {
		return nil, err
	}
	if p.depth++; p.depth > maxDepth {
		return nil, p.fail(ErrTooLong, -1)
	}
	defer func() { p.depth-- }()
	no, err := p.conditional()
	if err != nil {
		return nil, err
	}
	return p.made(kindCond, "?", n, yes, no), nil
}

func (p *cppParser) binary(level int) (*node, error) {
	list := cppOperators()
	if level == len(list) {
		return p.unary()
	}
	left, err := p.binary(level + 1)
	for err == nil && p.tok.kind == cppOp && slices.Contains(list[level], p.tok.text) {
		op := p.tok.text
		p.next()
		var right *node
		if right, err = p.binary(level + 1); err == nil {
			left = p.made(kindBinary, op, left, right)
		}
	}
	return left, err
}

func (p *cppParser) unary() (*node, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, p.fail(ErrTooLong, -1)
	}
	defer func() { p.depth-- }()
	switch {
	case p.tok.kind == cppOp && len(p.tok.text) == 1 && strings.Contains("+-!~*&", p.tok.text):
		op := p.tok.text
		p.next()
		n, err := p.unary()
		if err != nil {
			return nil, err
		}
		return p.made(kindUnary, op, n), nil
	case p.tok.kind == cppName && p.tok.text == "sizeof":
		return p.sizeof()
	case p.is("("):
		if t, ok := p.cast(); ok {
			n, err := p.unary()
			if err != nil {
				return nil, err
			}
			c := p.made(kindCast, "", n)
			c.typ = t
			return c, nil
		}
	}
	return p.postfix()
}

// cast reads the type in parentheses in front of an operand, if that is what comes
// next. A name alone is one if an operand follows that needs no operator.
func (p *cppParser) cast() (typeName, bool) {
	saved := *p
	p.next()
	t, known, ok := p.typeName()
	if ok && p.is(")") {
		p.next()
		if known || t.stars > 0 || p.beginsOperand() {
			return t, true
		}
	}
	*p = saved
	return typeName{}, false
}

func (p *cppParser) beginsOperand() bool {
	switch p.tok.kind {
	case cppLiteral, cppName, cppAt, cppEval, cppMacro:
		return true
	}
	return p.is("(") || p.is("!") || p.is("~")
}

// typeName reads the name of a type. known says that it can be nothing else.
func (p *cppParser) typeName() (t typeName, known, ok bool) {
	t.pos = p.tok.pos
	if p.tok.kind != cppName {
		return t, false, false
	}
	words := []string{p.tok.text}
	p.next()
	switch words[0] {
	case "unsigned", "signed":
		if p.tok.kind == cppName {
			if _, ok := builtin(p.tok.text); ok {
				words = append(words, p.tok.text)
				p.next()
			}
		}
		if words[0] == "signed" {
			words = append(words[1:], "int")[:1]
		}
		known = true
	case "struct", "class", "union", "enum":
		if p.tok.kind != cppName {
			return t, false, false
		}
		words, known = []string{p.tok.text}, true
		p.next()
	default:
		_, known = builtin(words[0])
	}
	t.name = strings.Join(words, " ")
	for p.is("*") {
		t.stars++
		p.next()
	}
	return t, known, true
}

func (p *cppParser) sizeof() (*node, error) {
	p.next()
	if p.is("(") {
		saved := *p
		p.next()
		if t, known, ok := p.typeName(); ok && p.is(")") && (known || t.stars > 0) {
			p.next()
			n := p.made(kindSizeof, "")
			n.typ = t
			return n, nil
		}
		*p = saved
	} else if p.tok.kind == cppName {
		if _, builtin := builtin(p.tok.text); builtin {
			p.next()
			return nil, p.unexpected(ErrToken)
		}
	}
	arg, err := p.unary()
	if err != nil {
		return nil, err
	}
	return p.made(kindSizeof, "", arg), nil
}

func (p *cppParser) postfix() (*node, error) {
	n, err := p.primary()
	for err == nil {
		at := p.tok.pos
		switch {
		case p.is(".") || p.is("->"):
			op := p.tok.text
			p.next()
			if p.tok.kind != cppName {
				return nil, p.unexpected(ErrSyntax)
			}
			n = &node{kind: kindMember, op: op, text: p.tok.text, args: []*node{n}, pos: at, at: p.tok.pos, cpp: true}
			p.next()
		case p.is("["):
			p.next()
			var index *node
			if index, err = p.comma(); err == nil {
				err = p.expect("]")
			}
			n = &node{kind: kindIndex, args: []*node{n, index}, pos: at, at: at, cpp: true}
		case p.tok.kind == cppOp && (p.tok.text == "++" || p.tok.text == "--"):
			return nil, p.fail(ErrReadOnly, at)
		default:
			return n, nil
		}
	}
	return nil, err
}

func (p *cppParser) primary() (*node, error) {
	t := p.tok
	switch {
	case t.kind == cppLiteral:
		p.next()
		return &node{kind: kindValue, value: t.val, at: t.pos, cpp: true}, nil
	case t.kind == cppName && strings.HasSuffix(t.text, "_cast"):
		return p.namedCast()
	case t.kind == cppName && t.text == "new":
		return nil, p.unexpected(ErrSyntax)
	case t.kind == cppName:
		p.next()
		return &node{kind: kindSymbol, text: t.text, at: t.pos, cpp: true}, nil
	case t.kind == cppAt:
		p.next()
		n := &node{kind: kindRegister, op: "@", text: t.text[1:], at: t.pos, cpp: true}
		if strings.HasPrefix(n.text, "$") {
			n.kind = kindPseudo
		}
		return n, nil
	case t.kind == cppMacro:
		return p.macro()
	case t.kind == cppEval:
		return p.evaluator()
	case p.is("("):
		p.next()
		n, err := p.comma()
		if err == nil {
			err = p.expect(")")
		}
		return n, err
	}
	return nil, p.unexpected(ErrSyntax)
}

// namedCast reads static_cast<T>(x) and its like.
func (p *cppParser) namedCast() (*node, error) {
	p.next()
	if err := p.expect("<"); err != nil {
		return nil, err
	}
	t, _, ok := p.typeName()
	if !ok {
		return nil, p.unexpected(ErrSyntax)
	}
	if err := p.expect(">"); err != nil {
		return nil, err
	}
	if !p.is("(") {
		return nil, p.unexpected(ErrToken)
	}
	n, err := p.primary()
	if err != nil {
		return nil, err
	}
	c := p.made(kindCast, "", n)
	c.typ = t
	return c, nil
}

// macro reads #FIELD_OFFSET(type, field) and its like. The field may be one of a
// field.
func (p *cppParser) macro() (*node, error) {
	n := &node{kind: kindMacro, op: p.tok.text, at: p.tok.pos, cpp: true}
	record := n.op == "#CONTAINING_RECORD"
	if !record && n.op != "#FIELD_OFFSET" && n.op != "#RTL_FIELD_SIZE" {
		return nil, p.unexpected(ErrSyntax)
	}
	p.next()
	if err := p.expect("("); err != nil {
		return nil, err
	}
	if record {
		arg, err := p.conditional()
		if err == nil {
			err = p.expect(",")
		}
		if err != nil {
			return nil, err
		}
		n.args = []*node{arg}
	}
	t, _, ok := p.typeName()
	if !ok {
		return nil, p.unexpected(ErrSyntax)
	}
	n.typ = t
	if err := p.expect(","); err != nil {
		return nil, err
	}
	n.at = p.tok.pos
	for {
		if p.tok.kind != cppName {
			return nil, p.unexpected(ErrSyntax)
		}
		n.text += p.tok.text
		p.next()
		if !p.is(".") {
			return n, p.expect(")")
		}
		n.text += "."
		p.next()
	}
}

// evaluator reads @@masm(...), or @@(...), which is MASM in C++.
func (p *cppParser) evaluator() (*node, error) {
	start := p.tok.pos
	name := strings.ToLower(p.tok.text)
	cpp := name == "@@c++"
	if !cpp && name != "@@masm" && name != "@@" || p.pos >= p.end {
		return nil, p.fail(ErrSyntax, start)
	}
	from := p.pos + 1
	if cpp {
		p.next()
		p.next()
		n, err := p.comma()
		if err == nil {
			err = p.expect(")")
		}
		return n, err
	}
	q := &parser{text: p.text, pos: from, end: p.end, last: from - 1, radix: 16, depth: p.depth + 1, inner: true}
	n, err := q.expr(0)
	if err != nil {
		return nil, err
	}
	p.pos = q.pos
	p.next()
	if !p.is(")") {
		return nil, p.fail(ErrSyntax, p.tok.pos)
	}
	p.next()
	return &node{kind: kindMASM, args: []*node{n}, at: start, pos: start, cpp: true}, nil
}
