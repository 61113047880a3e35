package symres_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// fuzzing runs .ci/fuzz in a module with the given bodies of fuzz targets by
// name, and returns what it says and whether it passes.
func fuzzing(t *testing.T, targets map[string]string, env ...string) (string, bool) {
	t.Helper()
	script, err := filepath.Abs(".ci/fuzz")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write("go.mod", "module example.com/m\n\ngo 1.26\n")
	for name, body := range targets {
		write(strings.ToLower(name)+"/m_test.go", "package m\n\nimport \"testing\"\n\nfunc "+name+
			"(f *testing.F) {\n\tf.Add([]byte(\"abc\"))\n\tf.Fuzz(func(t *testing.T, b []byte) {\n"+body+"\n\t})\n}\n")
	}
	cmd := exec.CommandContext(t.Context(), "bash", script)
	cmd.Dir = dir
	// Fuzzing is for the machine itself, whatever the tests are built for.
	cmd.Env = append(os.Environ(), "GOARCH=", "GOOS=", "FUZZ_SECONDS=1", "GOCACHE="+goCache(t))
	cmd.Env = append(cmd.Env, env...)
	out, err := cmd.CombinedOutput()
	return string(out), err == nil
}

func goCache(t *testing.T) string {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the gate runs on Linux: .ci/fuzz is not tested here")
	}
	for _, tool := range []string{"bash", "go", "git", "timeout"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("no %s: .ci/fuzz is not tested", tool)
		}
	}
	out, err := exec.CommandContext(t.Context(), "go", "env", "GOCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// TestFuzzScriptHang plants targets that do not come back from an input, at once
// and after a while, beside one that is fine.
func TestFuzzScriptHang(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: waits for a watchdog of 10 seconds")
	}
	t.Parallel()
	for name, body := range map[string]string{
		"FuzzHang":  "for len(b) != 3 {\n}",
		"FuzzSleep": "if len(b) > 4 {\nselect {}\n}",
		"FuzzSeed":  "for len(b) == 3 {\n}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, ok := fuzzing(t, map[string]string{name: body, "FuzzFine": "_ = b"})
			if ok || !strings.Contains(out, "FAIL ./"+strings.ToLower(name)+" "+name) || !strings.Contains(out, "ok   ./fuzzfine FuzzFine") {
				t.Errorf("passes %v:\n%s", ok, out)
			}
		})
	}
}

// TestFuzzScriptTurns holds the script to running every target in turn.
func TestFuzzScriptTurns(t *testing.T) {
	t.Parallel()
	targets := map[string]string{"FuzzA": "_ = b", "FuzzB": "_ = b", "FuzzC": "_ = b"}
	var ran []string
	for _, turn := range []string{"10", "11"} {
		out, ok := fuzzing(t, targets, "FUZZ_TARGETS=2", "FUZZ_TURN="+turn)
		if !ok {
			t.Fatalf("turn %s fails:\n%s", turn, out)
		}
		for line := range strings.Lines(out) {
			if f := strings.Fields(line); len(f) > 2 && f[0] == "ok" {
				ran = append(ran, f[2])
			}
		}
	}
	if n := len(ran); n != 4 {
		t.Errorf("%d runs, want 4: %q", n, ran)
	}
	slices.Sort(ran)
	if all := slices.Compact(ran); len(all) != len(targets) {
		t.Errorf("two turns of two ran %q, want all of %d", all, len(targets))
	}
}
