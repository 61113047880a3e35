package cli_test

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/pdb/undname"
)

// publicRow is what llvm-pdbutil and dump --publics both say of a symbol.
type publicRow struct {
	Raw     string `json:"raw"`
	Segment int    `json:"segment"`
	Offset  string `json:"offset"`
	RVA     string `json:"rva"`
	Name    string `json:"name"` // lookup only
}

func (r publicRow) key() string {
	return fmt.Sprintf("%04x:%s %s %q", r.Segment, r.Offset, r.RVA, r.Raw)
}

// truth is what llvm-pdbutil printed of a PDB.
type truth struct {
	publics  []publicRow
	sections []uint64 // their RVAs
}

// readTruth reads the sections "Public Symbols" and "Section Headers".
func readTruth(t *testing.T, path string) truth {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var out truth
	title, lines := "", bufio.NewReader(z)
	for {
		line, err := lines.ReadString('\n')
		if trimmed := strings.TrimSpace(line); strings.HasPrefix(line, "          ") && strings.Trim(trimmed, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz ") == "" && trimmed != "" {
			title = trimmed
		}
		switch title {
		case "Public Symbols":
			out.public(t, line)
		case "Section Headers":
			out.section(t, line)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for i, p := range out.publics {
		if p.Segment >= 1 && p.Segment <= len(out.sections) {
			off, _ := strconv.ParseUint(p.Offset[2:], 16, 32)
			out.publics[i].RVA = fmt.Sprintf("%#x", out.sections[p.Segment-1]+off)
		}
	}
	return out
}

// public reads the two lines of a record:
//
//	1728 | S_PUB32 [size = 52] `name`
//	       flags = none, addr = 0002:1376
func (tr *truth) public(t *testing.T, line string) {
	if _, rest, ok := strings.Cut(line, "| S_PUB32 [size = "); ok {
		_, name, _ := strings.Cut(rest, "] `")
		name = strings.TrimSuffix(strings.TrimRight(name, "\r\n"), "`")
		tr.publics = append(tr.publics, publicRow{Raw: name})
		return
	}
	if _, addr, ok := strings.Cut(line, ", addr = "); ok && len(tr.publics) > 0 {
		seg, off, _ := strings.Cut(strings.TrimSpace(addr), ":")
		s, err := strconv.Atoi(seg)
		if err != nil {
			t.Fatal(err)
		}
		o, err := strconv.ParseUint(off, 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		last := &tr.publics[len(tr.publics)-1]
		last.Segment, last.Offset = s, fmt.Sprintf("%#x", o)
	}
}

// section reads "1000 virtual address".
func (tr *truth) section(t *testing.T, line string) {
	if number, ok := strings.CutSuffix(strings.TrimSpace(line), " virtual address"); ok {
		rva, err := strconv.ParseUint(number, 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		tr.sections = append(tr.sections, rva)
	}
}

// rows decodes the lines of --json.
func rows(t *testing.T, out string) []publicRow {
	t.Helper()
	var all []publicRow
	for line := range strings.Lines(out) {
		var r publicRow
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		all = append(all, r)
	}
	return all
}

func sortedKeys(rows []publicRow) []string {
	keys := make([]string, len(rows))
	for i, r := range rows {
		keys[i] = r.key()
	}
	slices.Sort(keys)
	return keys
}

// TestTruth holds dump --publics and lookup against what llvm-pdbutil says of
// every PDB of the shared corpus that is read today.
func TestTruth(t *testing.T) {
	shared := fixture.Shared(t)
	files, err := filepath.Glob(filepath.Join(shared, "truth", "*.pdb.txt.gz"))
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files of truth, %v", len(files), err)
	}
	tested := 0
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txt.gz")
		if strings.Contains(name, "omap") || strings.Contains(name, "TicTacToe") {
			continue // rearranged, and /DEBUG:FASTLINK: not read yet
		}
		tested++
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pdb := filepath.Join(shared, filepath.FromSlash(strings.ReplaceAll(name, "~", "/")))
			checkTruth(t, readTruth(t, file), pdb)
		})
	}
	if tested < 18 {
		t.Errorf("only %d PDBs tested", tested)
	}
}

func checkTruth(t *testing.T, want truth, pdb string) {
	out, errs, status := run(t, "", "dump", pdb, "--publics", "--json")
	if wantStatus := min(1, 1-min(1, len(want.publics))); status != wantStatus {
		t.Fatalf("exit status %d, want %d: %s", status, wantStatus, errs)
	}
	dumped := rows(t, out)
	if diff := cmp.Diff(sortedKeys(want.publics), sortedKeys(dumped)); diff != "" {
		t.Fatalf("dump --publics (-llvm-pdbutil +symres):\n%s", diff)
	}
	again, _, _ := run(t, "", "dump", pdb, "--publics", "--json")
	if again != out {
		t.Error("two runs of dump differ")
	}
	if len(dumped) > 0 {
		checkLookup(t, dumped, pdb)
	}
}

// checkLookup wants the same names, undecorated, at the same places.
func checkLookup(t *testing.T, dumped []publicRow, pdb string) {
	args := []string{"lookup", "--pdb", pdb, "*", "--only", "publics"}
	if image := imageOf(pdb); image != "" {
		args = append(args, "--image", image)
	}
	out, errs, status := run(t, "", append(args, "--json")...)
	if status != 0 {
		t.Fatalf("%v: exit status %d: %s", args, status, errs)
	}
	var want, got []string
	for _, r := range dumped {
		want = append(want, fmt.Sprintf("%s %q %q", r.RVA, r.Raw, undname.NameOnly(r.Raw)))
	}
	found := rows(t, out)
	for _, r := range found {
		got = append(got, fmt.Sprintf("%s %q %q", r.RVA, r.Raw, r.Name))
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%v (-dump +lookup):\n%s", args, diff)
	}
	text, _, _ := run(t, "", args...)
	if n := strings.Count(text, "\n"); n != len(found) {
		t.Errorf("text has %d lines, JSON %d", n, len(found))
	}
}

// imageOf returns the image that lies beside a PDB.
func imageOf(pdb string) string {
	stem := strings.TrimSuffix(strings.TrimSuffix(pdb, ".pdb"), ".dll")
	for _, ext := range []string{".dll", ".exe", ".sys", ".node"} {
		if _, err := os.Stat(stem + ext); err == nil {
			return stem + ext
		}
	}
	return ""
}
