package dwarf_test

import (
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

// compile builds the program with clang for a target; flags choose the form of
// its DWARF.
func compile(t testing.TB, target, emulation string, flags ...string) string {
	t.Helper()
	for _, tool := range []string{"clang-19", "ld.lld-19", "llvm-symbolizer-19"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("NOT COMPARED: %s is not installed (Debian: clang-19, lld-19, llvm-19)", tool)
		}
	}
	dir := t.TempDir()
	src, obj, exe := filepath.Join(dir, "main.c"), filepath.Join(dir, "main.o"), filepath.Join(dir, "main.exe")
	if err := os.WriteFile(src, []byte(program), 0o600); err != nil {
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
func buildGo(t testing.TB, arch string, compressed bool) string {
	t.Helper()
	dir := t.TempDir()
	src, exe := filepath.Join(dir, "main.go"), filepath.Join(dir, "main.exe")
	if err := os.WriteFile(src, []byte("package main\n\nimport \"fmt\"\n\nvar Counter = 7\n\nfunc main() { fmt.Println(Counter) }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "build", "-ldflags=-compressdwarf="+strconv.FormatBool(compressed), "-o", exe, src)
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
		"Go amd64": func() string { return buildGo(t, "amd64", false) },
		"Go 386":   func() string { return buildGo(t, "386", false) },
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
			want = append(want, fmt.Sprintf("%s %s:%d", strings.TrimSuffix(strings.TrimPrefix(f.FunctionName, decoration(im)), ".abi0"),
				strings.Replace(f.FileName, "./<autogenerated>", "<autogenerated>", 1), f.Line))
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
	if err != nil || len(counter) != 1 || counter[0].Code {
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

// TestNone: an image without DWARF says so, and one whose file is not at hand.
func TestNone(t *testing.T) {
	if _, err := dwarf.New(symtest.Image(fixture.Bytes(t, "fs_rec/x64/good/fs_rec.sys"))); !errors.Is(err, symbols.ErrNone) {
		t.Errorf("%v", err)
	}
}

// FuzzTable: whatever the sections, the table ends and answers the same both ways.
func FuzzTable(f *testing.F) {
	b, err := os.ReadFile(compile(f, "x86_64-w64-windows-gnu", "i386pep", "-O2", "-gdwarf-5"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint32(0), uint64(0), uint32(0x1000))
	f.Add(uint32(0x300), uint64(0xff00ff), uint32(0x1010))
	f.Fuzz(func(t *testing.T, where uint32, value uint64, rva uint32) {
		damaged := append([]byte(nil), b...)
		for i := range 8 {
			damaged[(0x600+int(where)+i)%len(damaged)] ^= byte(value >> (8 * i))
		}
		im := symtest.Image(damaged)
		if im == nil {
			return
		}
		table, err := dwarf.New(im)
		if err != nil {
			return
		}
		symtest.Check(t, table)
		frames, _ := table.Frames(rva)
		if len(frames) > 0 && frames[len(frames)-1].Inlined {
			t.Fatalf("%x: %+v", rva, frames)
		}
	})
}
