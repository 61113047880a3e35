package symres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/symres/symres/internal/typefind"
	"github.com/symres/symres/pdb"
)

// Type is a type of a module, as [Session.Types] finds it. It is good until
// the session is closed, and safe for concurrent use.
type Type struct {
	pdb.Type
	Module   string // the module's name
	Typedef  string // the name it was found by, where that is another name of the type
	Proof    Proof
	Identity Identity
}

// FullName returns the name the type was found by.
func (t Type) FullName() string { return cmp.Or(t.Typedef, t.Name()) }

// Type returns a type by its name, `module!name`, or `name` for the first
// module that defines it, or else declares it. Case counts first and is ignored where nothing has the
// exact name; a typedef is followed, and the last part of the name of a nested type
// will do. The type is good until the session is
// closed. The error wraps [ErrNoModule], [ErrNoSymbols] or [ErrNotFound].
func (s *Session) Type(ctx context.Context, name string) (Type, error) {
	var declared Type
	var failed error
	for t, err := range s.types(ctx, name, (*typefind.Finder).Named) {
		switch {
		case err != nil:
			failed = cmp.Or(failed, err)
		case !t.IsForward():
			return t, nil
		case declared.Module == "":
			declared = t
		}
	}
	if declared.Module != "" {
		return declared, nil
	}
	return Type{}, failed
}

// Types yields the types of a name, `module!name` or `name` for every module.
// A module that has it by this very name, or by the name in another case, or
// as a typedef, yields one type; one that has it as the last part of the names of
// nested types, ns::Outer::Inner for Inner, yields all of these. Otherwise the name
// may have the wildcards of [Session.Lookup], and what matches is yielded by name,
// types that are only declared among them.
//
// A module whose symbols cannot be loaded yields its [*LoadError] and the
// search goes on. The last error wraps [ErrPattern], [ErrNoModule] when no
// module matched, or [ErrNotFound], with what was tried, when none of the
// modules that have symbols has the type.
func (s *Session) Types(ctx context.Context, pattern string) iter.Seq2[Type, error] {
	return s.types(ctx, pattern, (*typefind.Finder).Matching)
}

func (s *Session) types(ctx context.Context, pattern string, find func(*typefind.Finder) ([]typefind.Found, error)) iter.Seq2[Type, error] {
	modText, name, qualified := strings.Cut(pattern, "!")
	if !qualified {
		modText, name = "*", pattern
	}
	modules, _, err := s.match(modText + "!*")
	if err != nil {
		return failed[Type](err)
	}
	var tried []string
	in := func(m *module) ([]Type, error) {
		syms, err := s.withPDB(ctx, m)
		if err != nil {
			return nil, err
		}
		f := &typefind.Finder{File: syms.pdb, Name: name, Interrupted: func() error { return m.interrupted(ctx) }}
		found, err := find(f)
		if len(found) == 0 && err == nil {
			tried = append(tried, f.Missing(m.Name))
		}
		return typesOf(m, syms, found), m.typesFailed(ctx, err)
	}
	return eachModule(ctx, modules, in, func() error {
		return fmt.Errorf("type %s: %w: %s", pattern, ErrNotFound, typefind.Briefly(tried))
	})
}

// typesOf are the answers out of what was found.
func typesOf(m *module, syms opened, found []typefind.Found) (list []Type) {
	for _, t := range found {
		list = append(list, Type{Type: t.Type, Module: m.Name, Typedef: t.Typedef, Proof: syms.Proof, Identity: syms.Identity})
	}
	return list
}

// typesFailed names the module an error is about, unless the error does.
func (m *module) typesFailed(ctx context.Context, err error) error {
	if err == nil || errors.Is(err, ErrPattern) {
		return err
	}
	return cmp.Or(m.interrupted(ctx), m.failed(err))
}
