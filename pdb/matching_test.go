package pdb_test

import (
	"bytes"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/symres/symres/pdb"
)

// described collects symbols as text, each once.
func described(t *testing.T, list map[string]bool, s pdb.Symbol, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	list[fmt.Sprint(s.Kind, " ", s, " ", s.RVA, " ", s.Size)] = true
}

// checkMatching compares with filtering all symbols.
func checkMatching(t *testing.T, f *pdb.File, all []pdb.Symbol, literals ...string) int {
	t.Helper()
	want, got := map[string]bool{}, map[string]bool{}
	contains := func(name []byte) bool {
		name = bytes.ToLower(name)
		for _, l := range literals {
			if !bytes.Contains(name, bytes.ToLower([]byte(l))) {
				return false
			}
		}
		return true
	}
	for _, s := range all {
		if contains(s.NameBytes()) {
			described(t, want, s, nil)
		}
	}
	shown := 0
	for s, err := range f.Matching(literals, func(name []byte) bool {
		if shown++; !contains(name) {
			t.Errorf("%q was shown for %q", name, literals)
		}
		return true
	}) {
		described(t, got, s, err)
	}
	if !maps.Equal(got, want) {
		t.Errorf("%q: %d symbols, want %d", literals, len(got), len(want))
		for s := range want {
			if !got[s] {
				t.Errorf("missing %s", s)
			}
		}
		for s := range got {
			if !want[s] {
				t.Errorf("too many: %s", s)
			}
		}
	}
	return len(want)
}

func symbolsOf(t *testing.T, f *pdb.File) []pdb.Symbol {
	t.Helper()
	var all []pdb.Symbol
	for s, err := range f.Symbols() {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}

func TestMatching(t *testing.T) {
	f := openImage(t, privatePDB().write())
	for _, c := range []struct {
		want     string
		literals []string
	}{
		{"ns::f", []string{"NS::F"}}, {"data Data _data", []string{"dAtA"}}, {"ns::helper", []string{"er", "ns", "LP"}},
		{"_tail per_thread", []string{"_t"}}, {"", []string{"main2"}}, {"", []string{"buried"}}, {"", []string{"dead"}}, {"zero", []string{"z"}},
	} {
		var got []string
		for s, err := range f.Matching(c.literals, nil) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, s.Name())
		}
		slices.SortFunc(got, func(a, b string) int { return strings.Compare(strings.Trim(a, "_"), strings.Trim(b, "_")) })
		want := strings.Fields(c.want)
		slices.SortFunc(want, func(a, b string) int { return strings.Compare(strings.Trim(a, "_"), strings.Trim(b, "_")) })
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", c.literals, got, want)
		}
	}
	for range f.Matching([]string{"data"}, nil) {
		break
	}
}

// TestMatchingAcrossRuns scatters the blocks, so that every record lies across
// the end of some run.
func TestMatchingAcrossRuns(t *testing.T) {
	p := privatePDB()
	p.blockSize, p.scatter = 512, true
	for i := range 300 {
		p.pubs = append(p.pubs, testPublic{name: fmt.Sprintf("?longer%dName@@YAXXZ", i), seg: 1, off: 0x400 + uint32(i)})
	}
	f := openImage(t, p.write())
	all := symbolsOf(t, f)
	for _, piece := range []string{"longer", "NAME@@", "7", "r299n", "yaxxz", "q"} {
		checkMatching(t, f, all, piece)
	}
}

func TestCorpusMatching(t *testing.T) {
	pairs := dbghelpPDBs(t)
	for _, file := range slices.Sorted(maps.Keys(pairs)) {
		t.Run(filepath.Base(pairs[file]), func(t *testing.T) {
			f := open(t, pairs[file])
			all := symbolsOf(t, f)
			n := 0
			for _, literals := range [][]string{nil, {"init"}, {"ERR", "_"}, {"@@"}, {"basic_string"}, {"guard", "icall"}, {"nothing has this name"}} {
				n += checkMatching(t, f, all, literals...)
			}
			if n == 0 {
				t.Error("nothing matches")
			}
		})
	}
}
