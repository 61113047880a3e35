// Package pattern matches names against WinDbg's symbol patterns, in time
// linear in the length of the name.
package pattern

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/symres/symres/pdb/undname"
)

// ErrSyntax is wrapped by the errors about a pattern that cannot be understood.
var ErrSyntax = errors.New("bad symbol pattern")

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

// Parse compiles a pattern. Its error wraps [ErrSyntax] and names the
// position of the fault.
func Parse(text string) (*Pattern, error) {
	if len(text) > maxPattern {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrSyntax, len(text), maxPattern)
	}
	if !utf8.ValidString(text) {
		return nil, fmt.Errorf("%w %q: not valid UTF-8", ErrSyntax, text)
	}
	expr, err := translate(text)
	if err != nil {
		return nil, err
	}
	re, err := regexp.Compile(expr)
	if err != nil {
		return nil, fmt.Errorf("%w %q: %v", ErrSyntax, text, err)
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
			return "", fmt.Errorf("%w %q at %d: %v", ErrSyntax, text, len(text)-len(rest), err)
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

// minLiteral is the length from which a piece of a pattern is worth a search.
const minLiteral = 3

// Literals returns identifiers that occur in the raw form of every matching
// name: the text between wildcards, without words that occur only in
// undecorated C++ names. Letter case does not matter. The list may be empty.
func (p *Pattern) Literals() []string {
	var list []string
	for _, piece := range pieces(p.text) {
		for _, id := range strings.FieldsFunc(piece, notIdentifier) {
			id = strings.TrimLeft(id, "_") // of any number; C names lose one
			if len(id) >= minLiteral && !undname.MayGenerate(id) && !slices.Contains(list, id) {
				list = append(list, id)
			}
		}
	}
	return list
}

// Plain returns the name the pattern matches, any letter case aside, if that is all it
// says: it has no wildcard, no class and no leading underscore.
func (p *Pattern) Plain() (name string, ok bool) {
	return p.text, p.text != "" && p.text[0] != '_' && !strings.ContainsAny(p.text, `*?[]#+\`)
}

// pieces splits a pattern at its wildcards. A character that # or + repeats is
// part of no piece, and neither is one a backslash is in front of.
func pieces(text string) []string {
	var list []string
	start := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '#', '+':
			list = append(list, text[start:max(start, i-1)])
		case '*', '?':
			list = append(list, text[start:i])
		case '[':
			list = append(list, text[start:i])
			i += max(0, strings.IndexByte(text[i:], ']'))
		case '\\':
			list = append(list, text[start:i])
			i++
		default:
			continue
		}
		start = i + 1
	}
	return append(list, text[min(start, len(text)):])
}

func notIdentifier(r rune) bool {
	return r >= 0x80 || !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_')
}
