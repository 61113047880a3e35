package sympath_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/symres/symres/sympath"
)

func TestCleanName(t *testing.T) {
	for in, want := range map[string]string{
		"ntdll.pdb":                     "ntdll.pdb",
		`X:\obj\i386\fs_rec.pdb`:        "fs_rec.pdb",
		`..\..\x.pdb`:                   "x.pdb",
		"../../../etc/x.pdb":            "x.pdb",
		`\\evil\share\x.pdb`:            "x.pdb",
		`\??\C:\x.pdb`:                  "x.pdb",
		`a/b\c/d.pdb`:                   "d.pdb",
		"x.pdb\x00.exe":                 "x.pdb",
		"{0F7FCF88-442F}.pdb":           "{0F7FCF88-442F}.pdb",
		"a b+c.pdb":                     "a b+c.pdb",
		"größe.pdb":                     "größe.pdb",
		"日本.pdb":                        "日本.pdb",
		".hidden":                       ".hidden",
		"nul_.pdb":                      "nul_.pdb",
		"console.pdb":                   "console.pdb",
		"com10.pdb":                     "com10.pdb",
		"com.pdb":                       "com.pdb",
		"xnul.pdb":                      "xnul.pdb",
		"file.ptr.pdb":                  "file.ptr.pdb",
		strings.Repeat("a", 255):        strings.Repeat("a", 255),
		strings.Repeat("😀", 63) + ".db": strings.Repeat("😀", 63) + ".db", // 255 bytes
	} {
		if got, err := sympath.CleanName(in); got != want || err != nil {
			t.Errorf("CleanName(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
}

var hostileNames = []string{
	"", ".", "..", "...", "/", `\`, `a\`, `..\..`, "\x00x", "x.pdb/\x00",
	"a\x1b[2Jb.pdb", "a\nb.pdb", "a\x7f.pdb", "a\u0085.pdb", "a\u2028b", "a\u2029b", "a\u200bb", "a\u200fb",
	"gpj.\u202ebdp", "a\u2066b", "a\u2069b", "\ufeffa", "a\xffb.pdb", "caf\xe9.pdb",
	"x.pdb:stream", "C:x.pdb", "a<b", "a>b", `a"b`, "a|b", "a?b", "a*b", "%TEMP%", "a%41",
	" x.pdb", "x.pdb ", "x.pdb.", "x.", "x. .",
	"CON", "con", "NUL.pdb", "nul .pdb", "aux.tar.gz", "PRN", "CONIN$", "conout$.x", "CLOCK$", "COM1", "com0.pdb",
	"LPT9.pdb", "COM¹.pdb", "lpt³", `dir\nul`, "COM1  .x",
	"file.ptr", "FILE.PTR", "index2.txt", "pingme.txt", "000Admin", "refs.ptr", "ref\u017f.ptr", "\u017ferver.txt", "server.txt",
	strings.Repeat("a", 256), strings.Repeat("é", 128),
}

func TestCleanName_hostile(t *testing.T) {
	for _, in := range hostileNames {
		if got, err := sympath.CleanName(in); got != "" || !errors.Is(err, sympath.ErrBadName) {
			t.Errorf("CleanName(%q) = %q, %v; want ErrBadName", in, got, err)
		}
	}
}

func FuzzCleanName(f *testing.F) {
	for _, in := range hostileNames {
		f.Add(in)
	}
	f.Add(`X:\obj\fs_rec.pdb`)
	f.Add("größe.pdb")
	f.Fuzz(func(t *testing.T, s string) {
		name, err := sympath.CleanName(s)
		if err != nil {
			if name != "" || !errors.Is(err, sympath.ErrBadName) || len(err.Error()) > 5000 {
				t.Fatalf("CleanName(%q) = %q, %v", s, name, err)
			}
			return
		}
		if again, err := sympath.CleanName(name); again != name || err != nil {
			t.Fatalf("CleanName(%q) = %q, which cleans to %q, %v", s, name, again, err)
		}
		// A local name on every system, judged by other means than the code's.
		if !fs.ValidPath(name) || !utf8.ValidString(name) || !strings.Contains(s, name) ||
			strings.ContainsAny(name, "/\\:\x00\"*?<>|%\n\r\x1b") || len(name) > 255 {
			t.Fatalf("CleanName(%q) = %q", s, name)
		}
	})
}
