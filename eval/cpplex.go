package eval

import (
	"math"
	"strconv"
	"strings"
)

// cppToken is a token of C++.
type cppToken struct {
	kind cppKind
	pos  int
	text string
	val  Value // of a literal
	err  error // of what is no token
}

type cppKind uint8

const (
	cppEnd     cppKind = iota
	cppLiteral         // val
	cppName            // a name, with `mod!` in front of it or not
	cppAt              // @name
	cppEval            // @@c++, @@masm or @@; the parenthesis comes next
	cppMacro           // #NAME
	cppOp
	cppBad
)

// cppParser reads an expression of C++.
type cppParser struct {
	text  string
	pos   int // behind the token
	end   int
	tok   cppToken // the one that comes next
	depth int
}

// next reads a token.
func (p *cppParser) next() {
	for p.pos < p.end && strings.IndexByte(" \t\r\n", p.text[p.pos]) >= 0 {
		p.pos++
	}
	t := cppToken{pos: p.pos}
	rest := p.text[p.pos:p.end]
	n := 0
	switch {
	case rest == "":
	case rest[0] >= '0' && rest[0] <= '9':
		t.kind = cppLiteral
		t.val, n = cppNumber(rest)
	case rest[0] == '\'' || strings.HasPrefix(rest, "L'"):
		n = t.character(rest)
	case rest[0] == '"' || strings.HasPrefix(rest, `L"`):
		t.kind, t.err = cppBad, ErrString
		if strings.Count(rest, `"`) < 2 {
			t.err = ErrLiteral
		}
	case strings.HasPrefix(rest, "@@"):
		t.kind, n = cppEval, strings.IndexByte(rest+"(", '(')
	case rest[0] == '@':
		t.kind, n = cppAt, 1+cppWord(rest[1:])
	case rest[0] == '#':
		t.kind, n = cppMacro, 1+cppWord(rest[1:])
	case isLetter(rest[0]) || rest[0] == '_':
		t.kind = cppName
		if n = cppSymbol(rest); rest[n-1] == '!' {
			t.kind, t.err = cppBad, ErrIncomplete
		}
	default:
		n = t.operator(rest)
	}
	n = min(n, len(rest))
	t.text = rest[:n]
	p.pos += n
	p.tok = t
}

func (t *cppToken) operator(rest string) int {
	t.kind = cppOp
	for _, op := range []string{"->", "<<", ">>", "<=", ">=", "==", "!=", "&&", "||", "++", "--", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^="} {
		if strings.HasPrefix(rest, op) {
			return len(op)
		}
	}
	if strings.IndexByte("()[]{}+-*/%<>=!~&|^?:,.;", rest[0]) < 0 {
		t.kind, t.err = cppBad, ErrCharacter
	}
	return 1
}

// cppWord is the length of a word, which may have $ in it.
func cppWord(s string) int {
	i := 0
	for i < len(s) && (isLetter(s[i]) || s[i] >= '0' && s[i] <= '9' || s[i] == '_' || s[i] == '$') {
		i++
	}
	return i
}

// cppSymbol is the length of a name with scopes and the module in front of it.
func cppSymbol(s string) int {
	i := cppWord(s)
	for bang := false; i < len(s); {
		switch {
		case s[i] == '!' && !bang && !strings.HasPrefix(s[i:], "!="):
			bang = true
			i++
		case strings.HasPrefix(s[i:], "::"):
			i += 2
		default:
			return i
		}
		i += cppWord(s[i:])
	}
	return i
}

// cppNumber reads the literal a text begins with.
func cppNumber(s string) (Value, int) {
	if n := hexLength(s); n > 0 {
		v, _, _ := digitsOf(strings.ReplaceAll(s[2:n], "`", ""), 16)
		return suffixed(v.value, s, n, true)
	}
	n := decimalLength(s)
	if n < len(s) && (s[n] == '.' || s[n]|0x20 == 'e') {
		return cppFloat(s, n)
	}
	radix := 10
	if s[0] == '0' && !strings.ContainsAny(s[:n], "89") {
		radix = 8
	}
	v, _, _ := digitsOf(s[:n], radix)
	return suffixed(v.value, s, n, false)
}

func decimalLength(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

func hexLength(s string) int {
	if len(s) < 2 || s[0] != '0' || s[1]|0x20 != 'x' {
		return 0
	}
	n := 2
	for n < len(s) && (digit(s[n]) < 16 || s[n] == '`') {
		n++
	}
	return n
}

// suffixed reads what may stand behind a number, and gives it the smallest type.
func suffixed(v uint64, s string, n int, hex bool) (Value, int) {
	suffix := strings.ToLower(s[n:min(n+4, len(s))])
	unsigned, wide := false, false
	for _, x := range []struct {
		text           string
		unsigned, wide bool
	}{{"ui64", true, true}, {"i64", false, true}, {"ull", true, false}, {"ul", true, false}, {"lu", true, false}, {"ll", false, false}, {"u", true, false}, {"l", false, false}} {
		if strings.HasPrefix(suffix, x.text) {
			n, unsigned, wide = n+len(x.text), x.unsigned, x.wide
			break
		}
	}
	name := "int"
	switch {
	case v > math.MaxUint32 || wide || !hex && !unsigned && v > math.MaxInt32:
		name = "int64"
		unsigned = unsigned || v > math.MaxInt64
	case v > math.MaxInt32:
		unsigned = true
	}
	if unsigned {
		name = "unsigned " + name
	}
	return Value{Uint: v, typ: mustBuiltin(name), cpp: true}, n
}

// cppFloat reads a number with a fraction or an exponent. n digits stand in front.
func cppFloat(s string, n int) (Value, int) {
	if s[n] == '.' {
		n++
		n += decimalLength(s[n:])
	}
	digits := n
	if n < len(s) && s[n]|0x20 == 'e' {
		n++
		if n < len(s) && (s[n] == '+' || s[n] == '-') {
			n++
		}
		if exp := decimalLength(s[n:]); exp > 0 {
			n += exp
			digits = n
		}
	}
	f, _ := strconv.ParseFloat(s[:digits], 64) // what is too large is infinite
	v := Value{float: f, typ: mustBuiltin("double"), cpp: true}
	if n < len(s) && s[n]|0x20 == 'f' {
		v.typ, v.float = mustBuiltin("float"), float64(float32(f))
		n++
	}
	return v, n
}

// character reads a character, or several as a number.
func (t *cppToken) character(s string) int {
	wide := s[0] == 'L'
	i := strings.IndexByte(s, '\'') + 1
	var v, count uint64
	for ; i < len(s) && s[i] != '\''; i++ {
		c := s[i]
		if c == '\\' && i+1 < len(s) {
			i++
			c = unescaped(s[i])
		}
		v = v<<8 | uint64(c)
		count++
	}
	t.kind = cppLiteral
	name := map[uint64]string{1: "char", 2: "short"}[count]
	switch {
	case i >= len(s):
		t.kind, t.err = cppBad, ErrLiteral
	case count == 0:
		t.kind, t.err = cppBad, ErrSyntax
	case count == 1 && wide:
		name = "wchar_t"
	case count == 1:
		v = uint64(int64(int8(v)))
	case count == 2:
		v = uint64(int64(int16(v)))
	case count > 2 && v > math.MaxInt64:
		name = "unsigned int64"
	case count > 2:
		name = "int64"
	}
	if name != "" {
		t.val = Value{Uint: v, typ: mustBuiltin(name), cpp: true}
	}
	return i + 1
}

func unescaped(c byte) byte {
	if i := strings.IndexByte("abfnrtv0", c); i >= 0 {
		return "\a\b\f\n\r\t\v\x00"[i]
	}
	return c
}
