package eval

import (
	"strings"
	"unicode/utf8"
)

// Bounds of an expression: its length in bytes, and how deep operations nest.
const (
	maxLength = 1 << 16
	maxDepth  = 200
)

// parser reads a MASM expression. It keeps the operands it has read, since the
// debugger takes their values as it reads on: an error of theirs comes before one of
// the text behind them.
type parser struct {
	text  string // the whole expression, of which it may be a part in parentheses
	pos   int    // what comes next
	end   int    // of the part
	last  int    // where the token that was read last begins
	depth int
	radix int
	done  []*node // operands whose operation was not read yet
	inner bool    // in @@masm()
}

// ParseMASM reads a MASM expression. Its numbers without a prefix are in the radix 8, 10
// or 16. The error is an [*Error]; with [ErrExtra] the Expr is good for what stands
// before the place.
func ParseMASM(text string, radix int) (*Expr, error) {
	p := &parser{text: text, end: len(text), radix: (&Env{Radix: radix}).radix()}
	x, err := p.whole()
	if err != nil {
		return nil, err
	}
	if x.err != nil {
		return x, x.err
	}
	return x, nil
}

func (p *parser) whole() (*Expr, error) {
	if len(p.text) > maxLength {
		return nil, p.fail(ErrTooLong, -1)
	}
	n, err := p.expr(0)
	if err != nil {
		return nil, err
	}
	x := &Expr{text: p.text, root: n}
	if p.blanks(); p.pos < p.end {
		x.err = &Error{Err: ErrExtra, Expr: p.text, Pos: p.pos}
	}
	return x, nil
}

func (p *parser) fail(err error, pos int) error { return &Error{Err: err, Expr: p.text, Pos: pos} }

func (p *parser) blanks() {
	for p.pos < p.end && (p.text[p.pos] == ' ' || p.text[p.pos] == '\t') {
		p.pos++
	}
}

// peek is the next byte after blanks, 0 at the end.
func (p *parser) peek() byte {
	if p.blanks(); p.pos < p.end {
		return p.text[p.pos]
	}
	return 0
}

// take reads n bytes as a token.
func (p *parser) take(n int) {
	p.last = p.pos
	p.pos += n
}

// push keeps a node as an operand in place of its own operands.
func (p *parser) push(n *node) *node {
	p.done = append(p.done[:len(p.done)-len(n.args)], n)
	return n
}

// levels of operators, from the loosest.
func operators() [][]string {
	return [][]string{
		{"and", "xor", "or", "&", "^", "|"},
		{"==", "!=", "<=", ">=", "=", "<", ">"},
		{"<<", ">>>", ">>"},
		{"+", "-"},
		{"*", "/", "%", "mod"},
	}
}

// operator finds an operator of a level at the place, without reading it. Longer
// ones of other levels come first.
func (p *parser) operator(level int) string {
	p.blanks()
	rest := p.text[p.pos:p.end]
	best, at := "", -1
	for l, list := range operators() {
		for _, op := range list {
			if len(op) > len(best) && p.starts(rest, op) {
				best, at = op, l
			}
		}
	}
	if at != level {
		return ""
	}
	return best
}

// starts reports whether a text begins with an operator. One that is a word ends where the
// word does.
func (p *parser) starts(rest, op string) bool {
	if !isLetter(op[0]) {
		return strings.HasPrefix(rest, op)
	}
	return len(rest) >= len(op) && strings.EqualFold(rest[:len(op)], op) && (len(rest) == len(op) || !inName(rest[len(op)]))
}

func (p *parser) expr(level int) (*node, error) {
	if level == len(operators()) {
		return p.unary()
	}
	left, err := p.expr(level + 1)
	if err != nil {
		return nil, err
	}
	for op := p.operator(level); op != ""; op = p.operator(level) {
		p.take(len(op))
		right, err := p.expr(level + 1)
		if err != nil {
			return nil, err
		}
		left = p.push(&node{kind: kindBinary, op: masmWord(op), args: []*node{left, right}, at: p.last, pos: left.pos})
	}
	return left, nil
}

// masmWord is the one spelling of operators that have two.
func masmWord(op string) string {
	switch op {
	case "and":
		return "&"
	case "or":
		return "|"
	case "xor":
		return "^"
	case "mod":
		return "%"
	case "=":
		return "=="
	}
	return op
}

func (p *parser) unary() (*node, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, p.fail(ErrTooLong, -1)
	}
	defer func() { p.depth-- }()
	start := p.pos
	switch c := p.peek(); c {
	case '+', '-', '~':
		p.take(1)
		return p.operation(map[byte]string{'+': "+", '-': "-", '~': "not"}[c], start)
	}
	return p.primary()
}

// operation reads the operand of an operator of one operand.
func (p *parser) operation(op string, start int) (*node, error) {
	n, err := p.unary()
	if err != nil {
		return nil, err
	}
	return p.push(&node{kind: kindUnary, op: op, args: []*node{n}, at: p.last, pos: start}), nil
}

func (p *parser) primary() (*node, error) {
	c := p.peek()
	for c == '#' || c == '?' { // which the debugger passes over
		p.pos++
		c = p.peek()
	}
	switch {
	case c == 0:
		return nil, p.missing(p.end)
	case c == '(' || c == '[':
		return p.parenthesised(c)
	case c == '\'':
		return p.character()
	case c == '@':
		return p.at()
	case c == '.':
		p.take(1)
		return p.push(&node{kind: kindPseudo, text: "$ip", at: p.last, pos: p.last}), nil
	case c == '!' || inName(c):
		return p.name()
	case strings.IndexByte("*/%<>=&|^)],", c) >= 0:
		return nil, p.missing(p.pos)
	}
	return nil, p.fail(ErrSyntax, p.pos)
}

// missing is the error for an operand that is not there.
func (p *parser) missing(at int) error {
	if p.inner {
		return p.fail(ErrSyntax, at)
	}
	return p.fail(ErrMissing, at)
}

func (p *parser) parenthesised(open byte) (*node, error) {
	start := p.pos
	p.take(1)
	n, err := p.expr(0)
	if err != nil {
		return nil, err
	}
	if p.peek() != map[byte]byte{'(': ')', '[': ']'}[open] {
		return nil, p.fail(ErrSyntax, p.pos)
	}
	p.take(1)
	n.pos = start
	return n, nil
}

// character reads 'a' or up to eight of them. A quote is doubled, a backslash takes
// the next character as it is.
func (p *parser) character() (*node, error) {
	start := p.pos
	v := uint64(0)
	for i := p.pos + 1; i < p.end; i++ {
		switch c := p.text[i]; {
		case c == '\'' && (i+1 == p.end || p.text[i+1] != '\''), c == '\'' && i == start+1:
			p.take(i + 1 - start)
			return p.push(&node{kind: kindNumber, num: number{v, true}, at: start, pos: start}), nil
		case (c == '\'' || c == '\\') && i+1 < p.end:
			i++
			v = v<<8 | uint64(p.text[i])
		default:
			v = v<<8 | uint64(c)
		}
	}
	return nil, p.fail(ErrSyntax, start)
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// inName reports whether a character is part of a name. `!` is, once, and stands
// for itself.
func inName(c byte) bool {
	return isLetter(c) || c >= '0' && c <= '9' || strings.IndexByte("_`.$@:", c) >= 0 || c >= utf8.RuneSelf
}

// word is the name at a place.
func (p *parser) word(from int) string {
	i := from
	for i < p.end && inName(p.text[i]) {
		i++
	}
	return p.text[from:i]
}
