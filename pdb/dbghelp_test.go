package pdb_test

import (
	"errors"
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
)

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
		path := filepath.Join(dir, filepath.FromSlash(image)) + ".pdb"
		if _, err := os.Stat(path); err != nil {
			path = strings.TrimSuffix(path, filepath.Ext(image)+".pdb") + ".pdb"
		}
		if _, err := os.Stat(path); err != nil {
			path = expand(t, strings.TrimSuffix(path, "b")+"_")
		}
		list[file] = path
	}
	return list
}

// symbolRow is a row of an enumeration.
type symbolRow struct {
	rva  uint64
	name string
}

// listing is what dbghelp says about a PDB.
type listing struct {
	enumerated map[string]map[symbolRow]bool // by RAW, PUB, PRV
	at         []string
}

func readListing(t *testing.T, file string) listing {
	t.Helper()
	l := listing{enumerated: map[string]map[symbolRow]bool{"RAW": {}, "PUB": {}, "PRV": {}}}
	for line := range gzLines(t, file) {
		// kind rva size= tag= fl= name
		row := strings.SplitN(line, " ", 6)
		if row[0] == "AT" {
			l.at = append(l.at, line)
		}
		if set, ok := l.enumerated[row[0]]; ok {
			rva, err := strconv.ParseUint(row[1], 16, 64)
			if err != nil {
				t.Fatal(err)
			}
			set[symbolRow{rva, row[5]}] = true
		}
	}
	return l
}

// loadBase is where dbghelp loaded the images: an offset in the thread-local
// storage, which is no address, is listed minus that.
const loadBase = 0x180000000

// enumerations lists what the three enumerations of dbghelp would.
func enumerations(t *testing.T, f *pdb.File) map[string]map[symbolRow]bool {
	t.Helper()
	sets := map[string]map[symbolRow]bool{"RAW": {}, "PUB": {}, "PRV": {}}
	add := func(s pdb.Symbol, kinds ...string) {
		row := symbolRow{uint64(s.RVA), s.Name()}
		if s.Kind.IsThreadLocal() {
			row.rva = uint64(s.Offset) - loadBase
		} else if !s.HasRVA {
			return
		}
		for _, k := range kinds {
			sets[k][row] = true
		}
	}
	for s, err := range f.Symbols() {
		if err != nil {
			t.Fatal(err)
		}
		if s.Kind.IsPublic() {
			add(s, "RAW")
		} else {
			add(s, "RAW", "PRV")
		}
	}
	for s, err := range f.Publics() {
		if err != nil {
			t.Fatal(err)
		}
		add(s, "PUB")
	}
	return sets
}

// excuses are the rows the tables of the READMEs list with a reason, and whether
// each was met.
type excuses map[string]bool

var excuseLine = regexp.MustCompile("(?m)^\\| `([^`]+)` \\| `([^`]+)` \\|")

// readExcuses reads the table under a heading.
func readExcuses(t *testing.T, heading string) excuses {
	t.Helper()
	var text []byte
	for _, name := range []string{"README.md", "README-lines.md"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, b...)
	}
	_, rest, ok := strings.Cut(string(text), "\n### "+heading+"\n")
	if !ok {
		t.Fatalf("no README has %q", heading)
	}
	part, _, _ := strings.Cut(rest, "\n#")
	list := excuses{}
	for _, m := range excuseLine.FindAllStringSubmatch(part, -1) {
		list[m[1]+" "+m[2]] = false
	}
	return list
}

// met reports whether a row is on the list.
func (e excuses) met(pdb, row string) bool {
	key := pdb + " " + row
	_, ok := e[key]
	if ok {
		e[key] = true
	}
	return ok
}

func (e excuses) rest(t *testing.T) {
	t.Helper()
	for row, met := range e {
		if !met {
			t.Errorf("a README lists %s as different, but it is not", row)
		}
	}
}

// TestCorpusEnumerations compares with what dbghelp enumerates: with all
// symbols, publics only, and privates only.
func TestCorpusEnumerations(t *testing.T) {
	pairs := dbghelpPDBs(t)
	excused := readExcuses(t, "Enumerations")
	for _, file := range slices.Sorted(maps.Keys(pairs)) {
		name := filepath.Base(pairs[file])
		t.Run(name, func(t *testing.T) {
			want := readListing(t, file).enumerated
			got := enumerations(t, open(t, pairs[file]))
			for _, kind := range []string{"RAW", "PUB", "PRV"} {
				if name == fastlink && kind != "PUB" {
					continue // dbghelp enumerates nothing else of a FASTLINK PDB
				}
				bad := 0
				for row := range union(want[kind], got[kind]) {
					text := fmt.Sprintf("%s %08x %s", kind, row.rva, row.name)
					if got[kind][row] == want[kind][row] || excused.met(name, text) {
						continue
					}
					if bad++; bad < 20 {
						t.Errorf("%s: ours %v, dbghelp's %v", text, got[kind][row], want[kind][row])
					}
				}
				if len(want[kind]) == 0 {
					t.Errorf("dbghelp lists no %s", kind)
				}
			}
		})
	}
	excused.rest(t)
}

func union(a, b map[symbolRow]bool) map[symbolRow]bool {
	u := maps.Clone(a)
	maps.Copy(u, b)
	return u
}

// fastlink is a FASTLINK PDB: dbghelp enumerates its publics only.
const fastlink = "TicTacToe.pdb"

// addressRow is a row "AT rva name+0xdisplacement size= tag= fl= | line".
type addressRow struct {
	rva  uint32
	name string
	disp uint64
	tag  int
	text string
}

var addressLine = regexp.MustCompile(`^AT (\w+) (.*)\+0x(\w+) size=\w+ tag=(\d+) `)

func parseAddressRow(t *testing.T, line string) addressRow {
	t.Helper()
	m := addressLine.FindStringSubmatch(line)
	if m == nil {
		t.Fatalf("%q", line)
	}
	rva, err1 := strconv.ParseUint(m[1], 16, 32)
	disp, err2 := strconv.ParseUint(m[3], 16, 64)
	tag, err3 := strconv.Atoi(m[4])
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	return addressRow{rva: uint32(rva), name: m[2], disp: disp, tag: tag, text: line}
}

// inILT reports whether dbghelp answered with the incremental-link table. The
// addresses behind its last thunk are answered with a thunk named t.
func (r addressRow) inILT() bool {
	return strings.HasPrefix(r.name, "@ILT+") || r.tag == 27 && r.name == "t"
}

// TestCorpusAddresses compares with what dbghelp answers addresses with.
func TestCorpusAddresses(t *testing.T) {
	t.Parallel()
	pairs := dbghelpPDBs(t)
	excused := readExcuses(t, "Addresses")
	rows, different := 0, 0
	for _, file := range slices.Sorted(maps.Keys(pairs)) {
		name := filepath.Base(pairs[file])
		t.Run(name, func(t *testing.T) {
			f := open(t, pairs[file])
			bad := 0
			for _, line := range readListing(t, file).at {
				row := parseAddressRow(t, line)
				rows++
				got := nearest(t, f, row.rva)
				why := rowDiffers(row, got)
				if why == "" {
					continue
				}
				different++
				if excused.met(name, fmt.Sprintf("%08x %s+%#x", row.rva, row.name, row.disp)) {
					continue
				}
				if bad++; bad < 30 {
					t.Errorf("%s: got %v, %s", line, got, why)
				}
			}
		})
	}
	excused.rest(t)
	if different*1000 > rows {
		t.Errorf("%d of %d rows differ, at most one in 1000 may", different, rows)
	}
}

// rowDiffers compares an answer with a row and says how it differs.
func rowDiffers(row addressRow, got []pdb.Symbol) string {
	switch {
	case row.disp >= 1<<63:
		if len(got) != 0 {
			return "want none"
		}
		return ""
	case row.inILT() && row.name == "t":
		if len(got) != 1 || got[0].Kind != pdb.KindTrampoline || uint64(got[0].Displacement) != row.disp {
			return "want the last thunk"
		}
		return ""
	}
	if !slices.ContainsFunc(got, func(s pdb.Symbol) bool {
		return uint64(s.Displacement) == row.disp && (s.Name() == row.name)
	}) {
		return "want its name"
	}
	return ""
}
