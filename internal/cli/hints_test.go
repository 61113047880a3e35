package cli_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/symres/symres/identify"
	"github.com/symres/symres/internal/cli"
	"github.com/symres/symres/internal/demo"
	"github.com/symres/symres/sympath"
)

// typed runs the command and returns its status and what it prints.
func typed(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	cache := t.TempDir()
	getenv := func(name string) string {
		if name == "XDG_CACHE_HOME" {
			return cache
		}
		return ""
	}
	status = cli.Main(context.Background(), args, strings.NewReader(""), &out, &errs, getenv)
	return status, out.String(), errs.String()
}

// hints are the steps the scripts print or expect, and those there are.
func hints(t *testing.T) (all []string) {
	t.Helper()
	scripts, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatal(scripts, err)
	}
	for _, script := range scripts {
		b, err := os.ReadFile(script)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(b)) {
			if _, hint, ok := strings.Cut(line, "Try next: "); ok {
				all = append(all, hint)
			}
		}
	}
	for k := identify.StepAppendImage; k <= identify.StepAskMicrosoft; k++ {
		s := identify.Step{Kind: k, Check: identify.CheckOff, Proof: identify.ProofNameOnly, Place: "d"}
		all = append(all, s.String())
	}
	return all
}

// TestHints: what the hints name can be typed. The folder they speak of is one
// with the files, and then the symbols are found.
func TestHints(t *testing.T) {
	dir := t.TempDir()
	if err := demo.WriteTo(dir); err != nil {
		t.Fatal(err)
	}
	dump, symbols := filepath.Join(dir, demo.DumpName), filepath.Join(dir, demo.ShareName)
	option := regexp.MustCompile(`--[a-z][a-z-]*(?: (?:'[^']*'|\.[a-z*][^ ]*|DIR|known|strict|off))?`)
	command := regexp.MustCompile(`'symres ([^']*)'`)
	tried := map[string]bool{}
	for _, hint := range hints(t) {
		hint = strings.ReplaceAll(hint, `\`, "") // of the expressions in scripts
		for _, c := range command.FindAllStringSubmatch(hint, -1) {
			args := strings.Fields(c[1])
			switch args[0] {
			case "fetch":
				args = append(args, dump)
			case "path":
				args = append(args, symbols)
			}
			if status, _, stderr := typed(t, args...); status != 0 {
				t.Errorf("%s: %v ends with %d: %s", hint, args, status, stderr)
			}
			tried[args[0]] = true
		}
		for _, o := range option.FindAllString(command.ReplaceAllString(hint, ""), -1) {
			args, finds := hinted(o, symbols)
			if args == nil {
				continue
			}
			status, stdout, stderr := typed(t, append(append([]string{"lookup"}, args...), "--dump", dump, "fs_rec!DriverEntry")...)
			if status > 1 || finds && !strings.Contains(stdout, "Fs_Rec!DriverEntry") {
				t.Errorf("%s: %q ends with %d: %s", hint, args, status, stderr)
			}
			tried[args[0]] = true
		}
	}
	for _, want := range []string{"fetch", "path", "--sympath", "--version-check"} {
		if !tried[want] {
			t.Errorf("no hint names %s; tried %v", want, tried)
		}
	}
}

// hinted makes arguments of an option in a hint, and says whether symbols are
// found with them: DIR is a folder with the files.
func hinted(option, dir string) (args []string, finds bool) {
	name, value, _ := strings.Cut(option, " ")
	value = strings.Trim(value, "'.$")
	switch name {
	case "--sympath":
		if value == "" {
			return nil, false // it is to be left out
		}
		finds = strings.Contains(value, "DIR")
		args = []string{name, strings.ReplaceAll(value, "DIR", dir)}
		if strings.Contains(value, sympath.MicrosoftServer) {
			args = append(args, "--offline") // it reads as a path
		}
		return args, finds
	case "--version-check":
		return []string{name, value, "--sympath", dir}, true
	}
	return nil, false
}
