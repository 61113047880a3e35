package cli_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/symres/symres/internal/cli"
)

// FuzzRow holds lines of JSON that are put together by hand against those of
// encoding/json, which the other commands use.
func FuzzRow(f *testing.F) {
	for _, s := range []string{
		"", "plain name", "exactly8", "a quote\" in it", `back\slash`, "seven\x7f!", "\x00", "\tab\n", "ctrl\x1f and more text",
		"<html>&'", "ä", "\u2028\u2029", "bad \xff\xfe utf-8", "\u202e", "👍 far", "?f@@YAXXZ", strings.Repeat("x", 5000),
		"\x80", "123456789\x80", "12345678\"", "~~~~~~~~~", "\U000e0001",
	} {
		f.Add(s, uint64(len(s)), int64(-5))
	}
	f.Add("max", ^uint64(0), int64(1)<<62)
	f.Add("0", uint64(0), int64(0))
	f.Fuzz(func(t *testing.T, s string, n uint64, i int64) {
		want := cli.ReferenceRow{
			Str: s, Known: s, Raw: s, Num: n, KnownNum: n, Int: i, Hex: fmt.Sprintf("%#x", n), Flag: n%2 == 1,
			List: []cli.ReferenceItem{{S: s}, {N: n}}, Names: []string{s, "", s},
		}
		if !utf8.ValidString(s) {
			want.RawBytes = base64.StdEncoding.EncodeToString([]byte(s))
		}
		if got, want := string(cli.Row(want, n)), string(cli.Encode(want)); got != want {
			t.Fatalf("by hand  %s\nreference %s", got, want)
		}
	})
}

// TestPrintable tries each byte at each place, in strings short and long.
func TestPrintable(t *testing.T) {
	for n := range 20 {
		for at := range n {
			for c := range 256 {
				b := []byte(strings.Repeat("a", n))
				b[at] = byte(c)
				printable := c >= 0x20 && c < 0x7f
				if got := cli.IsPrintable(b); got != printable {
					t.Fatalf("%q: printable %v", b, got)
				}
				if got, ok := cli.AppendPrintable([]byte("before "), b); ok != printable || string(got) != "before "+string(b) {
					t.Fatalf("%q: printable %v, appended %q", b, ok, got)
				}
				if got := cli.IsBare(string(b)); got != (printable && c != '"' && c != '\\') {
					t.Fatalf("%q: bare %v", b, got)
				}
			}
		}
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 20_000 { // several bytes that need care side by side
		b := make([]byte, rnd.IntN(24))
		for i := range b {
			b[i] = []byte{'a', 'b', 'c', ' ', '~', '"', '\\', 0x7f, 0x80, 0x1f, 0xff, 0, 0x21, 0x22, 0x5b, 0x5d}[rnd.IntN(16)]
		}
		plain := !strings.ContainsFunc(string(b), func(r rune) bool { return r < 0x20 || r >= 0x7f })
		if got := cli.IsPrintable(b); got != plain {
			t.Fatalf("%q: printable %v", b, got)
		}
		if got, ok := cli.AppendPrintable(nil, b); ok != plain || string(got) != string(b) {
			t.Fatalf("%q: printable %v, appended %q", b, ok, got)
		}
		if got := cli.IsBare(b); got != (plain && !strings.ContainsAny(string(b), `"\`)) {
			t.Fatalf("%q: bare %v", b, got)
		}
	}
}

// TestRowAllocations: a line in plain ASCII costs no memory.
func TestRowAllocations(t *testing.T) {
	var r cli.JSONRow
	name := []byte("?free_function@ns@@YAHHH@Z")
	fill := func() {
		cli.FillRow(&r, name)
	}
	fill()
	if !json.Valid(r.End()) {
		t.Fatal("no JSON")
	}
	if n := testing.AllocsPerRun(100, fill); n != 0 {
		t.Errorf("%v allocations a line", n)
	}
}
