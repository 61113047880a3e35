package sympath_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/symres/symres/sympath"
)

func TestExpandEnv(t *testing.T) {
	env := map[string]string{"HOME": "/home/u", "SYM": "/sym", "TWO": "/a;srv*/b", "ProgramFiles(x86)": `C:\Program Files (x86)`}
	for path, want := range map[string]string{
		`~/sym;srv*~*https://h/~u`: `/home/u/sym;srv*/home/u*https://h/~u`,
		`~`:                        `/home/u`,
		` ~\sym ; "~/a b"`:         ` /home/u\sym ; "/home/u/a b"`,
		`~other/sym;a~/b`:          `~other/sym;a~/b`,
		`%SYM%\x;$SYM/y;${SYM}z;srv*%SYM%*https://h`: `/sym\x;/sym/y;/symz;srv*/sym*https://h`,
		`%TWO%;c`:                       `/a;srv*/b;c`,
		`%ProgramFiles(x86)%\Debuggers`: `C:\Program Files (x86)\Debuggers`,
		`%NOT%\x;$NOT/y;${NOT}`:         `%NOT%\x;$NOT/y;${NOT}`,
		`https://h/a%20b%20c;C:\c$\x`:   `https://h/a%20b%20c;C:\c$\x`,
	} {
		if got := sympath.ExpandEnv(path, func(name string) string { return env[name] }); got != want {
			t.Errorf("ExpandEnv(%q) = %q, want %q", path, got, want)
		}
	}
}

// What nobody expanded, and half a quote, is refused; it never names a
// directory of the current one.
func TestParse_unexpanded(t *testing.T) {
	for _, place := range []string{`~`, `~/sym`, `~user/sym`, `%SYM%`, `C:\%SYM%\x`, `\\s\%SYM%`, `$SYM`, `$SYM/x`, `${SYM}`, `/a/${SYM}`, `"a`, `a"`, `'a`, `a'`, `a"b`} {
		for _, path := range []string{place, "srv*" + place, "cache*" + place, "srv*" + place + "*https://h", "symsrv*symsrv.dll*a*" + place} {
			if p, err := sympath.Parse(path); !errors.Is(err, sympath.ErrSyntax) {
				t.Errorf("Parse(%q) = %v, %v", path, p, err)
			}
		}
	}
	for _, place := range []string{`./~`, `a~1`, `/a/$b`, `\\s\c$\x`, `C:\$Recycle.Bin`, `/home/o'brien/sym`, `/100%/a`, `https://h/a%20b`, `https://h/$x/~u`} {
		if _, err := sympath.Parse("srv*" + place); err != nil {
			t.Errorf("Parse(%q): %v", place, err)
		}
	}
}

func TestParse_quotes(t *testing.T) {
	for path, want := range map[string]string{
		`"C:\my symbols"`:                        `C:\my symbols`,
		`'srv*C:\sym*https://h';"D:\x y"`:        `srv*C:\sym*https://h;D:\x y`,
		`"srv*C:\sym*https://h;D:\x"`:            `srv*C:\sym*https://h;D:\x`,
		`srv*"C:\my symbols"*'https://h'`:        `srv*C:\my symbols*https://h`,
		`cache*" C:\c ";symsrv*symsrv.dll*"a"*b`: `cache*C:\c;symsrv*symsrv.dll*a*b`,
		`"";''`:                                  ``,
	} {
		if p, err := sympath.Parse(path); err != nil || p.String() != want {
			t.Errorf("Parse(%q) = %q, %v; want %q", path, p, err, want)
		}
	}
}

// One bad element is told of and left out; the others are the path.
func TestParseEach(t *testing.T) {
	p, bad := sympath.ParseEach(`a;foo*b;srv*c;srv*https://;$X/d;e`)
	if p.String() != "a;srv*c;e" || len(bad) != 3 || bad[0].Pos != 2 || bad[1].Pos != 18 || bad[2].Pos != 27 {
		t.Errorf("%q, %v", p, bad)
	}
	if _, err := sympath.Parse(`a;foo*b;srv*https://`); !errors.Is(err, bad[0]) && err.Error() != bad[0].Error() {
		t.Errorf("Parse gives %v, want the first: %v", err, bad[0])
	}
	q, _ := sympath.ParseEach("x;y")
	if got := p.Append(q).String(); got != "a;srv*c;e;x;y" || p.String() != "a;srv*c;e" {
		t.Errorf("appended: %s, was %s", got, p)
	}
}

// What was meant for a URL is neither searched nor made a cache of.
func TestTypos(t *testing.T) {
	here := t.TempDir()
	t.Chdir(here)
	for _, place := range []string{`http//h/sym`, `htps://h`, `https:/h`, `https:h`, `http:\\h`, `htttps://h`, `ttps://h`, `https.//h`, `ftp://h`, `s3://b/sym`, `file:///sym`, `https`} {
		for _, path := range []string{"srv*" + place, "srv*" + place + "*https://symbols.test", "cache*" + place, place} {
			p, err := sympath.Parse(path)
			if err != nil {
				t.Errorf("%s: %v", path, err)
				continue
			}
			typos := 0
			for _, w := range p.Warnings() {
				if w.Typo {
					typos++
				}
			}
			if typos != 1 {
				t.Errorf("%s: warnings %v", path, p.Warnings())
			}
			o := serving(1)
			_, miss := findAll(t, o.store(t, path, sympath.Options{}), query(1))
			if !strings.Contains(miss, "looks like one") {
				t.Errorf("%s: attempts %s", path, miss)
			}
			if entries, err := os.ReadDir(here); err != nil || len(entries) > 0 {
				t.Fatalf("%s: made %v, %v", path, entries, err)
			}
		}
	}
	for _, place := range []string{`/srv/http/sym`, `http-symbols`, `C:\sym`, `c:\\sym`, `sym//x64`, filepath.Join(here, "https"), `\\http\share`, `./https`} {
		p, err := sympath.Parse("srv*" + place)
		if err != nil || len(p.Warnings()) > 0 {
			t.Errorf("%s: %v, %v", place, p.Warnings(), err)
		}
	}
}

// findAll runs a search to its end and returns all that was tried as text.
func findAll(t *testing.T, store sympath.Store, q sympath.Query) (found []string, tried string) {
	t.Helper()
	found, miss := searchAll(t, store, q)
	for _, a := range miss.Attempts {
		tried += a.String() + "\n"
	}
	return found, tried
}
