package symres_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/symres/symres/internal/demo"
	"github.com/symres/symres/internal/dumpbuild"
	"github.com/symres/symres/internal/fixture"
)

// The programs a reader may write in twelve lines, around which are only an
// import and a func.
const (
	askProcess = `
	t, err := target.Open(ctx, "demo.dmp", target.Options{
		SymbolPath: "symbols", ImagePath: "symbols", Process: "notepad.exe", PageFiles: map[int]string{0: "pagefile.sys"},
	})
	if err != nil {
		return err
	}
	defer t.Close()
	for _, pattern := range []string{"fs_rec!*", "notepad!NotepadSum"} {
		for sym, err := range t.Session().Lookup(ctx, pattern) {
			fmt.Printf("%x %s!%s (%v) %v\n", sym.Address, sym.Module, sym.Name, sym.Proof, err)
		}
	}`
	askException = `
	t, err := target.Open(ctx, "crash.dmp", target.Options{SymbolPath: "symbols"})
	if err != nil {
		return err
	}
	defer t.Close()
	e, err := t.Exception()
	if err != nil {
		return err
	}
	at, err := t.Session().Resolve(ctx, e.Address)
	fmt.Printf("%08x %x at %s!%s+%#x %v\n", e.Code, e.Parameters, at.Module, at.Name, at.Displacement, err)`
)

// TestTwelveLines runs those programs beside the demo's files in a folder, with
// the paging file in which the PEB of the process is.
func TestTwelveLines(t *testing.T) {
	dir := t.TempDir()
	if err := demo.WriteTo(dir); err != nil {
		t.Fatal(err)
	}
	spec, err := dumpbuild.Demo(fixture.Read)
	if err != nil {
		t.Fatal(err)
	}
	_, facts, err := dumpbuild.Build(spec)
	if err != nil {
		t.Fatal(err)
	}
	if err := facts.PageFiles[0].WriteFile(filepath.Join(dir, "pagefile.sys")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "crash.dmp"), fixture.Bytes(t, "demo/crash.dmp"), 0o600); err != nil {
		t.Fatal(err)
	}
	for program, want := range map[string][]string{
		askProcess:   {"fe0c9570 Fs_Rec!_NULL_IMPORT_DESCRIPTOR (exact) <nil>\n", "1001020 notepad!NotepadSum (exact) <nil>\n"},
		askException: {"c0000005 [1 10] at notepad!NotepadOpen+0x3 <nil>\n"},
	} {
		if lines := strings.Count(program, "\n"); lines > 12 {
			t.Errorf("%d lines", lines)
		}
		out := runProgram(t, strings.Replace(around, "PROGRAM", program, 1), dir)
		for _, line := range want {
			if !strings.Contains(out, line) {
				t.Errorf("no line %q in\n%s", line, out)
			}
		}
	}
}
