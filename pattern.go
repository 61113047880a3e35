package symres

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// maxPattern bounds a pattern in bytes. Matching takes time in proportion to
// the pattern and to the name.
const maxPattern = 4 << 10

// Pattern is a WinDbg symbol pattern: `*` any text, `?` one character, `[a-c]`
// one of a class, `#` and `+` zero or more and one or more of what precedes,
// `\` takes the next character as it is, and a leading `_` any number of
// underscores. Matching ignores case and spans the whole name. A Pattern is
// immutable and safe for concurrent use.
//
// Source: string wildcard syntax, Windows debugger documentation.
type Pattern struct {
	text string
	re   *regexp.Regexp
	all  bool
}

// ParsePattern compiles a pattern. Its error wraps [ErrPattern] and names the
// position of the fault.
func ParsePattern(text string) (*Pattern, error) {
	if len(text) > maxPattern {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrPattern, len(text), maxPattern)
	}
	if !utf8.ValidString(text) {
		return nil, fmt.Errorf("%w %q: not valid UTF-8", ErrPattern, text)
	}
	expr, err := translate(text)
	if err != nil {
		return nil, err
	}
	re, err := regexp.Compile(expr)
	if err != nil {
		return nil, fmt.Errorf("%w %q: %v", ErrPattern, text, err)
	}
	return &Pattern{text: text, re: re, all: strings.Trim(text, "*") == "" && text != ""}, nil
}

// String returns the pattern as it was written.
func (p *Pattern) String() string { return p.text }

// Match reports whether the whole of name matches.
func (p *Pattern) Match(name []byte) bool { return p.all || p.re.Match(name) }

// translate turns the pattern into an expression of package regexp, which
// matches in time linear in the name whatever the pattern is.
func translate(text string) (string, error) {
	var b strings.Builder
	b.WriteString(`(?is)\A`)
	rest := text
	if strings.HasPrefix(rest, "_") {
		b.WriteString("_*")
		rest = rest[1:]
	}
	atom := false // whether # and + have something to repeat
	for rest != "" {
		expr, n, err := next(rest, atom)
		if err != nil {
			return "", fmt.Errorf("%w %q at %d: %v", ErrPattern, text, len(text)-len(rest), err)
		}
		b.WriteString(expr)
		atom = rest[0] != '*' && rest[0] != '#' && rest[0] != '+'
		rest = rest[n:]
	}
	b.WriteString(`\z`)
	return b.String(), nil
}

// next translates one element and returns how many bytes it took.
func next(rest string, atom bool) (expr string, n int, err error) {
	switch rest[0] {
	case '*':
		return ".*", len(rest) - len(strings.TrimLeft(rest, "*")), nil
	case '?':
		return ".", 1, nil
	case '[':
		return class(rest)
	case '#', '+':
		if !atom {
			return "", 0, fmt.Errorf("%q has nothing to repeat", rest[0])
		}
		return map[byte]string{'#': "*", '+': "+"}[rest[0]], 1, nil
	case '\\':
		if len(rest) < 2 {
			return "", 0, fmt.Errorf("nothing follows the backslash")
		}
		return literal(rest[1:], 1)
	}
	return literal(rest, 0)
}

// literal quotes the first character of s; skipped is what came before it.
func literal(s string, skipped int) (string, int, error) {
	for i := range s {
		if i > 0 {
			return regexp.QuoteMeta(s[:i]), i + skipped, nil
		}
	}
	return regexp.QuoteMeta(s), len(s) + skipped, nil
}

func class(rest string) (string, int, error) {
	end := strings.IndexByte(rest, ']')
	if end < 2 {
		return "", 0, fmt.Errorf("class without members or without ]")
	}
	members := strings.NewReplacer(`\`, `\\`, `^`, `\^`, `[`, `\[`).Replace(rest[1:end])
	return "[" + members + "]", end + 1, nil
}
