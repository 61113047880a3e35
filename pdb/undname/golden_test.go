package undname_test

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/symres/symres/pdb/undname"
)

var update = flag.Bool("update", false, "write testdata/golden from clang-19 and llvm-undname-19")

// A target is what a source of testdata is compiled for.
type target struct{ source, arch string }

// targets lists what testdata/golden holds. For x86 the sources are compiled
// whose names differ by more than __thiscall and __ptr64.
var targets = []target{
	{"arm64ec.cpp", "arm64ec"},
	{"classes.cpp", "x86_64"},
	{"exceptions.cpp", "x86_64"},
	{"functions.cpp", "i686"},
	{"functions.cpp", "x86_64"},
	{"modern.cpp", "x86_64"},
	{"names.cpp", "x86_64"},
	{"operators.cpp", "x86_64"},
	{"statics.cpp", "x86_64"},
	{"strings.cpp", "x86_64"},
	{"templates.cpp", "x86_64"},
	{"types.cpp", "i686"},
	{"types.cpp", "x86_64"},
	{"values.cpp", "x86_64"},
}

func (g target) file() string {
	return filepath.Join("testdata", "golden", strings.TrimSuffix(g.source, ".cpp")+"."+g.arch+".txt")
}

// A golden is what one name is printed as.
type golden struct {
	raw, llvm, full, name string
	rejected              bool // llvm-undname-19 does not read it
}

func (g golden) String() string {
	key := "llvm"
	if g.rejected {
		key = "LLVM" // this package's alone
	}
	return fmt.Sprintf("%s\n\t%s %s\n\tfull %s\n\tname %s\n", g.raw, key, g.llvm, g.full, g.name)
}

// ours prints a name with this package.
func ours(raw string) golden {
	g := golden{raw: raw, name: undname.NameOnly(raw)}
	g.llvm, _ = undname.Undecorate(raw, undname.StyleLLVM, 0)
	g.full, _ = undname.Full(raw, 0)
	return g
}

// readGolden reads a file of [golden.String].
func readGolden(t testing.TB, file string) (list []golden) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "# ") {
			continue
		}
		key, value, _ := strings.Cut(strings.TrimPrefix(line, "\t"), " ")
		if !strings.HasPrefix(line, "\t") {
			list = append(list, golden{raw: line})
			continue
		}
		g := &list[len(list)-1]
		switch key {
		case "llvm", "LLVM":
			g.llvm, g.rejected = value, key == "LLVM"
		case "full":
			g.full = value
		case "name":
			g.name = value
		default:
			t.Fatalf("%s: %q", file, line)
		}
	}
	return list
}

func TestGolden(t *testing.T) {
	total := 0
	for _, g := range targets {
		t.Run(filepath.Base(g.file()), func(t *testing.T) {
			list := readGolden(t, g.file())
			total += len(list)
			for _, want := range list {
				got := ours(want.raw)
				got.rejected = want.rejected
				if got != want {
					t.Errorf("got\n%swant\n%s", got, want)
				}
			}
		})
	}
	if !t.Failed() && total < 1000 {
		t.Errorf("only %d names", total)
	}
}

// needTools skips unless the compiler and llvm-undname of version 19 are there.
func needTools(t *testing.T) {
	t.Helper()
	for _, tool := range []string{"clang++-19", "llvm-undname-19"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("SKIPPED, NOT PASSED: %s is not installed (Debian: apt-get install clang-19 llvm-19)", tool)
		}
	}
}

// TestGoldenIsFresh compiles the sources again and asks llvm-undname again.
func TestGoldenIsFresh(t *testing.T) {
	needTools(t)
	for _, g := range targets {
		t.Run(filepath.Base(g.file()), func(t *testing.T) {
			names := compile(t, g)
			llvm := llvmUndname(t, names)
			var fresh []golden
			for _, raw := range names {
				n := ours(raw)
				if llvm[raw] == "" {
					n.rejected = true
				} else {
					n.llvm = llvm[raw]
				}
				fresh = append(fresh, n)
			}
			if *update {
				writeGolden(t, g.file(), fresh)
			}
			if want := readGolden(t, g.file()); !slices.Equal(fresh, want) {
				t.Errorf("%s is not what the tools make now; go test -run Golden -update writes it", g.file())
			}
		})
	}
}

func writeGolden(t *testing.T, file string, list []golden) {
	t.Helper()
	var b bytes.Buffer
	for _, g := range list {
		b.WriteString(g.String())
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
}

// compile returns the decorated names of the code of a source, sorted.
func compile(t *testing.T, g target) []string {
	t.Helper()
	cmd := exec.Command("clang++-19", "--target="+g.arch+"-pc-windows-msvc", "-std=c++23",
		"-fcxx-exceptions", "-fexceptions", "-w", "-S", "-emit-llvm",
		"-Xclang", "-disable-llvm-passes", "-o", "-", g.source)
	cmd.Dir = "testdata"
	var problems bytes.Buffer
	cmd.Stderr = &problems
	code, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, &problems)
	}
	names := map[string]bool{}
	for _, m := range regexp.MustCompile(`[@$]"([^"]*)"|c"(\.[?A-Z_][^"\\]*)\\00"|@((?:_TI|_CT)\w+)`).FindAllSubmatch(code, -1) {
		name := strings.TrimPrefix(unescape(string(slices.Concat(m[1], m[2], m[3]))), "\x01")
		names[name] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// unescape decodes "\XX" of LLVM's text form.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+2 < len(s) {
			if v, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(v))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// llvmUndname asks llvm-undname-19 for all names; those it rejects are absent.
func llvmUndname(t *testing.T, names []string, options ...string) map[string]string {
	t.Helper()
	cmd := exec.Command("llvm-undname-19", options...)
	cmd.Stdin = strings.NewReader(strings.Join(names, "\n") + "\n")
	out, _ := cmd.Output() // it fails if any name does
	lines := strings.Split(string(out), "\n")
	got := map[string]string{}
	for _, raw := range names {
		if len(lines) < 2 || lines[0] != raw {
			t.Fatalf("llvm-undname answers %q for %q", lines[0], raw)
		}
		if lines[1] != "" {
			got[raw] = lines[1]
			lines = lines[1:]
		}
		lines = lines[2:]
	}
	return got
}

const handwritten = "testdata/handwritten.txt"

// TestHandwritten compares the forms that no compiler here makes.
func TestHandwritten(t *testing.T) {
	for _, want := range readGolden(t, handwritten) {
		got := ours(want.raw)
		got.rejected = want.rejected
		if got != want {
			t.Errorf("got\n%swant\n%s", got, want)
		}
	}
}

// TestHandwritten_llvm asks llvm-undname about them.
func TestHandwritten_llvm(t *testing.T) {
	needTools(t)
	list := readGolden(t, handwritten)
	names := make([]string, len(list))
	for i, g := range list {
		names[i] = g.raw
	}
	llvm := llvmUndname(t, names)
	for _, g := range list {
		if want, known := llvm[g.raw]; known == g.rejected || known && want != g.llvm {
			t.Errorf("%s: llvm-undname prints %q; the file says %q, rejected %v", g.raw, want, g.llvm, g.rejected)
		}
	}
}
