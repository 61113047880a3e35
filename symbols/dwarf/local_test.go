package dwarf_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/symres/symres/pdb"
	"github.com/symres/symres/symbols"
	"github.com/symres/symres/symbols/pdblocals"
	"github.com/symres/symres/unwind"
)

const programLocals = `
enum color { red = 1, green = -7, blue = 300 };
struct pair { int a; long long b; };
union either { int i; char text[12]; };

__attribute__((noinline)) int use(void *p) { return *(volatile int *)p; }

static inline __attribute__((always_inline)) int twice(int a) {
	int half = a / 2;
	return half * 4 + use(&half);
}

__attribute__((noinline)) int many(int n, const char *text, struct pair *p, enum color c, unsigned char b, double d) {
	int sum = n;
	struct pair local = {n, 5};
	union either e = {n};
	int list[6] = {1, n};
	for (int i = 0; i < n; i++) {
		int step = i * b;
		sum += step + twice(sum) + list[i % 6];
	}
	if (c == blue) {
		short inner = (short)sum;
		sum += inner + use(&local);
	}
	return sum + (int)p->b + text[n] + (int)d + use(&e) + use(list);
}

int start(int n) {
	struct pair p = {n, n + 1};
	return many(n, "text", &p, blue, 3, 1.5);
}
`

// buildBoth builds a program that has DWARF and a PDB.
func buildBoth(t *testing.T, target, emulation string, flags ...string) (exe, pdbFile string) {
	t.Helper()
	exe = compileSource(t, "main.c", programLocals, target, emulation, append(flags, "-gdwarf-5", "-gcodeview")...)
	pdbFile = filepath.Join(filepath.Dir(exe), "main.pdb")
	run(t, "ld.lld-19", "-m", emulation, "-e", "start", "--pdb="+pdbFile, "-o", exe, filepath.Join(filepath.Dir(exe), "main.o"))
	return exe, pdbFile
}

// TestVariables compares the variables of DWARF with those of the PDB that the same
// compilation wrote: at every instruction the same names, types, sizes and places.
func TestVariables(t *testing.T) {
	for name, c := range map[string]struct {
		machine           unwind.Machine
		target, emulation string
		flags             []string
		least             int // percent
	}{
		"x64 -O0":   {unwind.X64, "x86_64-w64-windows-gnu", "i386pep", []string{"-O0"}, 100},
		"x64 -O2":   {unwind.X64, "x86_64-w64-windows-gnu", "i386pep", []string{"-O2"}, 99},
		"x86 -O0":   {unwind.X86, "i686-w64-windows-gnu", "i386pe", []string{"-O0"}, 100},
		"x86 -O1":   {unwind.X86, "i686-w64-windows-gnu", "i386pe", []string{"-O1"}, 97},
		"ARM64 -O1": {unwind.ARM64, "aarch64-w64-windows-gnu", "arm64pe", []string{"-O1"}, 97},
	} {
		t.Run(name, func(t *testing.T) {
			exe, file := buildBoth(t, c.target, c.emulation, c.flags...)
			_, table := open(t, exe)
			p, err := pdb.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			same, all := compareVariables(t, table, pdblocals.New(p), c.machine, instructions(t, exe))
			t.Logf("%d of %d equal", same, all)
			if all < 200 || same*100 < all*c.least {
				t.Errorf("%d of %d equal", same, all)
			}
		})
	}
}

// instructions are the addresses of a program's instructions.
func instructions(t *testing.T, exe string) (list []uint64) {
	t.Helper()
	out, err := exec.Command("llvm-objdump-19", "-d", "--no-show-raw-insn", exe).Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(out), "\n") {
		var at uint64
		if n, _ := fmt.Sscanf(line, "%x:", &at); n == 1 && strings.HasPrefix(line, " ") || n == 1 && !strings.Contains(line, "<") {
			list = append(list, at)
		}
	}
	return list
}

func compareVariables(t *testing.T, a, b symbols.Locals, m unwind.Machine, at []uint64) (same, all int) {
	t.Helper()
	const base = 0x70000000
	shown := 0
	for _, pc := range at {
		f := &symbols.StackFrame{CFA: 0x7ffd0000, Frame: unwind.Frame{Module: &unwind.Module{Name: "main", Base: base, Size: 1 << 20}}}
		f.Context = unwind.Context{Machine: m, KnownInt: 1<<32 - 1, KnownVec: 1<<16 - 1, PC: base + pc&0xfffff}
		for i := range f.Int {
			f.Int[i] = 0x11111000 * uint64(i+1) & 0xffffffff
		}
		for i := range f.Vec {
			f.Vec[i] = [2]uint64{uint64(i + 0x100), uint64(i)}
		}
		got, want := described(t, a, f), described(t, b, f)
		for name, w := range want {
			all++
			if got[name] == w || strings.HasSuffix(w, "[]") && strings.HasPrefix(got[name], strings.TrimSuffix(w, "]")) {
				same++
			} else if shown++; shown < 6 {
				t.Logf("%x %s: %q, not %q", pc, name, got[name], w)
			}
		}
	}
	return same, all
}

// described are the variables of a frame by their names and depths.
func described(t *testing.T, l symbols.Locals, f *symbols.StackFrame) map[string]string {
	t.Helper()
	list := map[string]string{}
	for v, err := range l.Variables(f) {
		if err != nil {
			t.Fatal(err)
		}
		var parts []string
		for _, p := range v.Pieces {
			switch {
			case p.Err != nil: // in whose words does not matter
			case p.InMemory:
				parts = append(parts, fmt.Sprintf("%d@%x", p.At, p.Address))
			default:
				n := min(len(p.Value), int(v.Type.Size))
				parts = append(parts, fmt.Sprintf("%d=%x", p.At, p.Value[:n]))
			}
		}
		sort.Strings(parts)
		list[fmt.Sprint(v.Depth, v.Param, v.Name)] = fmt.Sprint(v.Type.Name, v.Type.Size, v.Type.Form, parts)
	}
	return list
}
