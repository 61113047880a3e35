package text_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/symres/symres/internal/cli/text"
)

// printable and bare are IsPrintable and IsBare, byte by byte.
func printable(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r < 0x20 || r >= 0x7f }) < 0
}

func bare(s string) bool { return printable(s) && !strings.ContainsAny(s, `"\`) }

// check compares all that tells whether a string is plain with the simple way, and
// wants what is not plain to become safe.
func check(t *testing.T, s string) {
	t.Helper()
	if text.IsPrintable(s) != printable(s) || text.IsPrintable([]byte(s)) != printable(s) || text.IsBare(s) != bare(s) {
		t.Errorf("%q: printable %v, bare %v", s, text.IsPrintable(s), text.IsBare(s))
	}
	if b, ok := text.AppendPrintable([]byte("ab"), []byte(s)); string(b) != "ab"+s || ok != printable(s) {
		t.Errorf("%q: appended %q, %v", s, b, ok)
	}
	line := text.EscapeLine(s)
	for _, r := range line {
		if !unicode.IsPrint(r) {
			t.Errorf("%q: %q has %q", s, line, r)
		}
	}
	if printable(s) && len(s) <= text.MaxLine && line != s {
		t.Errorf("%q: %q", s, line)
	}
	row := text.FinishRow([]byte("above\n"+s), len("above\n"), len("above\n"))
	if want := "above\n" + text.EscapeLine(strings.TrimRight(s, " ")) + "\n"; string(row) != want {
		t.Errorf("row %q, not %q", row, want)
	}
}

// TestPlain puts every byte at every place of strings of all lengths up to several
// words.
func TestPlain(t *testing.T) {
	for size := range 20 {
		for at := range size {
			for c := range 256 {
				b := bytes.Repeat([]byte{'x'}, size)
				b[at] = byte(c)
				check(t, string(b))
			}
		}
	}
	check(t, "")
	check(t, strings.Repeat("x", text.MaxLine+1))
}

// TestEscapeLine wants the forms of what is not plain.
func TestEscapeLine(t *testing.T) {
	for s, want := range map[string]string{
		"a\x1b[2Jb":                       `a\x1b[2Jb`,
		"a\nb\tc":                         `a\x0ab\x09c`,
		"\u202eabc":                       `\u{202e}abc`,
		"\xff\xfe":                        `\xff\xfe`,
		"größe":                           "größe",
		`c:\dir`:                          `c:\dir`,
		"e" + strings.Repeat("\u0301", 9): "e" + strings.Repeat("\u0301", 4),
		"\u009b":                          `\x9b`,
	} {
		if got := text.EscapeLine(s); got != want {
			t.Errorf("%q: %q, not %q", s, got, want)
		}
	}
	long := text.EscapeLine(strings.Repeat("\x1b", text.MaxLine))
	if len(long) > text.MaxLine+40 || !strings.HasSuffix(long, "bytes)") {
		t.Errorf("%d bytes, %q", len(long), long[len(long)-20:])
	}
}

// FuzzEscape: a line is safe, and escaped JSON has the same value and nothing that a
// terminal acts on.
func FuzzEscape(f *testing.F) {
	f.Add("main\x1b[31m")
	f.Add("\u202e\U000e0001 \xc3\x28")
	f.Fuzz(func(t *testing.T, s string) {
		check(t, s)
		encoded, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		safe := text.EscapeJSON(encoded)
		var was, is string
		if json.Unmarshal(encoded, &was) != nil || json.Unmarshal(safe, &is) != nil || was != is {
			t.Errorf("%q became %q", was, is)
		}
		for b := safe; len(b) > 0; {
			r, n := utf8.DecodeRune(b)
			if !unicode.IsPrint(r) {
				t.Errorf("%q has %q", safe, r)
			}
			b = b[n:]
		}
	})
}
