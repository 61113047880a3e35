package cli_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/symres/symres/internal/cli"
)

func ExampleProgram() {
	p := cli.Program{
		Args:   []string{"lookup", "--demo", "fs_rec!_imp___all*"},
		Stdout: os.Stdout,
	}
	p.Run(context.Background())
	// Output:
	// fe0c8358  Fs_Rec!_imp___allmul
	// fe0c835c  Fs_Rec!_imp___allshr
}

func ExampleMain() {
	args := []string{"vpn", "37d9bd30", "37d9bd3e", "--machine", "ia64", "--name", "ExplorerFrame.dll"}
	cli.Main(context.Background(), args, nil, os.Stdout, os.Stderr, os.Getenv)
	// Output:
	// base 000006fb`37a60000
	// size 1e000
	// .reload /f ExplorerFrame.dll=000006fb`37a60000,1e000
}

// TestInterrupted ends commands by their context, also one that waits for
// input that never comes.
func TestInterrupted(t *testing.T) {
	dir := t.TempDir()
	if _, errs, status := run(t, "", "demo", dir); status != 0 {
		t.Fatal(errs)
	}
	pdb := filepath.Join(dir, "symbols", "fs_rec.pdb")
	for _, args := range [][]string{
		{"lookup", "--demo", "*"}, {"nearest", "--demo", "fe0c8310"}, {"nearest", "--demo"}, {"modules", "--demo", "-v"},
		{"reload", "--demo"}, {"dump", pdb, "--publics"}, {"dump", pdb, "--lines"}, {"check", pdb}, {"vpn", "-", "--machine", "x64"},
	} {
		t.Run(strings.Join(args[:2], " "), func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			stdin, w := io.Pipe()
			defer w.Close()
			var errs strings.Builder
			if status := cli.Main(ctx, args, stdin, io.Discard, &errs, nil); status != 130 || strings.Contains(errs.String(), "symres:") {
				t.Errorf("exit status %d, want 130 and no error: %s", status, &errs)
			}
		})
	}
}

// TestStreaming wants each answer before the next question is asked.
func TestStreaming(t *testing.T) {
	stdin, questions := io.Pipe()
	answers, stdout := io.Pipe()
	done := make(chan int)
	go func() {
		done <- cli.Main(t.Context(), []string{"nearest", "--demo", "--json"}, stdin, stdout, io.Discard, nil)
		stdout.Close()
	}()
	lines := bufio.NewScanner(answers)
	for _, q := range []struct{ ask, want string }{
		{"fe0c8310", `"name":"_imp__IoCreateDevice"`}, {"1", `"error":`}, {"fe0c8358", `"name":"_imp___allmul"`},
	} {
		if _, err := io.WriteString(questions, q.ask+"\n"); err != nil {
			t.Fatal(err)
		}
		if !lines.Scan() || !strings.Contains(lines.Text(), q.want) {
			t.Fatalf("%s: got %q, want %s", q.ask, lines.Text(), q.want)
		}
	}
	questions.Close()
	if status := <-done; status != 0 {
		t.Errorf("exit status %d", status)
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

// TestOutputErrors: a reader that went away ends the command quietly, a full
// disk does not.
func TestOutputErrors(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		quiet  bool
	}{
		{&os.PathError{Op: "write", Path: "|1", Err: syscall.EPIPE}, 0, true},
		{io.ErrClosedPipe, 0, true},
		{errors.New("disk full"), 3, false},
	} {
		for _, args := range [][]string{{"lookup", "--demo", "fs_rec!*"}, {"modules", "--demo"}, {"path", "a;b"}} {
			var errs strings.Builder
			status := cli.Main(t.Context(), args, nil, failingWriter{c.err}, &errs, nil)
			said := strings.Contains(errs.String(), c.err.Error())
			if status != c.status || said == c.quiet {
				t.Errorf("%v, %s: exit status %d, want %d; stderr %q", c.err, args[0], status, c.status, &errs)
			}
		}
	}
}

// TestEnvironment: the zero Program reads no environment and no input.
func TestEnvironment(t *testing.T) {
	t.Setenv("_NT_SYMBOL_PATH", "of-the-process")
	if status := (cli.Program{Args: []string{"path"}}).Run(t.Context()); status != 1 {
		t.Errorf("exit status %d, want 1 for an empty path", status)
	}
	if status := (cli.Program{}).Run(t.Context()); status != 0 {
		t.Errorf("no arguments: exit status %d, want 0 and the help", status)
	}
}
