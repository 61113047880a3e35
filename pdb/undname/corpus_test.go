package undname_test

import (
	"bufio"
	"compress/gzip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/pdb/undname"
)

// listing is what dbghelp enumerated: names of public symbols by RVA.
type listing map[string][]string

// readListings reads the rows of one kind from a truth file whose tag is 10,
// a public symbol.
func readListings(t *testing.T, file string) (raw, und listing) {
	t.Helper()
	r, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	z, err := gzip.NewReader(r)
	if err != nil {
		t.Fatal(err)
	}
	raw, und = listing{}, listing{}
	into := map[string]listing{"RAW": raw, "UND": und}
	s := bufio.NewScanner(z)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		// kind rva size= tag= fl= name
		f := strings.SplitN(s.Text(), " ", 6)
		if l := into[f[0]]; l != nil && len(f) == 6 && f[3] == "tag=10" {
			l[f[1]] = append(l[f[1]], f[5])
		}
	}
	if s.Err() != nil {
		t.Fatal(s.Err())
	}
	return raw, und
}

// TestCorpusNames compares with every C name dbghelp undecorated in the corpus.
func TestCorpusNames(t *testing.T) {
	dir := filepath.Join(fixture.Shared(t), "truth", "dbghelp")
	files, err := filepath.Glob(filepath.Join(dir, "*.gz"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no listings in %s: %v", dir, err)
	}
	compared, changed := 0, 0
	for _, file := range files {
		raw, und := readListings(t, file)
		for rva, names := range raw {
			for _, name := range names {
				// A rva whose names are not all listed in both forms is no pair.
				if len(und[rva]) != len(names) || strings.HasPrefix(name, "?") {
					continue
				}
				want := undname.NameOnly(name)
				if name[0] == 0x7f {
					want = name // dbghelp keeps it whole
				}
				compared++
				if want != name {
					changed++
				}
				if !slices.Contains(und[rva], want) {
					t.Errorf("%s %s: %q gives %q, dbghelp shows %q", filepath.Base(file), rva, name, want, und[rva])
				}
			}
		}
	}
	t.Logf("%d C names compared, %d of them change", compared, changed)
	if changed < 1000 {
		t.Errorf("only %d names were undecorated; the listings were not read", changed)
	}
}
