package symres_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// around makes a program of what README shows.
const around = `package main

import (
	"context"
	"fmt"
	"os"

	"github.com/symres/symres/target"
)

func run(ctx context.Context) error {
PROGRAM
	return nil
}

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
`

// TestREADME builds every Go block of README, and runs the program it shows on
// the demo, with the demo's symbols in the place of a server's.
func TestREADME(t *testing.T) {
	b, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(b), "```go\n")[1:]
	if len(blocks) == 0 {
		t.Fatal("README shows no Go")
	}
	for _, block := range blocks {
		program, _, ok := strings.Cut(block, "```")
		if !ok {
			t.Fatal("a block without an end")
		}
		if lines := strings.Count(program, "\n"); lines > 12 {
			t.Errorf("a program of %d lines, at most 12", lines)
		}
		if strings.Count(program, `"srv*"`) != 1 {
			t.Errorf("want one symbol path in\n%s", program)
		}
		program = strings.Replace(program, `"srv*"`, `"symbols"`, 1)
		out := runProgram(t, strings.Replace(around, "PROGRAM", program, 1), filepath.Join("testdata", "demo"))
		if !strings.Contains(out, "fe0c9570 Fs_Rec!_NULL_IMPORT_DESCRIPTOR (weak)\n") {
			t.Errorf("it prints\n%s", out)
		}
	}
}

// runProgram builds a program in this module and runs it in a folder, with no
// symbol path in its environment.
func runProgram(t *testing.T, source, dir string) string {
	t.Helper()
	file, program := filepath.Join(t.TempDir(), "main.go"), filepath.Join(t.TempDir(), "program.exe")
	if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("go", "build", "-ldflags=-s -w", "-o", program, file).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, out, source)
	}
	cmd := exec.Command(program)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "_NT_SYMBOL_PATH=", "_NT_ALT_SYMBOL_PATH=", "_NT_EXECUTABLE_IMAGE_PATH=")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// TestRootReadsNoDumps: who has memory and modules of their own links no reader
// of kernels and dumps with the root package.
func TestRootReadsNoDumps(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	deps := strings.Fields(string(out))
	if len(deps) < 20 {
		t.Fatalf("dependencies %v", deps)
	}
	for _, dep := range deps {
		for _, not := range []string{"nt", "memsource/crashdump", "memsource/minidump", "target"} {
			if dep == modulePath+"/"+not {
				t.Errorf("the root package links %s", not)
			}
		}
	}
}
