package sympath

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// ElementKind says what an element of a symbol path is.
type ElementKind uint8

// The kinds of elements. Server and Cache hold the others in Stores.
const (
	ElementDir     ElementKind = iota // a directory; or, in a chain, a store in a directory
	ElementUNC                        // \\server\share\dir
	ElementHTTP                       // http:// or https:// URL
	ElementDefault                    // an empty place in a chain: the default downstream store
	ElementServer                     // srv* or symsrv*dll*: a chain of stores
	ElementCache                      // cache*: stores that keep what is found to their right
)

// String returns the kind in one word.
func (k ElementKind) String() string {
	switch k {
	case ElementDir:
		return "directory"
	case ElementUNC:
		return "unc"
	case ElementHTTP:
		return "http"
	case ElementDefault:
		return "default"
	case ElementServer:
		return "server"
	case ElementCache:
		return "cache"
	}
	return fmt.Sprintf("ElementKind(%d)", uint8(k))
}

// Element is one part of a symbol path. It is safe for concurrent use.
type Element struct {
	Kind ElementKind
	// Text is the element as typed, without spaces around it and without the
	// user name, password and query of a URL.
	Text string
	// Pos is the byte offset of the element in the parsed text.
	Pos int
	// Keyword is srv, symsrv or cache as typed, for the kinds that have one.
	Keyword string
	// DLL is the second word of symsrv*dll*...; every DLL is read as symsrv.dll.
	DLL string
	// Stores are the stores of a chain, nearest first. An srv* or cache* with
	// nothing after it has none: see [Element.Expand].
	Stores []Element
	// Keyed is set for the places in a chain, where files are stored by name
	// and key. A place outside a chain is searched by name.
	Keyed bool

	userinfo *url.Userinfo
	query    string
}

// Userinfo returns the user name and password a URL was typed with, or nil.
// They are kept out of Text and String so that no log or error shows them.
func (e Element) Userinfo() *url.Userinfo { return e.userinfo }

// Err says why an element is not searched: it looks like a URL but is not a
// valid one, and as a directory it would be relative to the current directory.
// It is nil for every other element.
func (e Element) Err() error {
	if e.Kind == ElementDir && misspelled(e.Text) {
		return errMisspelled
	}
	return nil
}

var errMisspelled = errors.New("not an http or https URL, though it looks like one; nothing is looked for there")

// Query returns the part of a URL after the ?, which contains the signature of
// signed URLs. Like [Element.Userinfo] it is never shown.
func (e Element) Query() string { return e.query }

// String returns the element as it is written in a path.
func (e Element) String() string {
	var words []string
	switch e.Kind {
	case ElementServer, ElementCache:
		words = append(words, e.Keyword)
		if e.DLL != "" {
			words = append(words, e.DLL)
		}
		for _, s := range e.Stores {
			words = append(words, s.Text)
		}
		if len(e.Stores) == 0 {
			words = append(words, "")
		}
		return strings.Join(words, "*")
	}
	return e.Text
}

// MicrosoftServer is the public symbol server that a bare srv* stands for.
const MicrosoftServer = "https://msdl.microsoft.com/download/symbols"

// Expand returns the elements a bare srv* stands for, as .sympath prints them
// in its second line: cache*;SRV*https://msdl.microsoft.com/download/symbols.
// Every other element expands to itself.
func (e Element) Expand() []Element {
	if e.Kind != ElementServer || len(e.Stores) > 0 {
		return []Element{e}
	}
	cache := Element{Kind: ElementCache, Text: "cache*", Pos: e.Pos, Keyword: "cache"}
	server := Element{Kind: ElementHTTP, Text: MicrosoftServer, Pos: e.Pos, Keyed: true}
	return []Element{cache, {
		Kind: ElementServer, Text: "SRV*" + MicrosoftServer, Pos: e.Pos, Keyword: "SRV", Stores: []Element{server},
	}}
}

// Path is a parsed symbol path. The zero Path is empty and finds nothing. A
// Path is immutable and safe for concurrent use.
type Path struct{ elements []Element }

// Elements returns the elements from left to right; empty ones are dropped.
func (p Path) Elements() []Element { return slices.Clone(p.elements) }

// String returns the path in its normal spelling: as typed, without empty
// elements, spaces around words, and URL passwords. [Parse] reads it back as an
// equal path, except that positions are those of the new text.
func (p Path) String() string {
	words := make([]string, len(p.elements))
	for i, e := range p.elements {
		words[i] = e.String()
	}
	return strings.Join(words, ";")
}

// Append returns the path with the elements of another behind its own. Their
// positions stay those of the texts they were read from.
func (p Path) Append(other Path) Path {
	return Path{append(p.elements[:len(p.elements):len(p.elements)], other.elements...)}
}

// Expand returns the path with every bare srv* replaced by what it stands for.
func (p Path) Expand() Path {
	var out Path
	for _, e := range p.elements {
		out.elements = append(out.elements, e.Expand()...)
	}
	return out
}

// DefaultPath returns the symbol path in the environment: the value of
// _NT_ALT_SYMBOL_PATH and then that of _NT_SYMBOL_PATH, as in WinDbg, after
// [ExpandEnv]. getenv is os.Getenv or a substitute for it. It is empty when
// neither is set.
func DefaultPath(getenv func(string) string) string {
	var parts []string
	for _, name := range []string{"_NT_ALT_SYMBOL_PATH", "_NT_SYMBOL_PATH"} {
		if v := strings.Trim(getenv(name), " \t;"); v != "" {
			parts = append(parts, ExpandEnv(v, getenv))
		}
	}
	return strings.Join(parts, ";")
}
