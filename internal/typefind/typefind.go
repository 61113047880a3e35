// Package typefind looks for types in one PDB as a debugger names them: by name
// in either case, through typedefs, by the last part of a nested name, and by
// pattern.
package typefind

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/symres/symres/pattern"
	"github.com/symres/symres/pdb"
)

// Found is a type and the name it was found by.
type Found struct {
	pdb.Type
	Typedef string // where that is another name of the type
}

// FullName returns the name the type was found by.
func (t Found) FullName() string { return cmp.Or(t.Typedef, t.Name()) }

// Finder looks for the types of a name in one PDB.
type Finder struct {
	File *pdb.File
	Name string
	// Interrupted says why a walk over all types is not to go on.
	Interrupted func() error
}

// Missing says what was tried in vain in the PDB of a module.
func (f *Finder) Missing(module string) string {
	for _, err := range f.File.Types() {
		if err == nil {
			return module + " has no type and no typedef of that name, in any case"
		}
	}
	return "the PDB of " + module + " has no types"
}

// Briefly lists reasons, the first few of them.
func Briefly(reasons []string) string {
	const most = 3
	if len(reasons) > most {
		reasons = append(slices.Clone(reasons[:most]), fmt.Sprintf("and so on for %d more modules", len(reasons)-most))
	}
	return strings.Join(reasons, "; ")
}

// Named finds the one type of the name, through the hash tables of the PDB.
func (f *Finder) Named() ([]Found, error) {
	p := f.File
	how := []pdb.NameFlag{0, pdb.IgnoreCase}
	for _, flag := range how {
		t, err := p.TypeByName(f.Name, flag)
		if err == nil {
			return []Found{Found{Type: t}}, nil
		}
		if !errors.Is(err, pdb.ErrNotFound) {
			return nil, err
		}
	}
	for _, flag := range how {
		symbols, err := p.GlobalsByName(f.Name, flag)
		if err != nil {
			return nil, err
		}
		for _, sym := range symbols {
			if isTypedef(sym.Kind) {
				t, err := f.typedef(sym)
				if err != nil {
					return nil, err
				}
				return []Found{t}, nil
			}
		}
	}
	if strings.ContainsAny(f.Name, wildcards) {
		return nil, nil
	}
	return f.nested()
}

// wildcards are what makes a name a pattern.
const wildcards = `*?[#+\`

// typedef returns the type behind a name.
func (f *Finder) typedef(sym pdb.Symbol) (Found, error) {
	t, err := f.File.Type(sym.Type)
	if err != nil {
		return Found{}, err
	}
	if def, err := t.Resolve(); err == nil {
		t = def
	} else if !errors.Is(err, pdb.ErrNotFound) { // what is only declared stays so
		return Found{}, err
	}
	return Found{t, sym.Name()}, nil
}

// Matching finds the type of the name, or else those that match it.
func (f *Finder) Matching() ([]Found, error) {
	found, err := f.Named()
	if len(found) > 0 || err != nil || !strings.ContainsAny(f.Name, wildcards) {
		return found, err
	}
	p, err := pattern.Parse(f.Name)
	if err != nil {
		return nil, err
	}
	byName := map[string]Found{}
	err = cmp.Or(f.tagsWhere(p.Match, byName), f.typedefsWhere(p.Match, byName))
	return byFullName(byName), err
}

// tagsWhere collects the definitions that match, and declarations of what is not
// defined. Its error is the first one, and does not end the search.
func (f *Finder) tagsWhere(match func(name []byte) bool, byName map[string]Found) (failed error) {
	for t, err := range f.File.Types() {
		gone := f.Interrupted()
		switch {
		case gone != nil:
			return gone
		case err != nil:
			failed = cmp.Or(failed, err)
		case t.IsTag() && !t.IsAnonymous() && match(t.NameBytes()):
			if name := t.Name(); !t.IsForward() || !known(byName, name) {
				byName[name] = Found{Type: t}
			}
		}
	}
	return failed
}

// typedefsWhere collects the other names that match.
func (f *Finder) typedefsWhere(match func(name []byte) bool, byName map[string]Found) (failed error) {
	for sym, err := range f.File.Globals() {
		gone := f.Interrupted()
		switch {
		case gone != nil:
			return gone
		case err != nil:
			failed = cmp.Or(failed, err)
		case isTypedef(sym.Kind) && match(sym.NameBytes()):
			name := sym.Name()
			if _, known := byName[name]; known {
				continue
			}
			t, err := f.typedef(sym)
			if err != nil {
				failed = cmp.Or(failed, err)
				continue
			}
			byName[name] = t
		}
	}
	return failed
}

func known(byName map[string]Found, name string) bool {
	_, ok := byName[name]
	return ok
}

func isTypedef(k pdb.Kind) bool { return k == pdb.KindUDT || k == pdb.KindUDTST }

// nested finds the types of which the name is the last part, behind the scopes
// they are nested in: Inner is ns::Outer::Inner. Case counts first. It walks all
// types and names of types.
func (f *Finder) nested() ([]Found, error) {
	for _, equal := range []func(a, b string) bool{func(a, b string) bool { return a == b }, strings.EqualFold} {
		byName := map[string]Found{}
		ends := func(full []byte) bool { return endsScoped(string(full), f.Name, equal) }
		err := cmp.Or(f.tagsWhere(ends, byName), f.typedefsWhere(ends, byName))
		if len(byName) > 0 || err != nil && !errors.Is(err, pdb.ErrFormat) {
			return byFullName(byName), err
		}
	}
	return nil, nil
}

func byFullName(byName map[string]Found) []Found {
	return slices.SortedFunc(maps.Values(byName), func(a, b Found) int { return cmp.Compare(a.FullName(), b.FullName()) })
}

// endsScoped reports whether a name ends in another one behind a scope. A :: that
// stands among the arguments of a template ends no scope.
func endsScoped(full, name string, equal func(a, b string) bool) bool {
	at := len(full) - len(name)
	if name == "" || at < 3 || full[at-2:at] != "::" || !equal(full[at:], name) {
		return false
	}
	scope := full[:at]
	return strings.Count(scope, "<") == strings.Count(scope, ">")
}
