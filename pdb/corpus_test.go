package pdb_test

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/pdb"
)

// public is one public symbol as the truth files spell it.
type public struct {
	name    string
	segment int
	offset  uint32
	rva     int64 // -1 where the segment is no section
}

// publicsNotCompared lists the PDBs of the corpus whose llvm-pdbutil listing
// is no truth, with the reason.
var publicsNotCompared = map[string]string{
	"Dkaban+TicTacToe-CPlusPlus/x64/Debug/TicTacToe.pdb":                          "FASTLINK: llvm-pdbutil calls its publics stream corrupted and lists none",
	"google+breakpad/src/tools/windows/dump_syms/testdata/omap_reorder_funcs.pdb": "OMAP: llvm-pdbutil lists addresses before remapping",
	"google+breakpad/src/tools/windows/dump_syms/testdata/omap_stretched.pdb":     "OMAP: llvm-pdbutil lists addresses before remapping",
	"google+syzygy/syzygy/refinery/test_data/test_vtables_omap.dll.pdb":           "OMAP: llvm-pdbutil lists addresses before remapping",
}

// truth is what llvm-pdbutil says about a PDB.
type truth struct {
	publics []public
	guid    string
}

// readTruth reads a listing of "llvm-pdbutil dump" with publics and section
// headers.
func readTruth(t *testing.T, lines iter.Seq[string]) truth {
	t.Helper()
	var out truth
	var vas []int64
	part := ""
	for line := range lines {
		field := strings.Fields(line)
		switch {
		case strings.HasPrefix(line, "                ") && len(field) > 0 && !strings.Contains(line, "|"):
			if name := strings.TrimSpace(line); strings.HasSuffix(name, "Symbols") || strings.HasSuffix(name, "Headers") || name == "Modules" {
				part = name
			}
		case part == "" && strings.Contains(line, "GUID: {"):
			out.guid = strings.Trim(field[1], "{}")
		}
		if part == "Public Symbols" && strings.Contains(line, "| S_PUB32 ") {
			_, rest, _ := strings.Cut(line, "`")
			out.publics = append(out.publics, public{name: strings.TrimSuffix(rest, "`")})
		}
		if part == "Public Symbols" && strings.Contains(line, "addr = ") {
			_, addr, _ := strings.Cut(line, "addr = ")
			p := &out.publics[len(out.publics)-1]
			if n, err := fmt.Sscanf(addr, "%d:%d", &p.segment, &p.offset); n != 2 {
				t.Fatalf("%q: %v", line, err)
			}
		}
		if part == "Section Headers" && strings.HasSuffix(line, " virtual address") {
			va, err := strconv.ParseInt(field[0], 16, 64)
			if err != nil {
				t.Fatal(err)
			}
			vas = append(vas, va)
		}
		if strings.HasSuffix(strings.TrimSpace(line), "Original Section Headers") {
			break
		}
	}
	for i := range out.publics {
		p := &out.publics[i]
		p.rva = -1
		if p.segment > 0 && p.segment <= len(vas) {
			p.rva = vas[p.segment-1] + int64(p.offset)
		}
	}
	return out
}

// gzLines yields the lines of a gzipped text file.
func gzLines(t *testing.T, file string) iter.Seq[string] {
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
		s := bufio.NewScanner(z)
		s.Buffer(nil, 1<<20)
		for s.Scan() {
			if !yield(s.Text()) {
				return
			}
		}
		if s.Err() != nil {
			t.Fatal(s.Err())
		}
	}
}

// corpusPDBs yields the PDBs of the shared corpus that have a truth file:
// slash-separated name, path, truth file.
func corpusPDBs(t *testing.T) [][3]string {
	t.Helper()
	dir := fixture.Shared(t)
	files, err := filepath.Glob(filepath.Join(dir, "truth", "*.pdb.txt.gz"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no truth files in %s: %v", dir, err)
	}
	var list [][3]string
	for _, file := range files {
		name := strings.ReplaceAll(strings.TrimSuffix(filepath.Base(file), ".txt.gz"), "~", "/")
		list = append(list, [3]string{name, filepath.Join(dir, filepath.FromSlash(name)), file})
	}
	return list
}

func TestCorpusPublics(t *testing.T) {
	skipped := maps.Clone(publicsNotCompared)
	for _, c := range corpusPDBs(t) {
		if _, ok := skipped[c[0]]; ok {
			delete(skipped, c[0])
			continue
		}
		t.Run(filepath.Base(c[0]), func(t *testing.T) {
			want := readTruth(t, gzLines(t, c[2]))
			f := open(t, c[1])
			if g, _ := f.ID(); g.String() != want.guid {
				t.Errorf("GUID %s, want %s", g, want.guid)
			}
			comparePublics(t, enumerate(t, f), want.publics)
			for _, problem := range f.Check() {
				t.Errorf("problem: %v", problem)
			}
		})
	}
	for name := range skipped {
		t.Errorf("%s is listed as not compared but has no truth file", name)
	}
}

func enumerate(t *testing.T, f *pdb.File) []public {
	t.Helper()
	var got []public
	for sym, err := range f.Publics() {
		if err != nil {
			t.Fatal(err)
		}
		p := public{name: sym.Name(), segment: int(sym.Segment), offset: sym.Offset, rva: -1}
		if sym.HasRVA {
			p.rva = int64(sym.RVA)
		}
		got = append(got, p)
	}
	return got
}

// comparePublics compares two multisets.
func comparePublics(t *testing.T, got, want []public) {
	t.Helper()
	count := map[public]int{}
	for _, p := range want {
		count[p]++
	}
	for _, p := range got {
		count[p]--
	}
	bad := 0
	for _, p := range slices.SortedFunc(maps.Keys(count), func(a, b public) int { return strings.Compare(a.name, b.name) }) {
		if n := count[p]; n != 0 && bad < 10 {
			t.Errorf("%+v: %+d in the truth", p, n)
			bad++
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d publics, want %d", len(got), len(want))
	}
}
