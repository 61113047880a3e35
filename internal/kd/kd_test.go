package kd_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/symres/symres/internal/dumpbuild"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/internal/kd"
	"github.com/symres/symres/target"
)

// open is a session on one of our dumps, changed by a function; nil changes nothing.
func open(tb testing.TB, name string, out *strings.Builder, change func([]byte) []byte) (*kd.Session, error) {
	tb.Helper()
	spec, err := dumpbuild.SeedKd(fixture.Read, name)
	if err != nil {
		tb.Fatal(err)
	}
	b, _, err := dumpbuild.Build(spec)
	if err != nil {
		tb.Fatal(err)
	}
	if change != nil {
		b = change(b)
	}
	dir := tb.TempDir()
	for _, folder := range dumpbuild.KdSymbols(name) {
		fixture.Unpack(tb, folder, dir)
	}
	dump := filepath.Join(dir, "target.dmp")
	if err := os.WriteFile(dump, b, 0o600); err != nil {
		tb.Fatal(err)
	}
	return kd.New(tb.Context(), kd.Config{
		Out: out, Name: "target.dmp", Symbols: dir,
		Open: func(ctx context.Context, o kd.OpenOptions) (*target.Target, error) {
			return target.Open(ctx, dump, target.Options{SymbolPath: o.Symbols, ImagePath: o.Images, Process: o.Process, Modules: o.Modules, Offline: true,
				Getenv: func(string) string { return "" }})
		},
	})
}

func TestSplit(t *testing.T) {
	for line, want := range map[string][]string{
		"? 1; ? 2":                  {"? 1", "? 2"},
		"* all; of it":              nil,
		"$$ to here; .echo b":       {".echo b"},
		`.echo "a;b" ; q`:           {`.echo "a;b"`, "q"},
		".sympath a;b":              {".sympath a;b"},
		".reload /f;.sympath+ c; d": {".reload /f", ".sympath+ c; d"},
		"!vad 0 1":                  {"!vad 0 1"},
		"~*k 5;kvn":                 {"~*k 5", "kvn"},
		"??sizeof(int)":             {"?? sizeof(int)"},
	} {
		var got []string
		for _, c := range kd.Split(line) {
			got = append(got, c.String())
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}

// FuzzSplit: a command that is printed is read as the same one, and no part of a line
// becomes two.
func FuzzSplit(f *testing.F) {
	for _, s := range []string{"? 1; ? 2", `.echo "a;b";q`, "$$ x; y", "* x", ".sympath+ a;b", "~*k", "x /s 4 nt!*", "$<a;b", "??1", "| ;||", `"`, ". ", "!", "0;\f00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		size := 0
		for _, c := range kd.Split(line) {
			size += len(c.Name) + len(c.Args)
			again := kd.Split(c.String())
			if len(again) != 1 || again[0] != c {
				t.Fatalf("%q has %q, which is read as %q", line, c, again)
			}
		}
		if size > len(line) {
			t.Fatalf("%d bytes of commands in %d", size, len(line))
		}
	})
}

// clean fails where something is shown that a terminal would obey.
func clean(t *testing.T, out string) {
	t.Helper()
	if !utf8.ValidString(out) {
		t.Fatal("bytes that are no text are shown")
	}
	for _, c := range out {
		if c < 0x20 && c != '\n' || c == 0x7f || c >= 0x80 && c < 0xa0 || c >= 0x202a && c <= 0x202e {
			t.Fatalf("%q is shown", c)
		}
	}
}

// commandTime bounds a command; a slow machine is no failure.
const commandTime = 20 * time.Second

// FuzzExecute: whatever is typed ends, and shows nothing that a terminal would obey. What
// opens files by name, the paths, logs and scripts, is left out.
func FuzzExecute(f *testing.F) {
	for _, s := range []string{"x nt!Ps*", "lm v", "dt -r nt!_EPROCESS", "!vad", "u nt!KeBugCheckEx L4", "ub nt!KeBugCheckEx+8", "uf nt!KeBugCheckEx", "s -a 0 L?ffffffff x", "k 5", "r eax",
		"!pte 804da000", "!vtop 0 804da000", "db 0 Lffffffff", "!dh nt", "!lmi nt", "!process 0 7", ".reload a=1,2", "dt nt!_LIST_ENTRY -l Flink 804da000", "ln nt", "!teb", "!peb", ".formats 1",
		"?? (char)1", ".trap 81000000", ".cxr 81000000", "!error 5", "~*k", "n 8", "!thread 81000000", ".process 0", ".echo \x1b[2J\u202e"} {
		f.Add(s)
	}
	var out strings.Builder
	s, err := open(f, "demo", &out, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { s.Close() })
	f.Fuzz(func(t *testing.T, line string) {
		for _, c := range kd.Split(line) {
			if strings.Contains(c.Name, "path") || strings.Contains(c.Name, "log") || strings.HasPrefix(c.Name, "$") || strings.HasPrefix(c.Name, ".symfix") || strings.HasPrefix(c.Name, "q") {
				return
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), commandTime)
		defer cancel()
		out.Reset()
		if err := s.Execute(ctx, line); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		clean(t, out.String())
	})
}

// everything is a session that asks for all there is.
const everything = `vertarget;version;lm;lmv;lm t n;!lmi nt;.reload;.reload /f;.reload /l;x nt!*;x /t /v nt!*;k;kv;~*k;r;.thread;.process;!process 0 7;!thread;!teb;!peb;!vad;!gle
.lastevent;.bugcheck;!pte nt;!vtop 0 nt;!dh nt;dt nt!_EPROCESS;dt -r nt!_KTHREAD;dps nt!PsLoadedModuleList;da nt!NtBuildLab;u nt!KeBugCheckEx;ub nt!KeBugCheckEx+8;uf nt!KeBugCheckEx;s -a nt L1000 PE
ln nt!PsLoadedModuleList;lmu;.reload /user;.time;.effmach;? nt;?? sizeof(nt!_EPROCESS)`

// TestHostile changes bytes of dumps: each session ends, and shows nothing that a terminal
// would obey.
func TestHostile(t *testing.T) {
	refused := 0
	const seeds = 24
	for seed := range uint64(seeds) {
		var out strings.Builder
		s, err := open(t, []string{"demo", "w7"}[seed%2], &out, func(b []byte) []byte { return scratch(seed, b) })
		if err != nil {
			refused++
			continue
		}
		for line := range strings.Lines(everything) {
			for _, c := range kd.Split(line) {
				ctx, cancel := context.WithTimeout(t.Context(), commandTime)
				if err := s.Execute(ctx, c.String()); err != nil {
					t.Fatalf("seed %d, %s: %v", seed, c, err)
				}
				cancel()
			}
		}
		clean(t, out.String())
		s.Close()
	}
	if refused > seeds/2 {
		t.Errorf("%d of %d dumps could not be opened: they are changed too much", refused, seeds)
	}
}

// scratch changes words all over a dump behind its header: to control characters, to large
// numbers, to addresses of other places.
func scratch(seed uint64, b []byte) []byte {
	b = slices.Clone(b)
	next := seed*0x9e3779b97f4a7c15 + 1
	random := func(n int) int {
		next = next*6364136223846793005 + 1442695040888963407
		return int(next >> 33 % uint64(n))
	}
	for range 200 + random(3000) {
		at := 0x2000 + random(len(b)-0x2010)&^7
		copy(b[at:], [][]byte{[]byte("\x1b]0;x\x07"), []byte("\u202e\x9b31m"), {0xff, 0xff, 0xff, 0x7f}, {0, 0, 0, 0}, b[0x2000+random(len(b)-0x2010)&^7:][:8]}[random(5)])
	}
	return b
}
