package cli

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/symres/symres/sympath"
	"github.com/symres/symres/sympath/stores"
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

// openStores returns what all stores of the program are made with: its flags are
// those of one command.
func (a *app) openStores(o *pathOptions) (*stores.Stores, error) {
	if a.stores != nil {
		return a.stores, nil
	}
	var mounts sympath.Mounts
	for _, text := range o.unc {
		m, err := sympath.ParseMount(text)
		if err != nil {
			return nil, usage(fmt.Errorf("--unc %w", err))
		}
		mounts = append(mounts, m)
	}
	o.cache = sympath.ExpandEnv(o.cache, a.program.Getenv)
	if _, err := sympath.Parse(o.cache); err != nil {
		return nil, usage(fmt.Errorf("--cache: %w", err))
	}
	remote, err := sympath.ParseRemoteMode(cmp.Or(o.remote, "whole"))
	if err != nil {
		return nil, usage(fmt.Errorf("--remote: %w", err))
	}
	a.stores = stores.New(stores.Config{
		Getenv: a.program.Getenv, Cache: o.cache, Offline: o.offline, Refresh: o.refresh, Mounts: mounts, SMB21: o.smb21,
		Trace: a.progress.trace(), Rehash: a.noisy, Remote: remote,
	})
	return a.stores, nil
}

// closeStores ends what a command began.
func (a *app) closeStores() {
	a.progress.stop()
	if a.stores != nil {
		a.stores.Close()
	}
}
