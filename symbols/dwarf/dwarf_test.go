package dwarf_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/internal/symtest"
	"github.com/symres/symres/pdb/undname"
	"github.com/symres/symres/symbols"
	"github.com/symres/symres/symbols/dwarf"
)

const program = `
int counter = 3;
static int table[4] = {1, 2, 3, 4};

static inline __attribute__((always_inline)) int twice(int a) {
	return a * 2 + counter;
}

static inline __attribute__((always_inline)) int four(int a) {
	int b = twice(a);
	return b + twice(b + 1);
}

__attribute__((noinline)) int work(int n) {
	int sum = 0;
	for (int i = 0; i < n; i++) {
		if (i & 1)
			sum += four(i);
		else
			sum -= table[i & 3];
	}
	return sum;
}

struct point { int x, y; };

__attribute__((noinline)) int area(struct point *p) {
	return p->x * p->y + work(p->x);
}

int start(void) {
	struct point p = {3, counter};
	return area(&p) + work(7);
}
`

const programCC = `
namespace app {
static int hid = 9;
namespace { int anon; }
struct S { static inline int q = 4; int f(int x) const { return x * q + anon; } };
__attribute__((noinline)) static int loc(int a) {
	static int memo = 4;
	anon += a;
	memo += a + hid;
	return memo + S::q;
}
template <class T> __attribute__((noinline)) T most(T a, T b) { return a > b ? a : b; }
int go(int x) { S s; return loc(x) + s.f(x) + most<int>(x, hid); }
}
extern "C" int start(int n) { return app::go(n); }
`

// compile builds the program with clang for a target; flags choose the form of
// its DWARF.
func compile(t testing.TB, target, emulation string, flags ...string) string {
	return compileSource(t, "main.c", program, target, emulation, flags...)
}

// compileSource builds a program of one file, whose name says the language.
func compileSource(t testing.TB, name, text, target, emulation string, flags ...string) string {
	t.Helper()
	for _, tool := range []string{"clang-19", "ld.lld-19", "llvm-symbolizer-19"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("NOT COMPARED: %s is not installed (Debian: clang-19, lld-19, llvm-19)", tool)
		}
	}
	dir := t.TempDir()
	src, obj, exe := filepath.Join(dir, name), filepath.Join(dir, "main.o"), filepath.Join(dir, "main.exe")
	if err := os.WriteFile(src, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, "clang-19", append([]string{"--target=" + target, "-ffreestanding", "-c", "-o", obj, src}, flags...)...)
	run(t, "ld.lld-19", "-m", emulation, "-e", "start", "-o", exe, obj)
	return exe
}

func run(t testing.TB, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", name, err, out)
	}
}

// buildGo compiles a Go program for Windows.
func buildGo(t testing.TB, arch string, compressed bool, flags ...string) string {
	t.Helper()
	dir := t.TempDir()
	src, exe := filepath.Join(dir, "main.go"), filepath.Join(dir, "main.exe")
	if err := os.WriteFile(src, []byte("package main\n\nimport \"fmt\"\n\nvar Counter = 7\n\nfunc main() { fmt.Println(Counter) }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := append([]string{"build", "-ldflags=-compressdwarf=" + strconv.FormatBool(compressed), "-o", exe}, flags...)
	cmd := exec.Command("go", append(args, src)...)
	cmd.Env = append(os.Environ(), "GOOS=windows", "GOARCH="+arch, "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return exe
}

func open(t testing.TB, exe string) (*symbols.Image, *dwarf.Table) {
	t.Helper()
	b, err := os.ReadFile(exe)
	if err != nil {
		t.Fatal(err)
	}
	im := symtest.Image(b)
	table, err := dwarf.New(im)
	if err != nil {
		t.Fatal(err)
	}
	return im, table
}

// TestSymbolizer compares functions, inlined calls, files and lines with what
// llvm-symbolizer says, at addresses of functions.
func TestSymbolizer(t *testing.T) {
	for name, exe := range map[string]func() string{
		"x64 -O2 DWARF 5": func() string { return compile(t, "x86_64-w64-windows-gnu", "i386pep", "-O2", "-gdwarf-5") },
		"x64 -O0 DWARF 4": func() string { return compile(t, "x86_64-w64-windows-gnu", "i386pep", "-O0", "-gdwarf-4") },
		"x64 -O1 DWARF 2": func() string { return compile(t, "x86_64-w64-windows-gnu", "i386pep", "-O1", "-gdwarf-2") },
		"x86 -O2 DWARF 3": func() string { return compile(t, "i686-w64-windows-gnu", "i386pe", "-O2", "-gdwarf-3") },
		"ARM64 -O2": func() string {
			return compile(t, "aarch64-w64-windows-gnu", "arm64pe", "-O2", "-gdwarf-5", "-ffunction-sections")
		},
		"C++ x64 -O2 DWARF 5": func() string {
			return compileSource(t, "main.cc", programCC, "x86_64-w64-windows-gnu", "i386pep", "-O2", "-gdwarf-5", "-std=c++17")
		},
		"C++ x86 -O0 DWARF 4": func() string {
			return compileSource(t, "main.cc", programCC, "i686-w64-windows-gnu", "i386pe", "-O0", "-gdwarf-4", "-std=c++17")
		},
		"Go amd64":           func() string { return buildGo(t, "amd64", false) },
		"Go 386":             func() string { return buildGo(t, "386", false) },
		"Go arm64":           func() string { return buildGo(t, "arm64", false) },
		"Go amd64 -trimpath": func() string { return buildGo(t, "amd64", false, "-trimpath") },
	} {
		t.Run(name, func(t *testing.T) {
			path := exe()
			im, table := open(t, path)
			list := addresses(t, table)
			same := compareWithSymbolizer(t, im, table, path, list)
			t.Logf("%d of %d addresses equal", same, len(list))
			if len(list) < 100 || same*1000 < len(list)*999 {
				t.Errorf("%d of %d addresses equal", same, len(list))
			}
			symtest.Check(t, table)
		})
	}
}

// addresses are those of instructions and between them, at most some 2,000.
func addresses(t *testing.T, table *dwarf.Table) (list []uint32) {
	t.Helper()
	var code []symbols.Symbol
	for s, err := range table.All() {
		if err != nil {
			t.Fatal(err)
		}
		if s.Code && s.Size > 0 {
			code = append(code, s)
		}
	}
	if len(code) < 100 { // every byte
		for _, s := range code {
			for at := range s.Size {
				list = append(list, s.RVA+at)
			}
		}
		return list
	}
	for i := range 2000 {
		s := code[(i*len(code)/2000+i*7)%len(code)]
		list = append(list, s.RVA+uint32(i*13)%s.Size)
	}
	return list
}

func decoration(im *symbols.Image) string {
	if im.Is64() {
		return ""
	}
	return "_"
}

func compareWithSymbolizer(t *testing.T, im *symbols.Image, table *dwarf.Table, path string, list []uint32) (same int) {
	t.Helper()
	var in strings.Builder
	for _, rva := range list {
		fmt.Fprintf(&in, "%#x\n", im.ImageBase+uint64(rva))
	}
	cmd := exec.Command("llvm-symbolizer-19", "--inlines", "--no-demangle", "--output-style=JSON", "--obj="+path)
	cmd.Stdin = strings.NewReader(in.String())
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	shown := 0
	for i, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		var answer struct {
			Symbol []struct {
				FunctionName, FileName string
				Line                   uint32
			}
		}
		if err := json.Unmarshal([]byte(line), &answer); err != nil {
			t.Fatal(err)
		}
		var want, got []string
		for _, f := range answer.Symbol {
			// It prefers names of the symbol table, which are decorated on x86 and in Go's assembly.
			// Behind -trimpath it puts "." in front, the folder of the compilation.
			name := undname.NameOnly(strings.TrimSuffix(strings.TrimPrefix(f.FunctionName, decoration(im)), ".abi0"))
			want = append(want, fmt.Sprintf("%s %s:%d", name, strings.TrimPrefix(f.FileName, "./"), f.Line))
		}
		frames, err := table.Frames(list[i])
		for _, f := range frames {
			got = append(got, fmt.Sprintf("%s %s:%d", f.Function, f.File, f.Line))
		}
		if err == nil && fmt.Sprint(got) == fmt.Sprint(want) {
			same++
		} else if shown++; shown < 4 {
			t.Logf("%x: %q, %v, not %q", list[i], got, err, want)
		}
	}
	return same
}

// TestCompressed wants the answers of a program whose sections are compressed to
// be those of its twin.
func TestCompressed(t *testing.T) {
	_, plain := open(t, buildGo(t, "amd64", false))
	_, packed := open(t, buildGo(t, "amd64", true))
	for _, rva := range addresses(t, plain)[:500] {
		want, err := plain.Frames(rva)
		got, failed := packed.Frames(rva)
		if err != nil || failed != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%x: %v, %v, not %v, %v", rva, got, failed, want, err)
		}
	}
}

// TestTable wants functions and variables by name and by address, and the code of
// a line.
func TestTable(t *testing.T) {
	_, table := open(t, compile(t, "x86_64-w64-windows-gnu", "i386pep", "-O2", "-gdwarf-5"))
	work, err := table.Named("work")
	if err != nil || len(work) != 1 || !work[0].Code || work[0].Size == 0 {
		t.Fatalf("%+v, %v", work, err)
	}
	counter, err := table.Named("counter")
	if err != nil || len(counter) != 1 || counter[0].Code || counter[0].Size != 4 {
		t.Fatalf("%+v, %v", counter, err)
	}
	if near, err := table.Nearest(counter[0].RVA + 1); err != nil || len(near) != 1 || near[0].Raw != "counter" {
		t.Errorf("%+v, %v", near, err)
	}
	lines, err := table.LineAddresses(`MAIN.c`, 15) // a declaration, which has no code
	if err != nil || len(lines) == 0 || lines[0].Line != 16 || lines[0].RVA != work[0].RVA || !strings.HasSuffix(lines[0].File, "main.c") {
		t.Errorf("%+v, %v", lines, err)
	}
}

// TestScopes wants the names of variables and functions with those of what is around
// them, and each thing once.
func TestScopes(t *testing.T) {
	_, table := open(t, compileSource(t, "main.cc", programCC, "x86_64-w64-windows-gnu", "i386pep", "-O0", "-gdwarf-5", "-std=c++17"))
	names := map[string]int{}
	for s, err := range table.All() {
		if err != nil {
			t.Fatal(err)
		}
		names[s.Display()]++
	}
	for _, name := range []string{"app::hid", "app::(anonymous namespace)::anon", "app::S::q", "app::loc(int)::memo", "app::loc", "app::go", "app::S::f", "start"} {
		if names[name] != 1 {
			t.Errorf("%s: %d times among %v", name, names[name], names)
		}
	}
}

// TestAssembly wants lines of code that is in no function.
func TestAssembly(t *testing.T) {
	exe := compileSource(t, "main.s", "\t.globl start\n\t.text\nstart:\n\tnop\n\taddl $1, %eax\n\tret\n", "x86_64-w64-windows-gnu", "i386pep", "-g")
	_, table := open(t, exe)
	frames, err := table.Frames(0x1001)
	if err != nil || len(frames) != 1 || frames[0].Line != 5 || filepath.Base(frames[0].File) != "main.s" || frames[0].Function != "" {
		t.Errorf("%+v, %v", frames, err)
	}
}

// TestNone: an image without DWARF says so, and one whose file is not at hand.
func TestNone(t *testing.T) {
	b := fixture.Bytes(t, "fs_rec/x64/good/fs_rec.sys")
	if _, err := dwarf.New(symtest.Image(b)); !errors.Is(err, symbols.ErrNone) {
		t.Errorf("%v", err)
	}
	im, err := symbols.NewImage(bytes.NewReader(b), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dwarf.New(im); !errors.Is(err, symbols.ErrNone) || !strings.Contains(err.Error(), "no file") {
		t.Errorf("%v", err)
	}
}
