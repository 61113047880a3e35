package cli_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/symres/symres"
	"github.com/symres/symres/internal/cli"
	"github.com/symres/symres/pdb"
	"github.com/symres/symres/pe"
	"github.com/symres/symres/sympath"
)

const examplePDB = "../../testdata/demo/x64/fs_rec.pdb"

// TestJSON_of_library compares the JSON of the library's values with what the
// command prints of the same PDB.
func TestJSON_of_library(t *testing.T) {
	s := exampleSession(t)
	var symbols, locations []any
	for _, kinds := range [][]symres.Kind{{symres.KindFunction, symres.KindThunk, symres.KindData, symres.KindPublic}, {symres.KindConstant}, {symres.KindUDT}} {
		for sym, err := range s.LookupKinds(t.Context(), "fs_rec!*", kinds...) {
			if err != nil && len(kinds) > 1 {
				t.Fatal(err)
			}
			if err == nil {
				symbols = append(symbols, sym)
			}
		}
	}
	for _, addr := range []uint64{0x1010, 0x1100, 0x1f00} {
		loc, err := s.Resolve(t.Context(), addr)
		if err != nil {
			t.Fatal(err)
		}
		locations = append(locations, loc)
	}
	lookup := printed(t, "lookup", "--json", "--pdb", examplePDB, "*!*")
	for _, only := range []string{"constants", "udts"} {
		lookup = append(lookup, printed(t, "lookup", "--json", "--pdb", examplePDB, "--only", only, "*!*")...)
	}
	same(t, symbols, lookup)
	same(t, locations, printed(t, "nearest", "--json", "--pdb", examplePDB, "1010", "1100", "1f00"))
}

// exampleSession is the PDB as the command's file mode sees it.
func exampleSession(t *testing.T) *symres.Session {
	t.Helper()
	f, err := pdb.Open(examplePDB)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	path, err := sympath.Parse("../../testdata/demo/x64")
	if err != nil {
		t.Fatal(err)
	}
	s, err := symres.NewSession(symres.Config{Symbols: path.Store(sympath.Options{}), Machine: f.Info().DBI.Machine})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	guid, age := f.ID()
	if err := s.Add(symres.Module{Name: "fs_rec", Image: "fs_rec", Size: 0x10000,
		CodeView: &symres.CodeView{Kind: pe.CodeViewRSDS, GUID: guid, Age: age, Path: "fs_rec.pdb"}}); err != nil {
		t.Fatal(err)
	}
	return s
}

// printed runs the command and returns the objects it prints.
func printed(t *testing.T, args ...string) (objects []map[string]any) {
	t.Helper()
	var out, errs bytes.Buffer
	if code := cli.Main(t.Context(), args, nil, &out, &errs, nil); code > 1 {
		t.Fatalf("%v: exit %d, %s", args, code, errs.String())
	}
	for line := range strings.Lines(out.String()) {
		objects = append(objects, object(t, []byte(line)))
	}
	return objects
}

func object(t *testing.T, text []byte) (o map[string]any) {
	t.Helper()
	if err := json.Unmarshal(text, &o); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return o
}

func same(t *testing.T, values []any, want []map[string]any) {
	t.Helper()
	if len(values) != len(want) || len(want) < 3 {
		t.Errorf("%d values, %d objects printed", len(values), len(want))
		return
	}
	for i, v := range values {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if got := object(t, text); !cmp.Equal(got, want[i]) {
			t.Errorf("value %d (-command +library):\n%s", i, cmp.Diff(want[i], got))
		}
	}
}
