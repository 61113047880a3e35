package pdb_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/symres/symres/pdb"
)

// typeZoo is a program whose types have what those of the corpus lack.
const typeZoo = `
typedef unsigned __int64 U64;
struct Bits { U64 a : 3; U64 b : 61; int : 0; int c : 5; signed char d : 2; };
enum Small : signed char { Minus = -5, Plus = 100 };
enum Big : U64 { Huge = 0xFFFFFFFFFFFFFFFFull, Mid = 0x80000000ull, One = 1 };
enum Wide : __int64 { Low = -0x7FFFFFFFFFFFFFFFll - 1, W16 = -40000, W32 = 0x12345678 };
struct Base1 { int x; virtual int v1(int); };
struct Base2 { short y; virtual void v2() = 0; };
struct Virt : virtual Base1 { int own; };
struct Both : Virt, Base2 { int z; void v2() override; static int s; int over(int); int over(char) const; };
struct Deep { union { struct { int lo, hi; }; U64 all; }; union { int n; char c[4]; } named; struct { int q[2][3]; } in[4]; };
struct Points {
	int (*fn)(int, const char*, ...); int (__stdcall *std)(void); void (*(*ret)(int))(char);
	int Base1::*data; int (Base1::*meth)(int); int (*arr[5])(void); int (*toarr)[7]; const volatile int* const cv;
	Deep& ref; Deep&& rref; char* const cp; const char* pc; bool b; wchar_t w; float f; double d;
};
struct Late; struct UsesLate { Late* p; }; 
struct Large { char big[70000]; int after; char more[0x10000]; int last; };
namespace ns { namespace { struct Hidden { int h; }; } template<class T> struct Box { T t; struct In { T* u; } in; }; }
int Both::s; void Both::v2() {} int Base1::v1(int a) { return a; } int Both::over(int a) { return a; } int Both::over(char a) const { return a; }
void Base2::v2() {}
int local() { struct Bits { int inside; } l = {3}; static Bits keep; keep = l; return keep.inside; }
Bits bits; Small small; Big big; Wide wide; Both both; Deep deep; Points* points; UsesLate late; Large large;
ns::Box<int> boxi; ns::Box<Deep> boxd; ns::Hidden hidden;
`

// compileTypes builds a PDB from C++ source.
func compileTypes(t *testing.T, source string) string {
	t.Helper()
	dir := t.TempDir()
	run := func(tool string, args ...string) {
		exe, err := exec.LookPath(tool)
		if err != nil {
			t.Skipf("SKIPPED, NOT PASSED: %v; install clang 19 and LLD 19", err)
		}
		cmd := exec.Command(exe, args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", tool, err, out)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "zoo.cpp"), []byte(source+"\nextern \"C\" int start() { return (int)(U64)&points + local(); }\nextern \"C\" int _purecall() { return 0; } extern \"C\" int _fltused;\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run("clang-19", "--target=x86_64-pc-windows-msvc", "-c", "-g", "-gcodeview", "-O0", "-ffreestanding", "-fno-rtti", "-fms-extensions",
		"-fstandalone-debug", "-Wno-everything", "zoo.cpp", "-o", "zoo.obj")
	run("lld-link-19", "/nodefaultlib", "/entry:start", "/subsystem:console", "/debug", "/force", "/out:zoo.exe", "zoo.obj")
	return filepath.Join(dir, "zoo.pdb")
}

// largeTypes is source with field lists of more than one record.
func largeTypes() string {
	var b strings.Builder
	b.WriteString(typeZoo + "enum Many {\n")
	for i := range 6000 {
		fmt.Fprintf(&b, "enumerator_number_%d = %d,\n", i, i*37)
	}
	b.WriteString("};\nMany many;\nstruct Long {\n")
	for i := range 3000 {
		fmt.Fprintf(&b, "int member_with_a_long_name_%d;\n", i)
	}
	return b.String() + "};\nLong longer;\n"
}

func TestTypes_compiled(t *testing.T) {
	path := compileTypes(t, largeTypes())
	f := open(t, path)
	want := parseTypes(t, path)
	n := compareTypes(t, f, want)
	t.Logf("%+v", n)
	if n.members < 9000 {
		t.Errorf("compared only %+v", n)
	}
	checkZoo(t, f)
	checkZooValues(t, f)
}

// checkZooValues checks the enumerators of the source.
func checkZooValues(t *testing.T, f *pdb.File) {
	t.Helper()
	for enum, want := range map[string]string{
		"Small": "Minus=-5 Plus=100 ",
		"Big":   "Huge=18446744073709551615 Mid=2147483648 One=1 ",
		"Wide":  "Low=-9223372036854775808 W16=-40000 W32=305419896 ",
	} {
		typ, err := f.TypeByName(enum)
		if err != nil {
			t.Error(err)
			continue
		}
		got := ""
		for m, err := range typ.Members() {
			if err != nil {
				t.Fatal(err)
			}
			got += m.Name() + "=" + m.Value.String() + " "
		}
		if got != want {
			t.Errorf("%s is %s, want %s", enum, got, want)
		}
	}
}

// checkZoo checks what the compiler was told in the source.
func checkZoo(t *testing.T, f *pdb.File) {
	t.Helper()
	for _, c := range []struct {
		name, path string
		offset     uint64
		size       uint64
		bit, bits  uint8
		decl       string
	}{
		{"Bits", "b", 0, 8, 3, 61, "unsigned __int64 b"},
		{"Bits", "d", 12, 1, 0, 2, "signed char d"},
		{"Both", "y", 8, 2, 0, 0, "short y"},
		{"Deep", "hi", 4, 4, 0, 0, "int hi"},
		{"Deep", "named.c[3]", 11, 1, 0, 0, "char x"},
		{"Deep", "in[2].q[1][2]", 12 + 2*24 + 12 + 8, 4, 0, 0, "int x"},
		{"Large", "after", 70000, 4, 0, 0, "int after"},
		{"Large", "last", 70000 + 4 + 0x10000, 4, 0, 0, "int last"},
		{"Points", "fn", 0, 8, 0, 0, "int (*fn)(int, const char*, ...)"},
		{"Points", "ret", 16, 8, 0, 0, "void (*(*ret)(int))(char)"},
		{"Points", "data", 24, 4, 0, 0, "int Base1::* data"},
		{"Points", "meth", 32, 8, 0, 0, "int (Base1::*meth)(int)"},
		{"Points", "arr", 40, 40, 0, 0, "int (*arr[5])(void)"},
		{"Points", "toarr", 80, 8, 0, 0, "int (*toarr)[7]"},
		{"Points", "cv", 88, 8, 0, 0, "const volatile int* const cv"},
		{"Points", "ref", 96, 8, 0, 0, "Deep& ref"},
		{"Points", "rref", 104, 8, 0, 0, "Deep&& rref"},
		{"Points", "cp", 112, 8, 0, 0, "char* const cp"},
		{"Points", "pc", 120, 8, 0, 0, "const char* pc"},
		{"ns::Box<Deep>", "in.u", 112, 8, 0, 0, "Deep* u"},
		{"Long", "member_with_a_long_name_2999", 4 * 2999, 4, 0, 0, "int member_with_a_long_name_2999"},
	} {
		typ, err := f.TypeByName(c.name)
		if err != nil {
			t.Error(err)
			continue
		}
		got, err := typ.Field(c.path)
		if err != nil {
			t.Error(err)
			continue
		}
		name := got.Name
		if strings.Contains(c.path, "]") {
			name = "x"
		}
		if got.Offset != c.offset || got.Size != c.size || got.Bit != c.bit || got.Bits != c.bits || got.Type.Declare(name) != c.decl {
			t.Errorf("%s.%s: offset %d size %d bits %d+%d %q, want %+v", c.name, c.path, got.Offset, got.Size, got.Bit, got.Bits, got.Type.Declare(name), c)
		}
	}
}
