package cli_test

import (
	"debug/pe"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/symres/symres/internal/dumpbuild"
)

const trapping = `
__attribute__((noinline)) int inner(int a, const char *text) { int own = a + 1; __builtin_trap(); return own + text[0]; }
__attribute__((noinline)) int outer(int n) { int twice = 2 * n; return inner(twice, "text") + twice; }
int start(void) { return outer(7); }
`

// trapped are builds of a program for x86 that has no PDB: its functions have frame
// pointers, and DWARF that counts places from them, or from where the frame begins.
var trapped = map[string][]string{
	"clang": {"clang-19", "--target=i686-w64-windows-gnu", "-fuse-ld=lld-19", "-gdwarf-5"},
	"gcc":   {"i686-w64-mingw32-gcc", "-gdwarf-5"},
}

// buildTrapped builds the program and returns the addresses of its trap and of the
// instruction behind the call of inner.
func buildTrapped(t *testing.T, compiler []string, dir string) (trap, behind uint32) {
	t.Helper()
	for _, tool := range []string{compiler[0], "llvm-objdump-19"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("SKIPPED, NOT PASSED: %v; on Debian: clang-19 lld-19 llvm-19 gcc-mingw-w64-i686", err)
		}
	}
	source, exe := filepath.Join(dir, "app.c"), filepath.Join(dir, "app.exe")
	if err := os.WriteFile(source, []byte(trapping), 0o600); err != nil {
		t.Fatal(err)
	}
	args := append(compiler[1:len(compiler):len(compiler)], "-O0", "-ffreestanding", "-fno-stack-protector", "-nostdlib", "-Wl,-e,_start", "-o", exe, source)
	if out, err := exec.Command(compiler[0], args...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	out, err := exec.Command("llvm-objdump-19", "-d", "--no-show-raw-insn", exe).Output()
	if err != nil {
		t.Fatal(err)
	}
	find := func(pattern string) uint32 {
		m := regexp.MustCompile(pattern).FindSubmatch(out)
		if m == nil {
			t.Fatalf("no %s in\n%s", pattern, out)
		}
		n, err := strconv.ParseUint(string(m[1]), 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		return uint32(n)
	}
	return find(`\n *([0-9a-f]+):\s+ud2`), find(`\tcalll[^\n]*_inner>\n *([0-9a-f]+):`)
}

// trappedDump is a dump of the program at its trap. What is on the stack is as the
// calling convention has it: the arguments behind the return address.
func trappedDump(t *testing.T, dir string, trap, behind uint32) string {
	t.Helper()
	f, err := pe.Open(filepath.Join(dir, "app.exe"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	header := f.OptionalHeader.(*pe.OptionalHeader32)
	const at = 0x7f000
	stack := dumpbuild.MinidumpRange{Addr: at, Data: make([]byte, 0x400)}
	put := func(off int, words ...uint32) {
		for i, v := range words {
			binary.LittleEndian.PutUint32(stack.Data[off+4*i:], v)
		}
	}
	put(0x100, at+0x180, behind, 14, at+0x200) // inner(14, "text"), called by
	put(0x180, 0, 0, 7)                        // outer(7), which nobody called
	copy(stack.Data[0x200:], "text")
	context := make([]byte, 0x2cc)
	for off, v := range map[int]uint32{0: 0x1003f, 0xb4: at + 0x100, 0xb8: trap, 0xc4: at + 0xe0} {
		binary.LittleEndian.PutUint32(context[off:], v)
	}
	dump := filepath.Join(dir, "app.dmp")
	b := dumpbuild.BuildMinidump(dumpbuild.Minidump{
		Modules: []dumpbuild.MinidumpModule{{
			Name: `C:\app.exe`, Base: uint64(header.ImageBase), Size: header.SizeOfImage, CheckSum: header.CheckSum, Stamp: f.TimeDateStamp,
		}},
		Threads: []dumpbuild.MinidumpThread{{ID: 7, Context: context}},
		Memory:  []dumpbuild.MinidumpRange{stack},
	})
	if err := os.WriteFile(dump, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return dump
}

// TestStackArgs_dwarf: --args reads DWARF. That says of gcc's programs how far a
// variable is from the beginning of the frame, which a frame pointer tells where
// nothing better does: the values are weak.
func TestStackArgs_dwarf(t *testing.T) {
	for name, compiler := range trapped {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			trap, behind := buildTrapped(t, compiler, dir)
			dump := trappedDump(t, dir, trap, behind)
			out, errs, status := run(t, "", "k", "--dump", dump, "--sympath", dir, "--args", "-v")
			for _, want := range []string{
				`app!inner\+0x\w+ \[.*app.c @ 2\]`, `param int a = 0n14  \(.*, weak\)`, `param const char\* text = 0x0007f200 "text"  \(.*, weak\)`, `local int own = `,
				`app!outer\+0x\w+ \[.*app.c @ 3\]`, `param int n = 0n7  \(.*, weak\)`, `local int twice = `,
			} {
				if status != 0 || !regexp.MustCompile(want).MatchString(out) {
					t.Errorf("status %d, no %s: %s\n%s", status, want, errs, out)
				}
			}
			if strings.Contains(out, "<not known") || strings.Contains(out, "optimised out") {
				t.Error(out)
			}
		})
	}
}
