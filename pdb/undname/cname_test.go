package undname_test

import (
	"strings"
	"testing"

	"github.com/symres/symres/pdb/undname"
)

func TestNameOnly(t *testing.T) {
	for raw, want := range map[string]string{
		"":                             "",
		"_":                            "_",
		"@":                            "@",
		"main":                         "main",
		"_main":                        "main",
		"__imp__KeSetEvent@12":         "_imp__KeSetEvent",
		"__NULL_IMPORT_DESCRIPTOR":     "_NULL_IMPORT_DESCRIPTOR",
		"\x7f":                         "\x7f",
		"\x7f_KERNEL32@4":              "_KERNEL32@4",
		"@fast@8":                      "fast",
		"vector@@16":                   "vector",
		"foo@4":                        "foo",
		"_foo@bar":                     "foobar",
		"_a@b@c@12@d":                  "abc",
		"__imp_@fast@8":                "_imp_fast",
		"_@4":                          "_@4",
		"@@":                           "@@",
		"?f@@YAXXZ":                    "f",
		"?f@@YAX":                      "?f@@YAX",
		"_?f@@YAXXZ":                   "?fYAXXZ",
		"..name":                       "name",
		".name":                        "name",
		"._name@8":                     "name",
		"..":                           ".",
		".a.b":                         "a.b",
		".refptr.name":                 "refptr.name",
		".refptr.__imp_name":           "refptr.__imp_name",
		"@.name@4":                     ".name",
		"__imp_.name":                  "_imp_.name",
		"@_EH4_CallFilterFunc@8":       "_EH4_CallFilterFunc",
		"?f@@YAXXZ::<!>":               "?f@@YAXXZ::<!>",
		"?f@@YAXXZ::<!a":               "?f@@YAXXZ::<!a",
		"?f@@YAXXZ::<!a>":              "f",
		"?go@Leaf@@W3AEXXZ":            "Leaf::go",
		"?go@Leaf@@$4PPPPPPPM@A@AEXXZ": "Leaf::go",
		"??_B?1??f@@YAXXZ@5BA@":        "`f'::`2'::`local static guard'",
		"$ientry_thunk$cdecl$v$i8":     "$ientry_thunk$cdecl$v$i8",
		"__real@3ff0000000000000":      "_real",
		"__xmm@00000000000000000001":   "_xmm",
	} {
		if got := undname.NameOnly(raw); got != want {
			t.Errorf("NameOnly(%q) = %q, want %q", raw, got, want)
		}
		if got := undname.AppendNameOnly([]byte("x"), []byte(raw)); string(got) != "x"+want {
			t.Errorf("AppendNameOnly(x, %q) = %q, want x%q", raw, got, want)
		}
	}
}

func TestAppendNameOnlyDoesNotAllocate(t *testing.T) {
	dst, raw := make([]byte, 0, 64), []byte("__imp_@Iof@CompleteRequest@8")
	if n := testing.AllocsPerRun(100, func() { dst = undname.AppendNameOnly(dst[:0], raw) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
	if string(dst) != "_imp_IofCompleteRequest" {
		t.Errorf("got %q", dst)
	}
}

// foreign says that another package may read the name.
func foreign(raw string) bool {
	raw = strings.TrimPrefix(raw, "_")
	return strings.HasPrefix(raw, "Z") || strings.HasPrefix(raw, "R") ||
		strings.HasPrefix(raw, "_Z") || strings.HasPrefix(raw, "_R")
}

func FuzzNameOnly_c(f *testing.F) {
	for _, s := range []string{"", "_", "@f@8", "__imp__a@4", "\x7fa_b", "?f@@YAXXZ", "@@@", "_@1", "a@b@c", "_RC0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		got := undname.NameOnly(raw)
		if app := undname.AppendNameOnly(nil, []byte(raw)); string(app) != got {
			t.Fatalf("NameOnly(%q) = %q but AppendNameOnly gives %q", raw, got, app)
		}
		if (got == "") != (raw == "") {
			t.Fatalf("NameOnly(%q) = %q", raw, got)
		}
		if strings.HasPrefix(raw, "?") || strings.HasPrefix(raw, ".") || foreign(raw) {
			return
		}
		// What stays is the raw name with bytes left out, in order, and but for
		// '@' all of them come from one piece.
		if got == raw || raw[0] == 0x7f {
			return
		}
		if strings.Contains(got, "@") || !strings.Contains(strings.ReplaceAll(raw, "@", ""), got) {
			t.Fatalf("NameOnly(%q) = %q", raw, got)
		}
	})
}
