package cli_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	lib "github.com/symres/symres"
	"github.com/symres/symres/internal/cli"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/vadmath"
)

// TestBulk: what nearest says of very many addresses at once, which it sorts,
// shares out and looks up in an index, is what it says of a few.
func TestBulk(t *testing.T) {
	dir := filepath.Join(fixture.Shared(t), "npm-node-pty-1.1.0", "prebuilds", "win32-x64")
	args := []string{"nearest", "--image", filepath.Join(dir, "conpty_console_list.node"), "--pdb", filepath.Join(dir, "conpty_console_list.pdb")}
	rnd := rand.New(rand.NewPCG(3, 4))
	lines := make([]string, 24_000) // more than are answered without an index
	for i := range lines {
		lines[i] = fmt.Sprintf("%#x", 0x17ffff000+rnd.Uint64N(0x28000))
	}
	lines[100], lines[9_000], lines[23_999] = "no address", " 180001000h \r", ""
	for _, how := range [][]string{{"--json"}, nil} {
		args := slices.Concat(args, how)
		all, _, status := run(t, strings.Join(lines, "\n"), args...)
		if status != 0 {
			t.Fatalf("exit status %d", status)
		}
		var few strings.Builder
		for part := range slices.Chunk(lines, 250) {
			out, _, _ := run(t, strings.Join(part, "\n"), args...)
			few.WriteString(out)
		}
		if all != few.String() {
			a, b := strings.Split(all, "\n"), strings.Split(few.String(), "\n")
			t.Fatalf("%v: many at once and few at a time differ:\n%s", how, cmp.Diff(b[:min(len(b), 3000)], a[:min(len(a), 3000)]))
		}
		if how == nil {
			joined(t, lines, all)
			continue
		}
		one, _, _ := run(t, "", append(args, lines[:99]...)...)
		if !strings.HasPrefix(all, one) || one == "" {
			t.Errorf("%v: addresses on the command line have other answers", how)
		}
	}
}

// joined checks that every line of input has its line of output, behind it and a tab.
func joined(t *testing.T, lines []string, out string) {
	t.Helper()
	answers := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if len(answers) < len(lines)-1 { // the last line is empty, and no line
		t.Fatalf("%d answers to %d lines", len(answers), len(lines))
	}
	for i, line := range lines[:len(lines)-1] {
		if asked, answer, ok := strings.Cut(answers[i], "\t"); asked != strings.TrimRight(line, " \r") || !ok || answer == "" {
			t.Fatalf("line %d: %q is answered by %q", i, line, answers[i])
		}
	}
}

// TestLocationRow holds an answer with everything in it against the same thing
// through encoding/json.
func TestLocationRow(t *testing.T) {
	l := lib.Location{
		Symbol: lib.Symbol{Address: 0x180001000, Module: "m", Name: "n<\"x\">", Raw: "raw\xff", Size: 4, Source: lib.SourcePrivate},
		Query:  0x180001007, Displacement: 7, PastEnd: true, Aliases: []string{"a", `b\c`},
		Frames: []lib.Frame{{Function: "f", File: `C:\x.c`, Line: 3, Column: 9, Inlined: true}, {Function: "g"}},
	}
	type frame struct {
		Function string `json:"function,omitempty"`
		File     string `json:"file,omitempty"`
		Line     uint32 `json:"line,omitempty"`
		Column   uint32 `json:"column,omitempty"`
		Inlined  bool   `json:"inlined,omitempty"`
	}
	want := struct {
		Query        string   `json:"query"`
		Module       string   `json:"module"`
		Name         string   `json:"name"`
		Raw          string   `json:"raw"`
		RawBytes     string   `json:"name_raw"`
		Address      string   `json:"address"`
		Displacement uint64   `json:"displacement"`
		Size         uint32   `json:"size"`
		PastEnd      bool     `json:"past_end"`
		Aliases      []string `json:"aliases"`
		Frames       []frame  `json:"frames"`
		Source       string   `json:"source"`
		Proof        string   `json:"proof"`
		Identity     string   `json:"identity"`
	}{
		"0x180001007", "m", "n<\"x\">", "raw\xff", "cmF3/w==", "0x180001000", 7, 4, true, []string{"a", `b\c`},
		[]frame{{"f", `C:\x.c`, 3, 9, true}, {Function: "g"}}, "pdb-private", lib.Proof(0).String(), lib.Identity(0).String(),
	}
	if diff := cmp.Diff(string(cli.Encode(want)), cli.LocationRow(&l)); diff != "" {
		t.Error(diff)
	}
}

// TestBatches cuts the same text in every kind of piece.
func TestBatches(t *testing.T) {
	text := "a\n\nbb\r\n" + strings.Repeat("long ", 30_000) + "\n" + strings.Repeat("x\n", 5000) + "no end"
	want := strings.Split(text, "\n")
	for name, r := range map[string]io.Reader{
		"whole": strings.NewReader(text), "bytes": iotest.OneByteReader(strings.NewReader(text)),
		"halves": iotest.HalfReader(strings.NewReader(text)), "with EOF": iotest.DataErrReader(strings.NewReader(text)),
	} {
		var got []string
		for lines, err := range cli.Batches(t.Context(), r, 100) {
			if err != nil || len(lines) == 0 || len(lines) > 100 {
				t.Fatalf("%s: %d lines, %v", name, len(lines), err)
			}
			for _, l := range lines {
				got = append(got, string(l))
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %s", name, cmp.Diff(want, got))
		}
	}
}

func TestBatches_errors(t *testing.T) {
	broken := errors.New("broken")
	last := func(ctx context.Context, r io.Reader) (text string, err error) {
		for lines, e := range cli.Batches(ctx, r, 10) {
			text, err = text+string(bytes.Join(lines, []byte("|"))), e
		}
		return text, err
	}
	if text, err := last(t.Context(), io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(broken))); text != "a" || !errors.Is(err, broken) {
		t.Errorf("a read that fails: %q, %v", text, err)
	}
	if _, err := last(t.Context(), strings.NewReader(strings.Repeat("x", 3<<20))); err == nil {
		t.Error("a line of 3 MB is fine")
	}
	ctx, cancel := context.WithCancel(t.Context())
	never, w := io.Pipe()
	defer w.Close()
	cancel()
	if _, err := last(ctx, never); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that ended: %v", err)
	}
}

// FuzzPlainAddr: what the quick reader takes, the debugger's takes for the same.
func FuzzPlainAddr(f *testing.F) {
	for _, s := range []string{"0x1", "0xffffffffffffffff", "0x10000000000000000", "0x", "1", "0X1", "0x1g", "0n10", "0xABC", "0x00`00000001", " 0x1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := cli.PlainAddr(s)
		want, err := vadmath.ParseAddr(s)
		if ok && (err != nil || got != want) {
			t.Errorf("%q is %#x; ParseAddr says %#x, %v", s, got, want, err)
		}
		if long := fmt.Sprintf("%#x", want); err == nil && want != 0 {
			if again, ok := cli.PlainAddr(long); !ok || again != want {
				t.Errorf("%s is %#x, %v", long, again, ok)
			}
		}
	})
}
