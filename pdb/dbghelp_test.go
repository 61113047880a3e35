package pdb_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/pdb"
	"github.com/symres/symres/pdb/undname"
)

// noPlainPDB lists the listings of dbghelp whose PDB is not in the corpus as a
// plain file, with the reason.
var noPlainPDB = map[string]string{
	"mozilla+dump_syms/test_data/windows/basic32.dll": "its PDB is in a cabinet",
}

// dbghelpPDBs returns the listings dbghelp made and the PDBs they are about.
func dbghelpPDBs(t *testing.T) map[string]string {
	t.Helper()
	dir := fixture.Shared(t)
	files, err := filepath.Glob(filepath.Join(dir, "truth", "dbghelp", "*.txt.gz"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no listings in %s: %v", dir, err)
	}
	list := map[string]string{}
	for _, file := range files {
		image := strings.ReplaceAll(strings.TrimSuffix(filepath.Base(file), ".txt.gz"), "~", "/")
		if _, ok := noPlainPDB[image]; ok {
			continue
		}
		path := filepath.Join(dir, filepath.FromSlash(image)) + ".pdb"
		if _, err := os.Stat(path); err != nil {
			path = strings.TrimSuffix(path, filepath.Ext(image)+".pdb") + ".pdb"
		}
		list[file] = path
	}
	return list
}

// TestCorpusDbghelp compares with what Microsoft's dbghelp says: the public
// symbols it enumerates (after remapping, where the image was rearranged; those of
// a FASTLINK PDB too), the addresses it answers with a public, and those it has
// no answer for. Addresses in incremental-link tables are answered with the
// private symbols of the linker, which this package does not read yet.
func TestCorpusDbghelp(t *testing.T) {
	pairs := dbghelpPDBs(t)
	for _, file := range slices.Sorted(maps.Keys(pairs)) {
		t.Run(filepath.Base(pairs[file]), func(t *testing.T) {
			f := open(t, pairs[file])
			enumerated, rows := map[string]bool{}, []string{}
			for line := range gzLines(t, file) {
				// kind rva size= tag= fl= name
				row := strings.SplitN(line, " ", 6)
				switch row[0] {
				case "PUB":
					enumerated[row[1]+" "+row[5]] = true
				case "AT":
					rows = append(rows, line)
				}
			}
			checkEnumerated(t, f, enumerated)
			for _, row := range rows {
				if filepath.Base(pairs[file]) != fastlink || !answeredByDead(t, row, enumerated) {
					checkAddress(t, f, row)
				}
			}
		})
	}
}

// fastlink is the PDB whose address map also has the dead records that
// incremental linking left behind. dbghelp answers addresses from them, with
// names that had moved away (its own file and line says so); we do not.
const fastlink = "TicTacToe.pdb"

// answeredByDead reports whether a row names a public that dbghelp itself does
// not enumerate at that address.
func answeredByDead(t *testing.T, row string, enumerated map[string]bool) bool {
	t.Helper()
	m := answer.FindStringSubmatch(row)
	if m == nil {
		return false
	}
	rva, err := strconv.ParseUint(m[1], 16, 32)
	if err != nil {
		t.Fatal(err)
	}
	displacement, err := strconv.ParseUint(m[3], 16, 32)
	return err == nil && !enumerated[fmt.Sprintf("%08x %s", rva-displacement, m[2])]
}

var answer = regexp.MustCompile(`^AT (\w+) (.*)\+0x(\w+) size=\w+ tag=10 `)

func checkEnumerated(t *testing.T, f *pdb.File, want map[string]bool) {
	t.Helper()
	got := map[string]bool{}
	for s, err := range f.Publics() {
		if err != nil {
			t.Fatal(err)
		}
		if s.HasRVA {
			got[fmt.Sprintf("%08x %s", s.RVA, s.Name())] = true
		}
	}
	if len(want) == 0 || !maps.Equal(got, want) {
		t.Errorf("%d publics, dbghelp lists %d, and they differ", len(got), len(want))
	}
}

// negative matches a displacement of 2^63 or more.
var negative = regexp.MustCompile(`\+0x[89a-f][0-9a-f]{15} `)

// checkAddress compares with one row "AT rva name+0xdisplacement size= tag= ...".
func checkAddress(t *testing.T, f *pdb.File, line string) {
	t.Helper()
	var rva uint32
	if n, err := fmt.Sscanf(line, "AT %x", &rva); n != 1 {
		t.Fatalf("%q: %v", line, err)
	}
	got := nearest(t, f, rva)
	rest := line[len("AT 00000000 "):]
	switch {
	case negative.MatchString(rest): // dbghelp's way to say that nothing is below
		if len(got) != 0 {
			t.Errorf("%s: got %v, want none", line, got)
		}
	case strings.Contains(rest, " tag=10 ") && !strings.HasPrefix(rest, "@ILT+"):
		if !slices.ContainsFunc(got, func(s pdb.Symbol) bool {
			is := func(name string) bool {
				return strings.HasPrefix(rest, fmt.Sprintf("%s+0x%x ", name, s.Displacement))
			}
			return is(s.Name()) || is(undname.NameOnly(s.Name()))
		}) {
			t.Errorf("%s: got %v", line, got)
		}
	}
}
