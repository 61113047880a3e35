package symres

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/symres/symres/pdb"
)

// nested finds the types of which the name is the last part, behind the scopes
// they are nested in: Inner is ns::Outer::Inner. Case counts first. It walks all
// types and names of types.
func (f *typeFinder) nested() ([]Type, error) {
	for _, equal := range []func(a, b string) bool{func(a, b string) bool { return a == b }, strings.EqualFold} {
		byName := map[string]Type{}
		ends := func(full []byte) bool { return endsScoped(string(full), f.name, equal) }
		err := cmp.Or(f.tagsWhere(ends, byName), f.typedefsWhere(ends, byName))
		if len(byName) > 0 || err != nil && !errors.Is(err, pdb.ErrFormat) {
			return byFullName(byName), err
		}
	}
	return nil, nil
}

func byFullName(byName map[string]Type) []Type {
	return slices.SortedFunc(maps.Values(byName), func(a, b Type) int { return cmp.Compare(a.FullName(), b.FullName()) })
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
