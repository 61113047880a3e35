package pattern_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/symres/symres/pattern"
)

func TestPattern(t *testing.T) {
	for _, c := range []struct{ pattern, yes, no string }{
		{"*", "a,DriverEntry,", ""},
		{"driverentry", "DriverEntry,DRIVERENTRY", "DriverEntry2,XDriverEntry"},
		{"Prog[er-t7]am", "Program,Progeam,Progsam,Prog7am", "Progqam,Prog-am"},
		{"Lo#p", "Lp,Lop,Loop", "Lap"},
		{"Lo+p", "Lop,Loop", "Lp"},
		{"m[ia]#n", "mn,min,maian", "mxn"},
		{"m[ia]+n", "min,mian", "mn"},
		{"a?+b", "axb,axyb", "ab"},
		{"downloadm??or", "downloadmator", "downloadmor"},
		{"_foo", "foo,_foo,__foo", "xfoo"},
		{"__foo", "_foo,__foo,___foo", "foo"},
		{"_imp_*", "imp_x,_imp_x,__imp__IoCreateDevice@28", "mp_x"},
		{`operator\+`, "operator+", "operator"},
		{`\_foo`, "_foo", "foo,__foo"},
		{"[^a]", "^,a", "b"},
		{`[[a]`, "[,a", "b"},
		{"a.c", "a.c", "abc"},
		{"?f@@YAXXZ", "?f@@YAXXZ", "f@@YAXXZ"},
		{"", "", "a"},
	} {
		p, err := pattern.Parse(c.pattern)
		if err != nil {
			t.Errorf("%q: %v", c.pattern, err)
			continue
		}
		check := func(list string, want bool) {
			for _, name := range strings.Split(list, ",") {
				if (list != "" || c.pattern == "") && (name != "" || want) && p.Match([]byte(name)) != want {
					t.Errorf("pattern %q, name %q: match is %v", c.pattern, name, !want)
				}
			}
		}
		check(c.yes, true)
		check(c.no, false)
	}
}

func TestParsePattern_bad(t *testing.T) {
	for _, text := range []string{"#a", "*+", "a[", "a[]", `a\`, "a##", "\xff", strings.Repeat("a", 70000)} {
		if _, err := pattern.Parse(text); !errors.Is(err, pattern.ErrSyntax) {
			t.Errorf("%.20q: %v, want ErrPattern", text, err)
		}
	}
}

// reference matches the subset without classes and repetition by recursion.
func reference(p, s string) bool {
	switch {
	case p == "":
		return s == ""
	case p[0] == '*':
		return reference(p[1:], s) || s != "" && reference(p, s[1:])
	}
	return s != "" && (p[0] == '?' || strings.EqualFold(p[:1], s[:1])) && reference(p[1:], s[1:])
}

func FuzzPattern(f *testing.F) {
	f.Add("fs*d?v", "FsRecDev")
	f.Add("*a*b*c*", "xxaxxbxxc")
	f.Add("a[b-d]+", "abcd")
	f.Fuzz(func(t *testing.T, text, name string) {
		p, err := pattern.Parse(text)
		if (p == nil) == (err == nil) {
			t.Fatalf("pattern %v, error %v", p, err)
		}
		if err != nil {
			return
		}
		got := p.Match([]byte(name))
		simple := len(text) < 16 && len(name) < 16 && isASCII(text+name) &&
			!strings.ContainsAny(text, `[]#+\`) && !strings.HasPrefix(text, "_")
		if simple && got != reference(text, name) {
			t.Fatalf("pattern %q, name %q: %v, the reference says otherwise", text, name, got)
		}
	})
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
