package symres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

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
	for t, err := range s.types(ctx, name, (*typeFinder).named) {
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
	return s.types(ctx, pattern, (*typeFinder).matching)
}

func (s *Session) types(ctx context.Context, pattern string, find func(*typeFinder) ([]Type, error)) iter.Seq2[Type, error] {
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
		syms, err := s.opened(ctx, m)
		if err != nil {
			return nil, err
		}
		f := &typeFinder{ctx: ctx, module: m, syms: syms, name: name}
		found, err := find(f)
		if len(found) == 0 && err == nil {
			tried = append(tried, f.missing())
		}
		return found, err
	}
	return eachModule(ctx, modules, in, func() error {
		return fmt.Errorf("type %s: %w: %s", pattern, ErrNotFound, briefly(tried))
	})
}

// briefly lists reasons, the first few of them.
func briefly(reasons []string) string {
	const most = 3
	if len(reasons) > most {
		reasons = append(slices.Clone(reasons[:most]), fmt.Sprintf("and so on for %d more modules", len(reasons)-most))
	}
	return strings.Join(reasons, "; ")
}

// typeFinder looks for types in one module.
type typeFinder struct {
	ctx    context.Context
	module *module
	syms   opened
	name   string
}

// missing says what was tried in vain.
func (f *typeFinder) missing() string {
	for _, err := range f.syms.pdb.Types() {
		if err == nil {
			return f.module.Name + " has no type and no typedef of that name, in any case"
		}
	}
	return "the PDB of " + f.module.Name + " has no types"
}

func (f *typeFinder) typ(t pdb.Type, typedef string) Type {
	return Type{Type: t, Module: f.module.Name, Typedef: typedef, Proof: f.syms.proof, Identity: f.syms.identity}
}

func (f *typeFinder) wrap(err error) error {
	if err == nil {
		return nil
	}
	return f.module.failed(err)
}

// named finds the one type of the name, through the hash tables of the PDB.
func (f *typeFinder) named() ([]Type, error) {
	p := f.syms.pdb
	for _, find := range []func(string) (pdb.Type, error){p.TypeByName, p.TypeByNameFold} {
		t, err := find(f.name)
		if err == nil {
			return []Type{f.typ(t, "")}, nil
		}
		if !errors.Is(err, pdb.ErrNotFound) {
			return nil, f.wrap(err)
		}
	}
	for _, find := range []func(string) ([]pdb.Symbol, error){p.GlobalsByName, p.GlobalsByNameFold} {
		symbols, err := find(f.name)
		if err != nil {
			return nil, f.wrap(err)
		}
		for _, sym := range symbols {
			if kindOf(sym.Kind) == KindUDT {
				t, err := f.typedef(sym)
				if err != nil {
					return nil, f.wrap(err)
				}
				return []Type{t}, nil
			}
		}
	}
	if strings.ContainsAny(f.name, wildcards) {
		return nil, nil
	}
	return f.nested()
}

// wildcards are what makes a name a pattern.
const wildcards = `*?[#+\`

// typedef returns the type behind a name.
func (f *typeFinder) typedef(sym pdb.Symbol) (Type, error) {
	t, err := f.syms.pdb.Type(sym.Type)
	if err != nil {
		return Type{}, err
	}
	if def, err := t.Resolve(); err == nil {
		t = def
	} else if !errors.Is(err, pdb.ErrNotFound) { // what is only declared stays so
		return Type{}, err
	}
	return f.typ(t, sym.Name()), nil
}

// matching finds the type of the name, or else those that match it.
func (f *typeFinder) matching() ([]Type, error) {
	found, err := f.named()
	if len(found) > 0 || err != nil || !strings.ContainsAny(f.name, wildcards) {
		return found, err
	}
	pattern, err := ParsePattern(f.name)
	if err != nil {
		return nil, err
	}
	byName := map[string]Type{}
	err = cmp.Or(f.tagsWhere(pattern.Match, byName), f.typedefsWhere(pattern.Match, byName))
	return byFullName(byName), err
}

// tagsWhere collects the definitions that match, and declarations of what is not
// defined. Its error is the first one, and does not end the search.
func (f *typeFinder) tagsWhere(match func(name []byte) bool, byName map[string]Type) (failed error) {
	for t, err := range f.syms.pdb.Types() {
		gone := f.module.interrupted(f.ctx)
		switch {
		case gone != nil:
			return gone
		case err != nil:
			failed = cmp.Or(failed, f.wrap(err))
		case t.IsTag() && !t.IsAnonymous() && match(t.NameBytes()):
			if name := t.Name(); !t.IsForward() || byName[name].Module == "" {
				byName[name] = f.typ(t, "")
			}
		}
	}
	return failed
}

// typedefsWhere collects the other names that match.
func (f *typeFinder) typedefsWhere(match func(name []byte) bool, byName map[string]Type) (failed error) {
	for sym, err := range f.syms.pdb.Globals() {
		gone := f.module.interrupted(f.ctx)
		switch {
		case gone != nil:
			return gone
		case err != nil:
			failed = cmp.Or(failed, f.wrap(err))
		case kindOf(sym.Kind) == KindUDT && match(sym.NameBytes()):
			name := sym.Name()
			if _, known := byName[name]; known {
				continue
			}
			t, err := f.typedef(sym)
			if err != nil {
				failed = cmp.Or(failed, f.wrap(err))
				continue
			}
			byName[name] = t
		}
	}
	return failed
}
