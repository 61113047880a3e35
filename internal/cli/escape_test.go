package cli_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/symres/symres/internal/cli"
)

func TestEscapeLine(t *testing.T) {
	for in, want := range map[string]string{
		``:                                ``,
		`C:\dir\x.sys`:                    `C:\dir\x.sys`,
		"Grüße, 世界":                       "Grüße, 世界",
		"a\x1b[2Jb":                       `a\x1b[2Jb`,
		"a\nb\tc\rd\x00":                  `a\x0ab\x09c\x0dd\x00`,
		"\x7f\u009b31m":                   `\x7f\x9b31m`,
		"bad \xff\xc3 bytes":              `bad \xff\xc3 bytes`,
		"\u202egpj.exe":                   `\u{202e}gpj.exe`,
		"zero\u200bwidth\ufeff":           `zero\u{200b}width\u{feff}`,
		"\u2028\u00a0":                    `\u{2028}\u{a0}`,
		"\U000e0041tag":                   `\u{e0041}tag`,
		"e" + strings.Repeat("\u0301", 9): "e" + strings.Repeat("\u0301", 4),
		"\u0301a\u0301":                   "\u0301a\u0301",
		"\ufffd stays":                    "\ufffd stays",
		strings.Repeat("a", 5000):         strings.Repeat("a", 4096) + "…(+904 bytes)",
	} {
		if got := cli.EscapeLine(in); got != want {
			t.Errorf("%q:\n got %s\nwant %s", in, got, want)
		}
	}
}

func TestEscapeJSON(t *testing.T) {
	for _, s := range []string{"plain", "\u009b2J", "\u202e\U000e0041", "\x1b\n\x7f", "世界"} {
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var back string
		if err := json.Unmarshal(cli.EscapeJSON(b), &back); err != nil || back != s {
			t.Errorf("%q came back as %q, %v", s, back, err)
		}
	}
}

// FuzzEscape: whatever comes in, what goes out prints in place, stays on its
// line and is short; JSON keeps its value.
func FuzzEscape(f *testing.F) {
	for _, s := range []string{"", "a\x1b[31m", "\xff\xfe", "\u202e", strings.Repeat("\u0301", 20), strings.Repeat("x", 5000), `\x1b`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		out := cli.EscapeLine(s)
		if !utf8.ValidString(out) || len(out) > 4096+64 {
			t.Fatalf("%q gives %d bytes of %q", s, len(out), out)
		}
		if strings.ContainsFunc(out, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Fatalf("%q gives %q, which does not print", s, out)
		}
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		escaped := cli.EscapeJSON(b)
		if strings.ContainsFunc(string(escaped), func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Fatalf("%q gives %s", s, escaped)
		}
		var want, got string
		if err := json.Unmarshal(b, &want); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(escaped, &got); err != nil || got != want {
			t.Fatalf("%q came back as %q, %v", s, got, err)
		}
	})
}

func TestColorIsForTerminals(t *testing.T) {
	if cli.WantsColor(func(string) string { return "" }) {
		t.Error("colour on a stream that is no terminal")
	}
}
