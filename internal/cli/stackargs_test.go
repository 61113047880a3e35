package cli_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/symres/symres/internal/fixture"
)

// crashArgs are the values of the crashed programs' parameters, and of the locals
// that were set before the call, as their source computes them.
var crashArgs = map[string][]string{
	"leaf":          {"a=2010"},
	"small_frame":   {"a=2010", "b=0"},
	"many_saved":    {"a=18", "b=118", "c=-38", "d=3", "e=4", "f=5", "p=2124", "q=-114", "r=20", "s=-20", "t=121", "u=-1"},
	"big_frame":     {"a=18"},
	"dyn_frame":     {"n=18"},
	"float_frame":   {"a=9", "b=2", "c=3", "d=4", "e=18", "f=12", "g=13", "h=-1"},
	"callee":        {"x=9"},
	"via_pointer":   {"x=9"},
	"recurse":       {"n=0", "n=1", "n=2"},
	"stdcall_five":  {"a=1", "b=2", "c=3", "d=4", "e=5"},
	"inlined_one":   {"a=1"},
	"inlined_two":   {"a=2"},
	"fastcall_four": {"a=1", "b=2", "c=3", "d=4"},
}

// TestStackArgs: --args of the crashed programs has the values of the source, all
// of them where nothing was optimised, and says so of what was.
func TestStackArgs(t *testing.T) {
	for _, dir := range corpusStacks(t) {
		name := filepath.Base(dir)
		t.Run(name, func(t *testing.T) {
			got, out := map[string][]string{}, 0
			for _, l := range stackOf(t, "--dump", filepath.Join(dir, "crash.dmp"), "--args") {
				for _, a := range l.Args {
					function := l.Name
					if a.Function != "" {
						function = a.Function
					}
					names := crashArgs[function]
					known := slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, a.Name+"=") })
					switch {
					case a.Status == "optimised out":
						out++
					case a.Status == "" && known:
						got[function] = append(got[function], a.Name+"="+strings.TrimPrefix(a.Text, "0n"))
					}
				}
			}
			wrong := 0
			for function, list := range got {
				for _, v := range list {
					if !slices.Contains(crashArgs[function], v) {
						wrong++
						t.Errorf("%s: %s, want %q", function, v, crashArgs[function])
					}
				}
			}
			full := strings.HasSuffix(name, "O0")
			for function, want := range crashArgs {
				slices.Sort(got[function])
				if full && !slices.Equal(got[function], want) {
					t.Errorf("%s: %q, want %q", function, got[function], want)
				}
			}
			if full != (out == 0) || len(got) < 3 {
				t.Errorf("%d are optimised out; known: %q", out, got)
			}
		})
	}
}

// TestStackArgsForms: values by their types, as text and JSON, of programs of
// Microsoft's compiler.
func TestStackArgsForms(t *testing.T) {
	shared := fixture.Shared(t)
	sigsegv := filepath.Join(shared, "llvm-mirror+lldb", "test", "Shell", "Minidump", "Windows", "Sigsegv", "Inputs", "sigsegv.dmp")
	out, errs, status := run(t, "", "k", "--dump", sigsegv, "--args", "--depth", "2", "-v")
	if status != 0 {
		t.Fatalf("status %d: %s", status, errs)
	}
	for _, want := range []string{
		"\n      param bool crash_self = true  (@rsp+0x30, exact)\n", "\n      param int x = 0n10  (@rsp+0x40, weak)\n",
		"\n      param float y = 3.14  (@rsp+0x48, weak)\n", "\n      param const char* msg = 0x00007ff7`a1313060  (@rsp+0x50, weak)\n",
		"\n      local bool flag = true  (@rsp+0x20, weak)\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	var got []string
	dir := filepath.Join(shared, "ivellioscolin+kdlibcpp", "kdlib", "tests", "dumps", "targetapp_test_cv_allreg_amd64")
	for _, l := range stackOf(t, "--dump", filepath.Join(dir, "targetapp_test_cv_allreg_amd64.dmp"), "--args", "--depth", "1") {
		for _, a := range l.Args {
			got = append(got, fmt.Sprintf("%s %s %s %s %s %s", a.Kind, a.Name, a.Value, a.Place, a.Text, a.Status))
		}
	}
	if want := []string{ // the older records, which claim other places for these, do not count
		"parameter aa 0x7ff66d9f42e0 @r14 0x00007ff6`6d9f42e0 ", "parameter ab 0x0 @r15 0x00000000`00000000 ", "local r 0x74 @ecx 0n116 't' ",
		"local le    optimised out", "local f    optimised out", "local e 0x3490 @r12 0x00000000`00003490 ", "local lt    optimised out",
	}; !slices.Equal(got, want) {
		t.Errorf("%q\nnot %q", got, want)
	}
}
