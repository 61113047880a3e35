package pattern

import (
	"slices"
	"strings"
	"testing"
)

func TestLiterals(t *testing.T) {
	for text, want := range map[string]string{
		"*": "", "DriverEntry": "DriverEntry", "_foo*bar": "foo bar", "a*bc*xyz": "xyz", "*def*": "", "Prog[er-t7]amme": "Prog amme",
		"Looo#p": "Loo", "abcd+efg": "abc efg", `ab\*cdef`: "cdef", "ns::Klass<int>::method": "Klass method",
		"std::basic_string<char,*>": "basic_string", "*operator new*": "", "*erat*": "", "*vftable'": "", "x<123>": "",
		"*coclass*": "", "*cointerface*": "", "*CatchableType*": "", "*vtordisp*": "", "foo*foo": "foo", "??_C@_0DE@JNJC*": "0DE JNJC", "Ünï*code": "code",
	} {
		p, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(p.Literals(), " "); got != want {
			t.Errorf("%q: literals %q, want %q", text, got, want)
		}
	}
}

// FuzzLiterals checks that a name a pattern matches contains what the search
// by literals asks for.
func FuzzLiterals(f *testing.F) {
	f.Add("Fs*Rec", "FsMyRec")
	f.Add(`ab\[cde+f[x-z]gh`, "ab[cdeeefygh")
	f.Add("__imp_Ke#Set?vent", "imp_KSetEvent")
	f.Fuzz(func(t *testing.T, text, name string) {
		p, err := Parse(text)
		if err != nil || !p.Match([]byte(name)) {
			return
		}
		for _, l := range p.Literals() {
			if !strings.Contains(strings.ToLower(name), strings.ToLower(l)) && isPlainASCII(name) {
				t.Fatalf("pattern %q matches %q, which has no %q", text, name, l)
			}
		}
	})
}

func isPlainASCII(s string) bool {
	return !slices.ContainsFunc([]byte(s), func(b byte) bool { return b >= 0x80 })
}

func TestPlain(t *testing.T) {
	for text, want := range map[string]bool{
		"main": true, "ns::f<int>": true, "?f@@YAXXZ": false, "a*": false, "a[b]": false, `a\b`: false, "_main": false, "a#": false, "": false,
	} {
		p, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if name, ok := p.Plain(); ok != want || ok && name != text {
			t.Errorf("%q: %q, %v", text, name, ok)
		}
	}
}
