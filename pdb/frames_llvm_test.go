package pdb_test

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/pdb"
)

// frame is a frame without its name, which llvm-symbolizer decorates with
// arguments that only types know.
type frame struct {
	file string
	line uint32
}

// symbolizer returns a command that runs llvm-symbolizer for the addresses.
func symbolizer(t testing.TB, image string, base uint64, rvas []uint32) *exec.Cmd {
	t.Helper()
	const tool = "llvm-symbolizer-19"
	exe, err := exec.LookPath(tool)
	if err != nil {
		t.Skipf("SKIPPED, NOT PASSED: %v; install LLVM 19", err)
	}
	var in bytes.Buffer
	for _, rva := range rvas {
		fmt.Fprintf(&in, "%#x\n", base+uint64(rva))
	}
	cmd := exec.Command(exe, "--inlines", "--obj="+image)
	cmd.Stdin = &in
	return cmd
}

// llvmFrames asks llvm-symbolizer for the stacks of addresses of an image, the
// PDB of which lies beside it.
func llvmFrames(t testing.TB, image string, rvas []uint32) [][]frame {
	t.Helper()
	out, err := symbolizer(t, image, imageBase(t, image), rvas).Output()
	if err != nil {
		t.Fatalf("llvm-symbolizer: %v", err)
	}
	var stacks [][]frame
	var stack []frame
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		if lines.Text() == "" { // ends a stack
			stacks, stack = append(stacks, stack), nil
			continue
		}
		lines.Scan() // behind the name comes the place
		stack = append(stack, parsePlace(t, lines.Text()))
	}
	if len(stacks) != len(rvas) {
		t.Fatalf("%d stacks for %d addresses", len(stacks), len(rvas))
	}
	return stacks
}

// parsePlace reads "file:line:column"; what is not known is ?? or 0.
func parsePlace(t testing.TB, place string) frame {
	t.Helper()
	rest := place[:strings.LastIndexByte(place, ':')]
	at := strings.LastIndexByte(rest, ':')
	line, err := strconv.ParseUint(rest[at+1:], 10, 32)
	if err != nil {
		t.Fatalf("%q: %v", place, err)
	}
	return frame{strings.TrimPrefix(rest[:at], "??"), uint32(line)}
}

// imageBase reads the preferred address of a PE file.
func imageBase(t testing.TB, path string) uint64 {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	word := func(off, n int) (v uint64) {
		for i := range n {
			v |= uint64(b[off+i]) << (8 * i)
		}
		return v
	}
	optional := int(word(0x3C, 4)) + 24
	if word(optional, 2) == 0x20B {
		return word(optional+24, 8)
	}
	return word(optional+28, 4)
}

func frames(t testing.TB, f *pdb.File, rva uint32) []frame {
	t.Helper()
	list, err := f.Frames(rva)
	if err != nil {
		t.Fatalf("Frames(%#x): %v", rva, err)
	}
	var out []frame
	for i, fr := range list {
		if fr.Inlined != (i < len(list)-1) {
			t.Errorf("Frames(%#x): frame %d of %d has Inlined = %v", rva, i, len(list), fr.Inlined)
		}
		out = append(out, frame{fr.File, fr.Line})
	}
	return out
}

// checkNamed expects every frame to have a name.
func checkNamed(t testing.TB, f *pdb.File, rva uint32) {
	t.Helper()
	list, err := f.Frames(rva)
	if err != nil || len(list) == 0 || slices.ContainsFunc(list, func(fr pdb.Frame) bool { return fr.Function == "" }) {
		t.Errorf("Frames(%#x) = %+v, %v", rva, list, err)
	}
}

// randomCode picks addresses inside functions.
func randomCode(t testing.TB, f *pdb.File, n int) []uint32 {
	t.Helper()
	funcs, err := f.CodeRanges()
	if err != nil || len(funcs) == 0 {
		t.Fatalf("%d functions, %v", len(funcs), err)
	}
	var ends []uint32 // sums of sizes
	total := uint32(0)
	for _, fn := range funcs {
		total += fn[1]
		ends = append(ends, total)
	}
	rnd := rand.New(rand.NewPCG(5, 6))
	rvas := make([]uint32, n)
	for i := range rvas {
		at := rnd.Uint32N(total)
		j, _ := slices.BinarySearch(ends, at+1)
		rvas[i] = funcs[j][0] + funcs[j][1] - (ends[j] - at)
	}
	return rvas
}

// difference counts how stacks differ from llvm-symbolizer's in the ways that
// are known. shallow: frames that 19 does not show because an operation of the
// annotations that has its own length closed an open range, which it then drops.
// shifted: frames whose line it gets wrong behind such an operation. marked:
// lines that are marks. folded: code that several functions of a module share,
// of which it takes the lines of any; we take those of the first, as dbghelp.
type difference struct{ shallow, shifted, marked, folded int }

func (d *difference) explain(got, want []frame, lengthOffset []bool, blocks int) bool {
	if len(got) == 1 && len(want) == 1 && blocks > 1 {
		d.folded++
		return true
	}
	for i, g := range got {
		own := i < len(lengthOffset) && lengthOffset[i]
		switch {
		case len(want) > 0 && g == want[0]:
			want = want[1:]
		case len(want) > 0 && g == frame{} && (want[0].line == 0xFEEFEE || want[0].line == 0xF00F00):
			d.marked++
			want = want[1:]
		case own && len(got)-i == len(want) && g.file == want[0].file:
			d.shifted++
			want = want[1:]
		case own && len(got)-i > len(want):
			d.shallow++
		default:
			return false
		}
	}
	return len(want) == 0
}

// TestFramesAgainstLLVM compares stacks with another reader's.
func TestFramesAgainstLLVM(t *testing.T) {
	t.Parallel()
	dir := fixture.Shared(t)
	for _, image := range []string{
		"npm-node-pty-1.1.0/prebuilds/win32-x64/conpty_console_list.node",
		"npm-node-pty-1.1.0/prebuilds/win32-arm64/conpty_console_list.node",
		"rizinorg+rizin-testbins/pe/microsoft_seh_tests/x64/xcpt4.exe",
	} {
		t.Run(image, func(t *testing.T) {
			path := filepath.Join(dir, filepath.FromSlash(image))
			compareFrames(t, path, strings.TrimSuffix(path, filepath.Ext(path))+".pdb", 10_000)
		})
	}
}

// TestFramesAgainstLLVM_generated compares with the stacks of a generated PDB,
// whose image lies beside it.
func TestFramesAgainstLLVM_generated(t *testing.T) {
	t.Parallel()
	r, _ := openGenerated(t)
	diff := compareFrames(t, strings.TrimSuffix(r.Name(), ".pdb")+".exe", r.Name(), 10_000)
	if diff != (difference{}) {
		t.Errorf("frames differ: %+v", diff)
	}
}

func compareFrames(t *testing.T, image, path string, n int) (diff difference) {
	t.Helper()
	f := open(t, path)
	rvas := randomCode(t, f, n)
	same, bad := 0, 0
	for i, want := range llvmFrames(t, image, rvas) {
		got := frames(t, f, rvas[i])
		checkNamed(t, f, rvas[i])
		if slices.Equal(got, want) {
			same++
			continue
		}
		ops, err := f.HasLengthOffset(rvas[i])
		if err != nil {
			t.Fatal(err)
		}
		blocks, err := f.LineBlocksAt(rvas[i])
		if err != nil {
			t.Fatal(err)
		}
		if !diff.explain(got, want, ops, blocks) {
			if bad++; bad <= 10 {
				t.Errorf("%#x:\n got %+v\nwant %+v", rvas[i], got, want)
			}
		}
	}
	t.Logf("%d addresses: %d the same, %d not explained; frames that differ: %+v", n, same, bad, diff)
	return diff
}
