package sympath

import (
	"fmt"
	"strings"
)

// Warning is about a part of a path that is valid but probably not what the
// user meant.
type Warning struct {
	Pos  int // byte offset into the parsed text
	Text string
	// Typo is set if the element will not work, and is not just unusual.
	Typo bool
}

// maxStores is how many stores symsrv reads after srv* (Win32 documentation,
// "Using SymSrv").
const maxStores = 10

// Warnings lists what a careful reader would ask about, in path order.
func (p Path) Warnings() []Warning {
	var out []Warning
	for _, e := range p.elements {
		warn := func(pos int, format string, args ...any) {
			out = append(out, Warning{Pos: pos, Text: fmt.Sprintf(format, args...)})
		}
		e.lint(warn)
		for _, place := range append([]Element{e}, e.Stores...) {
			if err := place.Err(); err != nil {
				out = append(out, Warning{Pos: place.Pos, Text: err.Error() + ": " + place.Text, Typo: true})
			}
		}
	}
	return out
}

func (e Element) lint(warn func(pos int, format string, args ...any)) {
	switch e.Kind {
	case ElementHTTP:
		warn(e.Pos, "a URL on its own is ignored by other debuggers; write srv*%s", e.Text)
	case ElementServer:
		e.lintServer(warn)
	case ElementCache:
		for _, s := range e.Stores {
			if s.Kind == ElementHTTP {
				warn(s.Pos, "a server cannot be a cache")
			}
		}
	}
	e.lintPlace(warn)
	for _, s := range e.Stores {
		s.lintPlace(warn)
	}
}

func (e Element) lintServer(warn func(pos int, format string, args ...any)) {
	if e.DLL != "" && !strings.EqualFold(e.DLL, "symsrv.dll") {
		warn(e.Pos, "%s is read as symsrv.dll", e.DLL)
	}
	if len(e.Stores) > maxStores {
		warn(e.Stores[maxStores].Pos, "symsrv reads only the first %d stores", maxStores)
	}
	for i, s := range e.Stores {
		if s.Kind == ElementHTTP && i < len(e.Stores)-1 {
			warn(s.Pos, "a server must be the last store: what is to its right cannot fill it")
		}
		if s.Kind == ElementUNC && i < len(e.Stores)-1 {
			warn(s.Pos, "a share is read, but not filled with what is found to its right")
		}
	}
}

func (e Element) lintPlace(warn func(pos int, format string, args ...any)) {
	switch {
	case e.userinfo != nil:
		warn(e.Pos, "a password in a path is seen by every program; keep it elsewhere")
	case e.query != "":
		warn(e.Pos, "the query of a URL, where signed ones have their signature, is seen by every program; it is sent, and not shown")
	case e.Kind == ElementHTTP && hasPrefixFold(e.Text, "http://"):
		warn(e.Pos, "http is not encrypted; write https")
	}
}
