package cli

import (
	"errors"

	"github.com/symres/symres/sympath"
)

// pathPart is a path, or a part of one, and where it was given.
type pathPart struct{ origin, text string }

// symbols returns the symbol path in force.
func (o *pathOptions) symbols(getenv func(string) string) []pathPart {
	if o.cmd.Flags().Changed("sympath") {
		return []pathPart{{"--sympath", o.sympath}}
	}
	return fromEnv(getenv, "_NT_ALT_SYMBOL_PATH", "_NT_SYMBOL_PATH")
}

// images returns the image path in force.
func (o *pathOptions) images(getenv func(string) string) []pathPart {
	if o.cmd.Flags().Changed("imagepath") {
		return []pathPart{{"--imagepath", o.imagepath}}
	}
	return fromEnv(getenv, "_NT_EXECUTABLE_IMAGE_PATH")
}

func fromEnv(getenv func(string) string, names ...string) []pathPart {
	var out []pathPart
	for _, name := range names {
		out = append(out, pathPart{name, getenv(name)})
	}
	return out
}

// parsePath reads a path. An element that is wrong ends nothing: it is told of,
// with where it was given, and left out; so is what looks like a slip.
func (a *app) parsePath(parts []pathPart) sympath.Path {
	p, bad := a.readPath(parts)
	for _, err := range bad {
		a.console.warn("%v; this element is left out", err)
	}
	return p
}

// readPath is parsePath for who tells of the elements that are wrong.
func (a *app) readPath(parts []pathPart) (all sympath.Path, bad []error) {
	for _, part := range parts {
		p, wrong := sympath.ParseEach(sympath.ExpandEnv(part.text, a.program.Getenv))
		for _, err := range wrong {
			bad = append(bad, &pathError{part.origin, err})
		}
		for _, w := range p.Warnings() {
			if w.Typo {
				a.console.warn("%s: %s", part.origin, w.Text)
			}
		}
		all = all.Append(p)
	}
	return all, bad
}

// pathError is an element that is wrong, and where it was given.
type pathError struct {
	origin string
	err    *sympath.ParseError
}

// Error implements the error interface.
func (e *pathError) Error() string { return e.origin + ": " + e.err.Error() }

// Unwrap returns the error of the element.
func (e *pathError) Unwrap() error { return e.err }

// defaultCache is a bare cache*, in front of a path that has no cache.
func defaultCache() sympath.Path {
	p, _ := sympath.Parse("cache*")
	return p
}

var errEmptyPath = errors.New("the symbol path is empty; set _NT_SYMBOL_PATH or give --sympath")
