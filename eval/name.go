package eval

import "strings"

// name reads what begins with a letter or a digit, or with $ or !: a number, an
// operator, a function, a register or a symbol.
func (p *parser) name() (*node, error) {
	start := p.pos
	word := p.word(start)
	bang := start + len(word)
	if bang < p.end && p.text[bang] == '!' && !strings.HasPrefix(p.text[bang:p.end], "!=") {
		after := p.word(bang + 1)
		if after == "" {
			return nil, p.fail(ErrSyntax, start)
		}
		word += "!" + after
	}
	if word == "" { // of !=
		return nil, p.fail(ErrSyntax, start)
	}
	lower := strings.ToLower(word)
	if prefix, _ := radixOf(word); prefix != 0 && prefix != 16 {
		word, _, _ = strings.Cut(word, "`") // which only divides digits of hex
	}
	n, overflow, isNumber := parseNumber(word, p.radix)
	if p.text[p.last] == '+' { // a number behind it is not extended
		n.ticked = true
	}
	switch {
	case overflow:
		return nil, p.fail(ErrOverflow, start)
	case isNumber:
		p.take(len(word))
		return p.push(&node{kind: kindNumber, num: n, at: start, pos: start}), nil
	case word[0] >= '0' && word[0] <= '9' || word[0] == '`':
		return nil, p.fail(ErrSyntax, start)
	case isUnaryWord(lower):
		p.take(len(word))
		return p.operation(lower, start)
	case lower == "and" || lower == "or" || lower == "xor" || lower == "mod":
		return nil, p.missing(start)
	case word == "$":
		return nil, p.fail(ErrSyntax, start)
	case word[0] == '$':
		return p.dollar(word, lower)
	}
	p.take(len(word))
	return p.push(&node{kind: kindSymbol, text: word, at: start, pos: start}), nil
}

func isUnaryWord(w string) bool {
	switch w {
	case "not", "hi", "low", "by", "wo", "dwo", "qwo", "poi", "$pby", "$pwo", "$pdwo", "$pqwo", "$ppoi":
		return true
	}
	return false
}

// dollar reads a function or a pseudo-register.
func (p *parser) dollar(word, lower string) (*node, error) {
	start := p.pos
	p.take(len(word))
	switch lower {
	case "$iment":
		return p.call(lower, start, 1)
	case "$vvalid":
		return p.call(lower, start, 2)
	case "$fnsucc":
		return p.call(lower, start, 3)
	case "$scmp", "$sicmp", "$spat":
		return p.stringCall(lower, start)
	}
	return p.push(&node{kind: kindPseudo, text: word, at: start, pos: start}), nil
}

func (p *parser) call(name string, start, count int) (*node, error) {
	if p.peek() != '(' {
		return nil, p.fail(ErrSyntax, p.pos)
	}
	p.take(1)
	var args []*node
	for i := range count {
		if i > 0 {
			if p.peek() != ',' {
				return nil, p.fail(ErrSyntax, p.pos)
			}
			p.take(1)
		}
		a, err := p.expr(0)
		if err != nil {
			return nil, err
		}
		args = append(args, a)
	}
	if p.peek() != ')' {
		return nil, p.fail(ErrSyntax, p.pos)
	}
	p.take(1)
	return p.push(&node{kind: kindCall, op: name, args: args, at: p.last, pos: start}), nil
}

// stringCall reads the two strings of a comparison. What is wrong before the second
// one ends is wrong with all of it.
func (p *parser) stringCall(name string, start int) (*node, error) {
	n := &node{kind: kindStrings, op: name, pos: start}
	if p.peek() != '(' {
		return nil, p.fail(ErrSyntax, p.pos)
	}
	open := p.pos
	p.take(1)
	for i := range n.strings {
		if i > 0 {
			if p.peek() != ',' {
				return nil, p.fail(ErrSyntax, open)
			}
			p.take(1)
		}
		s, ok := p.quoted()
		if !ok {
			return nil, p.fail(ErrSyntax, open)
		}
		n.strings[i] = s
	}
	if p.peek() != ')' {
		return nil, p.fail(ErrSyntax, p.pos)
	}
	p.take(1)
	n.at = p.last
	return p.push(n), nil
}

// quoted reads a string, in which a backslash takes the next character as it is.
func (p *parser) quoted() (string, bool) {
	if p.peek() != '"' {
		return "", false
	}
	var b strings.Builder
	for i := p.pos + 1; i < p.end; i++ {
		switch c := p.text[i]; {
		case c == '"':
			p.take(i + 1 - p.pos)
			return b.String(), true
		case c == '\\' && i+1 < p.end:
			i++
			b.WriteByte(p.text[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", false
}

// at reads what begins with @: a register, a quoted symbol, or an expression for a
// named evaluator.
func (p *parser) at() (*node, error) {
	start := p.pos
	rest := p.text[start:p.end]
	switch {
	case strings.HasPrefix(rest, "@@"):
		return p.evaluator()
	case strings.HasPrefix(rest, "@!"):
		name, after, ok := strings.Cut(strings.TrimPrefix(rest, `@!"`), `"`)
		if !ok || name == "" || !strings.HasPrefix(rest, `@!"`) {
			return nil, p.fail(ErrSyntax, start)
		}
		p.take(len(rest) - len(after))
		return p.push(&node{kind: kindQuoted, text: name, at: start, pos: start}), nil
	}
	word := p.word(start + 1)
	p.take(1 + len(word))
	n := &node{kind: kindRegister, op: "@", text: word, at: start, pos: start}
	if strings.HasPrefix(word, "$") {
		n.kind = kindPseudo
	}
	return p.push(n), nil
}

// evaluator reads @@(...), @@c++(...) or @@masm(...).
func (p *parser) evaluator() (*node, error) {
	start := p.pos
	name, _, open := strings.Cut(p.text[start:p.end], "(")
	cpp := strings.EqualFold(name, "@@c++") || name == "@@"
	switch {
	case !open && start+2 == p.end:
		return nil, p.fail(ErrSyntax, start)
	case !open || !cpp && !strings.EqualFold(name, "@@masm"):
		return nil, p.fail(ErrSyntax, -1)
	}
	from := start + len(name) + 1
	n, next, err := p.inside(from, cpp)
	if err != nil {
		return nil, err
	}
	p.pos = next
	p.done = append(p.done, n)
	if p.peek() != ')' {
		return nil, p.fail(ErrSyntax, start)
	}
	p.take(1)
	kind := kindMASM
	if cpp {
		kind = kindCPP
	}
	return p.push(&node{kind: kind, args: []*node{n}, at: start, pos: start}), nil
}

// inside reads the expression in the parentheses of an evaluator, and says where it
// ends.
func (p *parser) inside(from int, cpp bool) (*node, int, error) {
	if p.depth >= maxDepth {
		return nil, 0, p.fail(ErrTooLong, -1)
	}
	if cpp {
		c := &cppParser{text: p.text, pos: from, end: p.end, depth: p.depth}
		c.next()
		n, err := c.comma()
		return n, c.tok.pos, err
	}
	q := &parser{text: p.text, pos: from, end: p.end, last: from - 1, radix: p.radix, depth: p.depth + 1, inner: true}
	n, err := q.expr(0)
	p.done = append(p.done, q.done...)
	if err == nil {
		p.done = p.done[:len(p.done)-1]
	}
	return n, q.pos, err
}
