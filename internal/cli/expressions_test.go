package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/symres/symres/internal/cli/values"
	"github.com/symres/symres/internal/dumpbuild"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/internal/kdtext"
	"github.com/symres/symres/target"
)

// TestExpressions compares the values and refusals of expressions with those of the
// engine of WinDbg 6.12, which answered them once (testdata/expressions). Of
// structures the first line is compared.
func TestExpressions(t *testing.T) {
	for name, seed := range map[string]string{"x86": "demo", "x64": "w7"} {
		t.Run(name, func(t *testing.T) {
			w := expressionWriter(t, seed)
			b, err := fixture.Read("expressions/" + name + ".txt")
			if err != nil {
				t.Fatal(err)
			}
			asked, reasons := 0, expressionReasons()
			for _, block := range blocks(string(b)) {
				asked++
				got := answer(t, w, block[0])
				want := strings.Join(block[1:], "\n")
				if why := reasons[block[0]]; got != want && why == "" {
					t.Errorf("%s\n  got  %q\n  want %q", block[0], got, want)
				}
			}
			if t.Logf("%d expressions", asked); asked < 300 {
				t.Errorf("%d expressions are stored", asked)
			}
		})
	}
}

// TestKdJudgeExpressions asks kd all expressions again: its answers must be those that are
// kept.
func TestKdJudgeExpressions(t *testing.T) {
	root := os.Getenv("SYMRES_KD")
	if root == "" {
		t.Skip("NOT JUDGED by Microsoft's kd, only by what it said before: run bash .ci/kd")
	}
	for name, seed := range map[string]string{"x86": "demo", "x64": "w7"} {
		b, err := fixture.Read("expressions/" + name + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		dump, dir := kdDump(t, seed), kdPath(t, seed)
		q := kdtext.Question{Root: root, Dump: dump, Folders: map[string]string{"s": dir}, Path: `Z:\s`}
		for _, block := range blocks(string(b)) {
			q.Commands = append(q.Commands, block[0])
		}
		out, err := kdtext.Ask(t.Context(), q)
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		answers, differ := kdtext.Answers(out), 0
		for i, block := range blocks(string(b)) {
			want := strings.Join(strings.Fields(strings.Join(block[1:], " ")), " ")
			if i < len(answers) && !strings.Contains(strings.Join(strings.Fields(strings.Join(answers[i].Lines, " ")), " "), want) {
				differ++
				t.Logf("%s: %s\n  kept %q\n  now  %q", name, block[0], want, answers[i].Lines)
			}
		}
		if len(answers) != len(q.Commands) || differ > 0 {
			t.Errorf("%s: %d of %d answers, %d of them others", name, len(answers), len(q.Commands), differ)
		}
	}
}

// kdDump is a dump that our builder writes.
func kdDump(t *testing.T, seed string) []byte {
	t.Helper()
	spec, err := dumpbuild.SeedKd(fixture.Read, seed)
	if err != nil {
		t.Fatal(err)
	}
	b, _, err := dumpbuild.Build(spec)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// expressionReasons are the expressions at which symres says something else, and why.
func expressionReasons() map[string]string {
	reasons := map[string]string{}
	for why, list := range map[string][]string{
		"control and vector registers are not read": {"? @cr3", "? @st0", "? @xmm0"},
		"kd reads the thread's ID 4 bytes too far":  {"? $tid", "?? @$tid"},
		"symres knows every name of the kernel":     {"? ntoskrnl"},
		"kd names the kernel's image after its PDB": {"? ntkrnlmp.exe"},
		"the debugger's user has no variables here": {"?? @$t0", "?? @$t0=5"},
		"kd shows the text its macro stands for":    {"?? #FIELD_OFFSET(nosuch, x)", "?? #FIELD_OFFSET(nt!_LIST_ENTRY, nosuch)", "?? #RTL_CONTAINS_FIELD(nt!_LIST_ENTRY, 100, Blink)"},
		"__int64 is a type of C++": {"?? (__int64)-1", "?? (__int64)5", "?? (unsigned __int64)-1", "?? (unsigned __int64)5",
			"?? *(__int64*)nt!NtBuildLab", "?? sizeof(__int64)"},
		"targets are not written to":               {"?? --5", "?? 5--"},
		"a number is negated wherever it is from":  {"?? -nt!NtBuildNumber"},
		"the value is shown as 9u and others are":  {"?? 0xffffffff+1"},
		"the operand that is not taken has no say": {"?? 1 ? 2 : nosuch"},
		"the runtime of kd has 17 digits":          {"?? 1e100"},
		"the syntax is read first":                 {"?? a+"},
	} {
		for _, e := range list {
			reasons[e] = why
		}
	}
	return reasons
}

// blocks splits a file into questions with their answers, which are indented.
func blocks(text string) (list [][]string) {
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if after, ok := strings.CutPrefix(line, "\t"); ok {
			list[len(list)-1] = append(list[len(list)-1], after)
		} else {
			list = append(list, []string{line})
		}
	}
	return list
}

func answer(t *testing.T, w *values.Writer, question string) string {
	command, expr, _ := strings.Cut(question, " ")
	lines, _, err := w.Lines(t.Context(), command, expr)
	if err != nil {
		lines = append(lines, values.Refusal(err, question, 0))
	}
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return strings.Join(lines, "\n")
}

func expressionWriter(t *testing.T, seed string) *values.Writer {
	t.Helper()
	file := filepath.Join(t.TempDir(), "target.dmp")
	if err := os.WriteFile(file, kdDump(t, seed), 0o600); err != nil {
		t.Fatal(err)
	}
	tg, err := target.Open(t.Context(), file, target.Options{SymbolPath: kdPath(t, seed), Getenv: func(string) string { return "" }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tg.Close() })
	for th, err := range tg.Threads(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		return &values.Writer{Env: tg.Env(t.Context(), th)}
	}
	t.Fatal("no thread")
	return nil
}
