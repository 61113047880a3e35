package pdb_test

import (
	"bufio"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/pdb"
)

// toolLines runs a tool of LLVM 19 and yields what it prints. Without the tool
// the test is skipped. A failing tool is reported to done.
func toolLines(t testing.TB, done func(error), tool string, args ...string) iter.Seq[string] {
	exe, err := exec.LookPath(tool)
	if err != nil {
		t.Skipf("SKIPPED, NOT PASSED: %v; install LLVM 19", err)
	}
	return func(yield func(string) bool) {
		cmd := exec.Command(exe, args...)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		s := bufio.NewScanner(out)
		s.Buffer(nil, 1<<20)
		for s.Scan() && yield(s.Text()) {
		}
		io.Copy(io.Discard, out)
		if err := cmd.Wait(); done != nil {
			done(err)
		}
	}
}

// function is a function as llvm-pdbutil lists it.
type function struct {
	kind, name   string
	segment      int
	offset, size uint32
	rva          int64 // -1 where the segment is no section
}

var (
	recordLine = regexp.MustCompile("^ *[0-9]+ \\| (S_[A-Z0-9_]+) \\[size = [0-9]+\\](?: `(.*)`(?: .*)?)?$")
	procPlace  = regexp.MustCompile(`addr = (\d+):(\d+), code size = (\d+)`)
	thunkPlace = regexp.MustCompile(`kind = .*, size = (\d+), addr = (\d+):(\d+)`)
	trampPlace = regexp.MustCompile(`type = .*, size = (\d+), source = (\d+):(\d+)`)
)

// llvmFunctions reads the functions of "llvm-pdbutil dump -symbols
// -section-headers".
func llvmFunctions(t testing.TB, lines iter.Seq[string]) []function {
	t.Helper()
	var list []function
	var vas []int64
	var cur *function
	atoi := func(s string) int {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	place := func(seg, off, size string) {
		cur.segment, cur.offset, cur.size = atoi(seg), uint32(atoi(off)), uint32(atoi(size))
		list = append(list, *cur)
		cur = nil
	}
	for line := range lines {
		if m := recordLine.FindStringSubmatch(line); m != nil {
			cur = nil
			switch {
			case strings.HasPrefix(m[1], "S_GPROC32"), strings.HasPrefix(m[1], "S_LPROC32"), m[1] == "S_THUNK32", m[1] == "S_TRAMPOLINE":
				cur = &function{kind: m[1], name: m[2]}
			}
			continue
		}
		if va, ok := strings.CutSuffix(line, " virtual address"); ok {
			v, err := strconv.ParseInt(strings.TrimSpace(va), 16, 64)
			if err != nil {
				t.Fatal(err)
			}
			vas = append(vas, v)
		}
		if strings.HasSuffix(line, "Original Section Headers") {
			break
		}
		if cur == nil {
			continue
		}
		if m := procPlace.FindStringSubmatch(line); m != nil {
			place(m[1], m[2], m[3])
		} else if m := thunkPlace.FindStringSubmatch(line); m != nil {
			place(m[2], m[3], m[1])
		} else if m := trampPlace.FindStringSubmatch(line); m != nil {
			place(m[2], m[3], m[1])
		}
	}
	for i := range list {
		f := &list[i]
		f.rva = -1
		if f.segment > 0 && f.segment <= len(vas) {
			f.rva = vas[f.segment-1] + int64(f.offset)
		}
	}
	return list
}

// ourFunctions lists the same kinds. What llvm-pdbutil does not name is not
// named here either.
func ourFunctions(t testing.TB, f *pdb.File) []function {
	t.Helper()
	var list []function
	for s, err := range f.Procs() {
		if err != nil {
			t.Error(err)
			continue
		}
		got := function{kind: s.Kind.String(), name: s.Name(), segment: int(s.Segment), offset: s.Offset, size: s.Size, rva: -1}
		if s.HasRVA {
			got.rva = int64(s.RVA)
		}
		switch {
		case s.Kind == pdb.KindSepCode, s.Kind == pdb.KindGManProc: // llvm-pdbutil reads neither
			continue
		case s.Kind == pdb.KindTrampoline:
			if !strings.HasPrefix(got.name, "@ILT+") || !strings.HasSuffix(got.name, ")") {
				t.Errorf("trampoline %v", s)
			}
			got.name = ""
		}
		list = append(list, got)
	}
	return list
}

// functionsNotCompared lists what the comparison leaves out.
var functionsNotCompared = map[string]string{
	"omap_reorder_funcs.pdb":    "OMAP: llvm-pdbutil lists addresses before remapping",
	"omap_stretched.pdb":        "OMAP: llvm-pdbutil lists addresses before remapping",
	"test_vtables_omap.dll.pdb": "OMAP: llvm-pdbutil lists addresses before remapping",
}

// TestCorpusFunctions compares the functions of every PDB of the corpus with
// those llvm-pdbutil lists.
func TestCorpusFunctions(t *testing.T) {
	t.Parallel()
	files := map[string]string{}
	for _, c := range corpusPDBs(t) {
		files[c[0]] = c[1]
	}
	files["mozilla+dump_syms/test_data/windows/basic32.pdb"] = ""
	total := 0
	for _, name := range slices.Sorted(maps.Keys(files)) {
		t.Run(filepath.Base(name), func(t *testing.T) {
			path := files[name]
			if path == "" {
				path = expand(t, filepath.Join(fixture.Shared(t), strings.TrimSuffix(filepath.FromSlash(name), "b")+"_"))
			}
			total += compareFunctions(t, path, functionsNotCompared[filepath.Base(name)] != "")
		})
	}
	if total < 10_000 {
		t.Errorf("%d functions in the corpus", total)
	}
}

// compareFunctions returns how many there are.
func compareFunctions(t *testing.T, path string, moved bool) int {
	t.Helper()
	var failed error
	want := llvmFunctions(t, toolLines(t, func(err error) { failed = err }, "llvm-pdbutil-19", "dump", "-symbols", "-section-headers", path))
	got := ourFunctions(t, open(t, path))
	count := map[function]int{}
	for _, w := range want {
		if moved {
			w.rva = 0
		}
		count[w]++
	}
	for _, g := range got {
		if moved {
			g.rva = 0
		}
		count[g]--
	}
	bad := 0
	for g, n := range count {
		if n != 0 && !(n < 0 && failed != nil) {
			if bad++; bad < 10 {
				t.Errorf("%+v: %+d in llvm-pdbutil's list", g, n)
			}
		}
	}
	if failed != nil {
		t.Logf("llvm-pdbutil gave up after %d of %d: %v", len(want), len(got), failed)
	}
	return len(got)
}

// expand unpacks the only file of a cabinet.
func expand(t testing.TB, cabinet string) string {
	t.Helper()
	exe, err := exec.LookPath("cabextract")
	if err != nil {
		t.Skipf("SKIPPED, NOT PASSED: %v; install cabextract", err)
	}
	dir := t.TempDir()
	if out, err := exec.Command(exe, "-q", "-d", dir, cabinet).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 {
		t.Fatal(fmt.Errorf("%s holds %v, %v", cabinet, files, err))
	}
	return filepath.Join(dir, files[0].Name())
}
