package pdb_test

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/symres/symres/pdb"
)

// checkByHash holds the answers for a name to the symbols that have it.
func checkByHash(t *testing.T, f *pdb.File, all []pdb.Symbol, name string) int {
	t.Helper()
	var got, want []pdb.Symbol
	for s, err := range f.Named(name) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, s)
	}
	for _, s := range all {
		if strings.EqualFold(s.Name(), name) {
			want = append(want, s)
		}
	}
	text := func(list []pdb.Symbol) []string {
		var out []string
		for _, s := range list {
			out = append(out, s.String())
		}
		slices.Sort(out)
		return out
	}
	if !slices.Equal(text(got), text(want)) {
		t.Errorf("%q: %q, want %q", name, text(got), text(want))
	}
	return len(want)
}

func TestNamed(t *testing.T) {
	f := openImage(t, privatePDB().write())
	all := symbolsOf(t, f)
	for _, name := range []string{"ns::f", "NS::F", "data", "DATA", "Data", "_data", "ns::helper", "zero", "per_thread", "_tail", "dead", "", "no such name"} {
		checkByHash(t, f, all, name)
	}
	// No record of the file as a whole is called Main: that one is of a module alone.
	n := 0
	for range f.Named("Main") {
		n++
	}
	if n != 1 {
		t.Errorf("%d symbols are called main in any case, want 1", n)
	}
	for range f.Named("data") {
		break
	}
}

func TestCorpusNamed(t *testing.T) {
	pairs := dbghelpPDBs(t)
	for _, file := range slices.Sorted(maps.Keys(pairs)) {
		t.Run(filepath.Base(pairs[file]), func(t *testing.T) {
			f := open(t, pairs[file])
			all := symbolsOf(t, f)
			n := checkByHash(t, f, all, "nothing has this name")
			for i := 0; i < len(all); i += 1 + len(all)/60 {
				n += checkByHash(t, f, all, all[i].Name()) + checkByHash(t, f, all, strings.ToUpper(all[i].Name()))
			}
			if n == 0 {
				t.Error("no name was found")
			}
		})
	}
}
