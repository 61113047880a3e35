package wtext_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode"

	"github.com/symres/symres/internal/wtext"
)

func ExampleFromUTF16() {
	fmt.Printf("%q\n", wtext.FromUTF16([]byte{'n', 0, 't', 0, 0, 0, 'x', 0}))
	// Output: "nt"
}

func TestFromUTF16(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""}, {"a", ""}, {"a\x00b", "a"}, {"\x1b\x00[\x00", "\uFFFD["},
		{"\x00\xd8a\x00", "\uFFFDa"}, {"\x3d\xd8\x00\xde", "\U0001F600"}, {"\x2e\x20a\x00", "\uFFFDa"},
	} {
		if got := wtext.FromUTF16([]byte(c.in)); got != c.want {
			t.Errorf("FromUTF16(%q) = %q, want %q", c.in, got, c.want)
		}
	}
}

func TestFromBytes(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""}, {"abc\x00def", "abc"}, {"a\nb", "a\uFFFDb"}, {"caf\xe9", "caf\uFFFD"},
	} {
		if got := wtext.FromBytes([]byte(c.in)); got != c.want {
			t.Errorf("FromBytes(%q) = %q, want %q", c.in, got, c.want)
		}
	}
}

func FuzzFromUTF16(f *testing.F) {
	f.Add([]byte("n\x00t\x00"))
	f.Add([]byte("\x00\xd8\x1b\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := wtext.FromUTF16(b)
		if strings.ContainsFunc(s, unicode.IsControl) {
			t.Fatalf("%q holds a control character", s)
		}
		if n := len([]rune(s)); n > len(b)/2 {
			t.Fatalf("%d characters out of %d bytes", n, len(b))
		}
	})
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		`C:\a b\Ä.pdb`: `C:\a b\Ä.pdb`, "a\x1b[2J": `a\x1b[2J`, "a\xffb": `a\xffb`, "\u202egpj": `\u202egpj`, `\x1b`: `\x1b`, "": "",
		"\\\n\"": `\\n\"`,
	} {
		if got := wtext.Printable(in); got != want {
			t.Errorf("Printable(%q) = %q, want %q", in, got, want)
		}
	}
}
