package cli_test

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/symres/symres/internal/cab"
	"github.com/symres/symres/internal/fixture"
)

// dbghelpPair is an image dbghelp listed, its PDB, and the listing.
type dbghelpPair struct{ name, image, pdb, listing string }

// dbghelpPairs returns what dbghelp listed of the shared corpus.
func dbghelpPairs(t *testing.T) (pairs []dbghelpPair) {
	t.Helper()
	dir := fixture.Shared(t)
	files, err := filepath.Glob(filepath.Join(dir, "truth", "dbghelp", "*.txt.gz"))
	if err != nil || len(files) < 15 {
		t.Fatalf("%d listings, %v", len(files), err)
	}
	for _, file := range files {
		image := filepath.Join(dir, filepath.FromSlash(strings.ReplaceAll(strings.TrimSuffix(filepath.Base(file), ".txt.gz"), "~", "/")))
		p := dbghelpPair{filepath.Base(image), image, image + ".pdb", file}
		if _, err := os.Stat(p.pdb); err != nil {
			p.pdb = strings.TrimSuffix(image, filepath.Ext(image)) + ".pdb"
		}
		if _, err := os.Stat(p.pdb); err != nil {
			p.pdb = expandCab(t, strings.TrimSuffix(p.pdb, "b")+"_", filepath.Base(p.pdb))
		}
		pairs = append(pairs, p)
	}
	return pairs
}

// expandCab writes the one file of a cabinet.
func expandCab(t *testing.T, from, name string) string {
	t.Helper()
	packed, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	f, err := cab.Expand(bytes.NewReader(packed), int64(len(packed)), cab.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(f)
	to := filepath.Join(t.TempDir(), name)
	if err = cmp.Or(err, os.WriteFile(to, data, 0o600)); err != nil {
		t.Fatal(err)
	}
	return to
}

// listedRow is a symbol as dbghelp lists it: RVA and name, and what there may be
// several of, tag and size.
type listedRow struct {
	rva  uint64
	name string
}

const dbghelpData = 7 // the tag of variables

// dbghelpBase is where dbghelp loaded the images: an offset in the thread-local
// storage, which is no address, is listed minus that.
const dbghelpBase = 0x180000000

// readUND reads the enumeration with undecorated names, and of variables all sizes
// it gives.
func readUND(t *testing.T, file string) (rows map[listedRow]bool, sizes map[listedRow][]uint64) {
	rows, sizes = map[listedRow]bool{}, map[listedRow][]uint64{}
	for line := range listingLines(t, file) {
		f := strings.SplitN(line, " ", 6)
		if f[0] != "UND" {
			continue
		}
		rva, err1 := strconv.ParseUint(f[1], 16, 64)
		size, err2 := strconv.ParseUint(strings.TrimPrefix(f[2], "size="), 16, 64)
		if err1 != nil || err2 != nil {
			t.Fatal(line)
		}
		row := listedRow{rva, f[5]}
		if rows[row] = true; f[3] == fmt.Sprintf("tag=%d", dbghelpData) {
			sizes[row] = append(sizes[row], size)
		}
	}
	return rows, sizes
}

func listingLines(t *testing.T, file string) iter.Seq[string] {
	return func(yield func(string) bool) {
		r, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		z, err := gzip.NewReader(r)
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(z)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			if !yield(lines.Text()) {
				return
			}
		}
		if lines.Err() != nil {
			t.Fatal(lines.Err())
		}
	}
}

// lookupRow is a line of lookup --json.
type lookupRow struct {
	RVA     string `json:"rva"`
	Address string `json:"address"`
	TLS     string `json:"tls_offset"`
	Name    string `json:"name"`
	Raw     string `json:"raw"`
	Size    uint64 `json:"size"`
	Kind    string `json:"kind"`
}

// TestLookup_dbghelp: lookup '*' lists what dbghelp lists with undecorated names,
// but for the rows and rules that pdb/README.md documents, and variables have the
// sizes it gives.
func TestLookup_dbghelp(t *testing.T) {
	documented := readDocumented(t)
	sized, right := 0, 0
	for _, p := range dbghelpPairs(t) {
		rows, sizes := readUND(t, p.listing)
		if len(rows) == 0 {
			if p.name != "TicTacToe.exe" {
				t.Errorf("%s: no rows; only FASTLINK has none", p.name)
			}
			continue
		}
		got, gotSizes := lookupRows(t, p)
		for _, row := range slices.SortedFunc(maps.Keys(union(rows, got)), compareRows) {
			text := fmt.Sprintf("%s `%08x %s`", p.name, row.rva, row.name)
			if rows[row] == got[row] {
				continue
			}
			if _, ok := documented[text]; ok {
				documented[text] = true
				continue
			}
			t.Errorf("%s: ours %v, dbghelp's %v", text, got[row], rows[row])
		}
		for row, want := range sizes {
			for _, size := range want {
				if sized++; slices.Contains(gotSizes[row], size) {
					right++
				}
			}
		}
	}
	for text, met := range documented {
		if !met {
			t.Errorf("pdb/README.md documents %s, which differs no more", text)
		}
	}
	if sized < 1900 || right*100 < sized*99 {
		t.Errorf("%d of %d variables have dbghelp's size", right, sized)
	}
	t.Logf("%d of %d variables have dbghelp's size", right, sized)
}

func union(a, b map[listedRow]bool) map[listedRow]bool {
	u := maps.Clone(a)
	maps.Copy(u, b)
	return u
}

func compareRows(a, b listedRow) int {
	return cmp.Or(cmp.Compare(a.rva, b.rva), cmp.Compare(a.name, b.name))
}

// lookupRows lists a pair with lookup, by the rules of pdb/README.md.
func lookupRows(t *testing.T, p dbghelpPair) (rows map[listedRow]bool, sizes map[listedRow][]uint64) {
	rows, sizes = map[listedRow]bool{}, map[listedRow][]uint64{}
	out, errs, status := run(t, "", "lookup", "--image", p.image, "--pdb", p.pdb, "*", "--json")
	if status != 0 {
		t.Fatalf("%s: %s", p.name, errs)
	}
	for line := range strings.Lines(out) {
		var r lookupRow
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		row := listedRow{name: r.Name}
		switch {
		case r.TLS != "":
			off, _ := strconv.ParseUint(r.TLS, 0, 64)
			row.rva = off - dbghelpBase
		case r.RVA == "":
			continue // a value, no address
		default:
			row.rva, _ = strconv.ParseUint(r.RVA, 0, 64)
		}
		if strings.HasPrefix(r.Raw, "\x7f") {
			row.name = r.Raw // dbghelp leaves the byte in front
		}
		if newConstruct.MatchString(r.Raw) {
			row.name = r.Raw // newer than that dbghelp
		}
		rows[row] = true
		if r.Kind == "data" {
			sizes[row] = append(sizes[row], r.Size)
		}
	}
	return rows, sizes
}

// newConstruct is what dbghelp 10.0.15063 cannot undecorate: nullptr_t, empty packs.
var newConstruct = regexp.MustCompile(`^\?\?\$.*\$\$[TVZ]`)

// readDocumented reads the table of rows that are another.
func readDocumented(t *testing.T) map[string]bool {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "pdb", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(b), "\n### What lookup lists\n")
	if !ok {
		t.Fatal("pdb/README.md has no such heading")
	}
	part, _, _ := strings.Cut(rest, "\n#")
	rows := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| `([^`]+)` \\|").FindAllStringSubmatch(part, -1) {
		rows[fmt.Sprintf("%s `%s`", m[1], m[2])] = false
	}
	return rows
}

var lineOf = regexp.MustCompile(`^AT (\w+) .* \| (.*):(\d+)\+\w+$`)

// TestNearest_fastlink: nearest gives the lines of a FASTLINK PDB, which dbghelp
// gives as well; where it prints the number of code that no line belongs to, we
// say that there is none.
func TestNearest_fastlink(t *testing.T) {
	const neverStep, alwaysStep = 0xFEEFEE, 0xF00F00
	for _, p := range dbghelpPairs(t) {
		if p.name != "TicTacToe.exe" {
			continue
		}
		var addresses, want []string
		for line := range listingLines(t, p.listing) {
			if !strings.HasPrefix(line, "AT ") {
				continue
			}
			at := ""
			if m := lineOf.FindStringSubmatch(line); m != nil {
				if n, _ := strconv.Atoi(m[3]); n != neverStep && n != alwaysStep {
					at = m[2] + ":" + m[3]
				}
			}
			rva, err := strconv.ParseUint(strings.Fields(line)[1], 16, 32)
			if err != nil {
				t.Fatal(line)
			}
			addresses, want = append(addresses, fmt.Sprintf("%#x", 0x140000000+rva)), append(want, at)
		}
		compareLines(t, p, addresses, want)
		return
	}
	t.Fatal("the corpus has no FASTLINK PDB")
}

func compareLines(t *testing.T, p dbghelpPair, addresses, want []string) {
	out, errs, status := run(t, strings.Join(addresses, "\n"), "nearest", "--image", p.image, "--pdb", p.pdb, "--json")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if status != 0 || len(lines) != len(want) {
		t.Fatalf("%d answers to %d addresses: %s", len(lines), len(want), errs)
	}
	equal, found := 0, 0
	for i, line := range lines {
		var r struct {
			Frames []struct {
				File string
				Line int
			}
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		got := ""
		if n := len(r.Frames); n > 0 && r.Frames[n-1].Line != 0 {
			got = fmt.Sprintf("%s:%d", r.Frames[n-1].File, r.Frames[n-1].Line)
			found++
		}
		if strings.EqualFold(got, want[i]) {
			equal++
		}
	}
	if equal*100 < len(want)*98 || found < 450 {
		t.Errorf("%d of %d are dbghelp's, %d lines", equal, len(want), found)
	}
	t.Logf("%d of %d are dbghelp's, %d lines", equal, len(want), found)
}
