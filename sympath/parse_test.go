package sympath_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/symres/symres/sympath"
)

// outline writes an element so that a test can compare whole paths at a glance.
func outline(e sympath.Element) string {
	s := e.Kind.String()
	if len(e.Stores) == 0 {
		if e.Kind == sympath.ElementServer || e.Kind == sympath.ElementCache || e.Text == "" {
			return s
		}
		return s + ":" + e.Text
	}
	var stores []string
	for _, store := range e.Stores {
		stores = append(stores, outline(store))
	}
	return s + "[" + strings.Join(stores, " ") + "]"
}

func outlines(p sympath.Path) string {
	var out []string
	for _, e := range p.Elements() {
		out = append(out, outline(e))
	}
	return strings.Join(out, " ")
}

func TestParse(t *testing.T) {
	for _, c := range []struct{ path, want, text string }{
		{``, ``, ``},
		{`;;a;`, `directory:a`, `a`},
		{`C:\a ; /mnt/b:c`, `directory:C:\a directory:/mnt/b:c`, `C:\a;/mnt/b:c`},
		{`srv**\\interim\store*https://x`, `server[default unc:\\interim\store http:https://x]`, ``},
		{`srv*`, `server`, ``},
		{`SRV*c:\c*https://u`, `server[directory:c:\c http:https://u]`, ``},
		{`symsrv*symsrv.dll*c:\localcache*https://u;\\s\sh\symbols\x86fre\symbols`,
			`server[directory:c:\localcache http:https://u] unc:\\s\sh\symbols\x86fre\symbols`, ``},
		{`symsrv*symsrv.dll*`, `server`, ``},
		{`cache*;\\someshare`, `cache unc:\\someshare`, ``},
		{`cache*c:\a*d:\b`, `cache[directory:c:\a directory:d:\b]`, ``},
		{`srv*C*`, `server[directory:C default]`, ``},
		{`srv**`, `server[default default]`, ``},
		{` SymSrv * Other.dll * a `, `server[directory:a]`, `SymSrv*Other.dll*a`},
		{`srv`, `directory:srv`, ``},
		{`cache`, `directory:cache`, ``},
		{`\\?\C:\x;\\.\pipe\x;//posix/dir;\\`, `directory:\\?\C:\x directory:\\.\pipe\x directory://posix/dir directory:\\`, ``},
		{`HTTPS://host/x`, `http:HTTPS://host/x`, ``},
		{`file:///x`, `directory:file:///x`, ``},
	} {
		p, err := sympath.Parse(c.path)
		if err != nil {
			t.Errorf("Parse(%q): %v", c.path, err)
			continue
		}
		if got := outlines(p); got != c.want {
			t.Errorf("Parse(%q)\n got %s\nwant %s", c.path, got, c.want)
		}
		want := c.text
		if want == "" && c.want != "" && c.path != `;;a;` {
			want = c.path
		}
		if got := p.String(); got != want {
			t.Errorf("Parse(%q).String() = %q, want %q", c.path, got, want)
		}
	}
}

func TestParse_positions(t *testing.T) {
	const text = "; a ;srv* b *https://h"
	p, err := sympath.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	var check func(e sympath.Element)
	check = func(e sympath.Element) {
		if len(e.Stores) == 0 && !strings.HasPrefix(text[e.Pos:], e.Text) {
			t.Errorf("%q is said to be at %d, where %q is", e.Text, e.Pos, text[e.Pos:])
		}
		for _, s := range e.Stores {
			check(s)
		}
	}
	for _, e := range p.Elements() {
		check(e)
	}
}

func TestParse_errors(t *testing.T) {
	for _, c := range []struct {
		path string
		pos  int
		word string
	}{
		{`a;foo*bar`, 2, "foo"},
		{`a; *x`, 3, ""},
		{`symsrv*symsrv.dll`, 0, "symsrv*symsrv.dll"},
		{`symsrv**x`, 0, "symsrv**x"},
		{`srv*a*https://`, 6, "https://"},
		{`srv*https:///x`, 4, "https:///x"},
		{"a;b\x00c", 3, "\x00"},
		{"a;b\x1b[2J", 3, "\x1b"},
		{"a\xff", 1, "\xff"},
		{`srv*http://h%zz`, 4, "http://h%zz"},
		{`https://u:secret@h*x`, 0, "https://h"},
	} {
		_, err := sympath.Parse(c.path)
		var pe *sympath.ParseError
		if !errors.As(err, &pe) || !errors.Is(err, sympath.ErrSyntax) {
			t.Errorf("Parse(%q) = %v, want a ParseError", c.path, err)
			continue
		}
		if pe.Pos != c.pos || pe.Text != c.word {
			t.Errorf("Parse(%q): error at %d on %q, want %d on %q", c.path, pe.Pos, pe.Text, c.pos, c.word)
		}
	}
}

func TestParse_passwordsAreNeverPrinted(t *testing.T) {
	for _, path := range []string{
		`srv*c*https://joe:secret@host/x@y`, `srv*https://joe:secret@`, `symsrv*https://joe:secret@h`,
		`https://joe:secret@host`, `https://joe:secret@h%zz/`,
		`srv*c*https://h/x?sig=secret`, `https://h/x?sig=secret`, `srv*https://h%zz/x?secret*c`, `https://h/x#secret`,
	} {
		p, err := sympath.Parse(path)
		shown := fmt.Sprintf("%v|%+v|%v|%v|%v|%v", p, p.Elements(), p.String(), p.Warnings(), err, p.Expand())
		if strings.Contains(shown, "secret") {
			t.Errorf("%s: the password shows in %s", path, shown)
		}
	}
	p, _ := sympath.Parse(`srv*c*https://joe:secret@host/x@y`)
	server := p.Elements()[0].Stores[1]
	if server.Text != "https://host/x@y" || server.Userinfo().String() != "joe:secret" {
		t.Errorf("got %q with credentials %v", server.Text, server.Userinfo())
	}
}

func TestExpand(t *testing.T) {
	p, err := sympath.Parse(`a;srv*;srv*b`)
	if err != nil {
		t.Fatal(err)
	}
	const want = `a;cache*;SRV*https://msdl.microsoft.com/download/symbols;srv*b`
	if got := p.Expand().String(); got != want {
		t.Errorf("Expand = %s, want %s", got, want)
	}
}

func TestWarnings(t *testing.T) {
	for path, want := range map[string]string{
		`srv*c*https://h;\\s\sh;a`:   "",
		`srv*https://h*c`:            "4: a server must be the last store",
		`srv*a*\\s\sh*https://h`:     "6: a share is read, but not filled",
		`srv*https://h/x?sig=secret`: "4: the query of a URL",
		`symsrv*evil.dll*a`:          "0: evil.dll is read as symsrv.dll",
		`https://h`:                  "0: a URL on its own is ignored",
		`srv*http://h`:               "4: http is not encrypted",
		`cache*https://h`:            "6: a server cannot be a cache",
		`ftp://h`:                    "0: not an http or https URL",
		`htps://h`:                   "0: not an http or https URL",
		`srv*a*http//h`:              "6: not an http or https URL",
		`"C:\my symbols"`:            "",
		`srv*https://u:p@h`:          "4: a password in a path",
		`srv*0*1*2*3*4*5*6*7*8*9*X`:  "24: symsrv reads only the first 10 stores",
	} {
		p, err := sympath.Parse(path)
		if err != nil {
			t.Fatal(err)
		}
		got := p.Warnings()
		if want == "" && len(got) == 0 {
			continue
		}
		if len(got) != 1 || !strings.HasPrefix(fmt.Sprintf("%d: %s", got[0].Pos, got[0].Text), want) || want == "" {
			t.Errorf("%s: warnings %v, want %q", path, got, want)
		}
	}
}

func TestDefaultPath(t *testing.T) {
	for _, c := range []struct{ alt, nt, want string }{
		{"a", "b", "a;b"}, {"", "b", "b"}, {"a;", "", "a"}, {"", "", ""}, {" ", ";", ""},
	} {
		env := map[string]string{"_NT_ALT_SYMBOL_PATH": c.alt, "_NT_SYMBOL_PATH": c.nt}
		if got := sympath.DefaultPath(func(k string) string { return env[k] }); got != c.want {
			t.Errorf("alt %q, nt %q: %q, want %q", c.alt, c.nt, got, c.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		``, `;;a;`, `"srv*'a b'*x;y"`, `~/a;$HOME;%X%`, `htps://x`, `srv*`, `srv**\\interim\store*https://x`, `symsrv*symsrv.dll*c:\localcache*https://u;\\s\sh\symbols`,
		`cache*c:\a*d:\b;/mnt/x:y`, ` SRV * a * `, `srv*C*`, `https://u:p@h/x`, "a\x00", `foo*bar`, "\u00a0srv*a",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := sympath.Parse(s)
		if err != nil {
			var pe *sympath.ParseError
			if !errors.As(err, &pe) || pe.Pos < 0 || pe.Pos > len(s) {
				t.Fatalf("Parse(%q): error %v without a position in the text", s, err)
			}
			return
		}
		text := p.String()
		again, err := sympath.Parse(text)
		if err != nil {
			t.Fatalf("Parse(%q) gives %q, which does not parse: %v", s, text, err)
		}
		if again.String() != text || outlines(again) != outlines(p) {
			t.Fatalf("Parse(%q) = %s\nread back from %q: %s", s, outlines(p), text, outlines(again))
		}
	})
}
