package cli_test

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/symres/symres/internal/cli"
	"github.com/symres/symres/internal/fixture"
)

// TestDump_parts wants the same lines whether one makes them or several.
func TestDump_parts(t *testing.T) {
	pdb := filepath.Join(t.TempDir(), "fs_rec.pdb")
	if err := os.WriteFile(pdb, fixture.Bytes(t, "fs_rec/x64/private/fs_rec.pdb"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"--publics"}, {"--procs"}, {"--publics", "--json"}, {"--procs", "--json"},
	} {
		var want string
		for _, procs := range []int{1, 2, 5} {
			func() {
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
				out, errs, status := run(t, "", append([]string{"dump", pdb}, args...)...)
				if status != 0 || errs != "" || strings.Count(out, "\n") < 10 {
					t.Fatalf("%v: status %d, %q, %q", args, status, errs, out)
				}
				if want == "" {
					want = out
				}
				if out != want {
					t.Errorf("%v by %d:\n%s\nby one:\n%s", args, procs, out, want)
				}
			}()
		}
	}
}

// TestDump_interrupted: those who make rows stop with the one who prints them.
func TestDump_interrupted(t *testing.T) {
	pdb := filepath.Join(t.TempDir(), "fs_rec.pdb")
	if err := os.WriteFile(pdb, fixture.Bytes(t, "fs_rec/x64/private/fs_rec.pdb"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, face := range []string{"--publics", "--procs"} {
		if status := cli.Main(ctx, []string{"dump", pdb, face}, nil, nil, nil, nil); status != 130 {
			t.Errorf("%s: status %d, want 130", face, status)
		}
	}
}
