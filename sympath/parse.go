package sympath

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ErrSyntax is wrapped by every [ParseError].
var ErrSyntax = errors.New("symbol path syntax")

// ParseError says what is wrong with a symbol path, and where.
type ParseError struct {
	Pos    int    // byte offset into the path
	Text   string // the part of the path that is wrong
	Reason string
}

// Error implements the error interface. The position is counted from 1.
func (e *ParseError) Error() string {
	return fmt.Sprintf("symbol path, column %d: %s: %q", e.Pos+1, e.Reason, e.Text)
}

// Unwrap returns [ErrSyntax].
func (e *ParseError) Unwrap() error { return ErrSyntax }

// Parse reads a symbol path, the text of _NT_SYMBOL_PATH or .sympath:
//
//	path    = element { ";" element }
//	element = "" | cache | server | dir
//	cache   = "cache*" [ dir ] { "*" dir }
//	server  = ( "srv" | "symsrv*" dll ) { "*" store }
//	store   = "" | dir | \\server\share | http:// URL | https:// URL
//
// Keywords may be in either case, spaces around words are dropped and so are
// quotes around the path, an element or a store; empty elements mean nothing. A
// ~ or a variable that nobody replaced is refused: see [ExpandEnv]. The error is
// a [*ParseError]. A path that is legal but hardly meant like that is
// accepted: see [Path.Warnings].
func Parse(s string) (Path, error) {
	p, bad := ParseEach(s)
	if len(bad) > 0 {
		return Path{}, bad[0]
	}
	return p, nil
}

// ParseEach is Parse for callers that continue without the invalid elements: it
// returns the path of the valid elements, and an error for each invalid one, in
// path order.
func ParseEach(s string) (Path, []*ParseError) {
	var p Path
	var bad []*ParseError
	all := trim(s, 0).unquote()
	pos := all.pos
	for text := range strings.SplitSeq(all.text, ";") {
		e, err := parseElement(trim(text, pos).unquote())
		switch {
		case err != nil:
			bad = append(bad, err)
		case e.Text != "":
			p.elements = append(p.elements, e)
		}
		pos += len(text) + 1
	}
	return p, bad
}

// word is a piece of the path text and its position.
type word struct {
	text string
	pos  int
}

func trim(s string, pos int) word {
	left := strings.TrimLeft(s, " \t\r\n")
	return word{strings.TrimRight(left, " \t\r\n"), pos + len(s) - len(left)}
}

func (w word) fail(reason string) *ParseError {
	return &ParseError{Pos: w.pos, Text: shorten(redact(w.text)), Reason: reason}
}

func (w word) split() []word {
	var words []word
	pos := w.pos
	for text := range strings.SplitSeq(w.text, "*") {
		words = append(words, trim(text, pos))
		pos += len(text) + 1
	}
	return words
}

func parseElement(w word) (Element, *ParseError) {
	if err := checkText(w); err != nil {
		return Element{}, err
	}
	words := w.split()
	if len(words) == 1 {
		return parsePlace(w)
	}
	e := Element{Text: w.text, Pos: w.pos, Keyword: words[0].text}
	var stores []word
	switch strings.ToLower(e.Keyword) {
	case "srv":
		e.Kind, stores = ElementServer, words[1:]
	case "cache":
		e.Kind, stores = ElementCache, words[1:]
	case "symsrv":
		if len(words) < 3 || words[1].text == "" {
			return Element{}, w.fail("symsrv* wants a DLL and a store: symsrv*symsrv.dll*store")
		}
		e.Kind, e.DLL, stores = ElementServer, words[1].text, words[2:]
	default:
		return Element{}, words[0].fail("only srv*, symsrv* and cache* take stores after a *")
	}
	if len(stores) == 1 && stores[0].text == "" {
		stores = nil
	}
	return e.withStores(stores)
}

// checkText refuses what cannot be part of a name on any system.
func checkText(w word) *ParseError {
	for i, r := range w.text {
		bad := word{w.text[i:][:1], w.pos + i}
		if r == utf8.RuneError && !strings.HasPrefix(w.text[i:], "\ufffd") {
			return bad.fail("not UTF-8")
		}
		if unicode.IsControl(r) {
			return bad.fail("control character")
		}
	}
	return nil
}

// withStores adds the stores of a chain and rebuilds Text from words that hold
// no password.
func (e Element) withStores(stores []word) (Element, *ParseError) {
	for _, w := range stores {
		w = w.unquote()
		store, err := parsePlace(w)
		if err != nil {
			return Element{}, err
		}
		if w.text == "" {
			store.Kind = ElementDefault
		}
		store.Keyed = true
		e.Stores = append(e.Stores, store)
	}
	e.Text = e.String()
	return e, nil
}

// parsePlace reads a word that names one place.
func parsePlace(w word) (Element, *ParseError) {
	e := Element{Kind: ElementDir, Text: w.text, Pos: w.pos}
	switch {
	case isHTTP(w.text):
		return parseURL(w)
	case isUNC(w.text):
		e.Kind = ElementUNC
	}
	if why := unexpanded(w.text); why != "" {
		return Element{}, w.fail(why)
	}
	return e, nil
}

func isHTTP(s string) bool {
	return hasPrefixFold(s, "http://") || hasPrefixFold(s, "https://")
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// isUNC tells \\server\share from the device forms \\?\ and \\.\.
func isUNC(s string) bool {
	return len(s) > 2 && strings.HasPrefix(s, `\\`) && !strings.ContainsRune(`\?./`, rune(s[2]))
}

func parseURL(w word) (Element, *ParseError) {
	u, err := url.Parse(w.text)
	if err != nil || u.Host == "" || u.Opaque != "" {
		// The cause is left out: it repeats the URL, password and all.
		return Element{}, w.fail("not a URL with a host")
	}
	return Element{Kind: ElementHTTP, Text: redact(w.text), Pos: w.pos, userinfo: u.User, query: u.RawQuery}, nil
}

// redact cuts "user:password@" and the query out of a URL and leaves the rest
// as typed.
func redact(s string) string {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		return s
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	at := strings.LastIndexByte(rest[:end], '@')
	rest = rest[at+1:]
	if query := strings.IndexAny(rest, "?#"); query >= 0 {
		rest = rest[:query]
	}
	return scheme + "://" + rest
}
