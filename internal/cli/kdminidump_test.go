package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/symres/symres/internal/dumpbuild"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/internal/kdtext"
	"github.com/symres/symres/memsource/minidump"
)

// TestKdMinidumps compares modules, unloaded modules and exceptions of the
// minidumps of the corpus, of processes and of an ARM system, with what kd said
// of them.
func TestKdMinidumps(t *testing.T) {
	shared := fixture.Shared(t)
	list, err := filepath.Glob(filepath.Join(shared, "kd", "minidumps", "*.txt"))
	if err != nil || len(list) < 16 {
		t.Fatalf("%d transcripts, %v", len(list), err)
	}
	for _, file := range list {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			kd := kdtext.Parse(string(text)).Of("module", "user", "unloaded", "exception")
			dump := filepath.Join(shared, filepath.FromSlash(strings.ReplaceAll(name, "~", "/")))
			ours := minidumpFacts(t, dump)
			for key := range kd {
				if strings.HasSuffix(key, " symbols") { // of what kd loaded for itself
					delete(kd, key)
				}
			}
			reasons := minidumpReasons(name)
			for _, d := range kdtext.Diff(kd, ours, reasons) {
				t.Errorf("kd, symres: %s", d)
			}
			t.Logf("%d facts compared", len(kd))
		})
	}
}

// TestKdDemoMinidump compares the minidump of the demo.
func TestKdDemoMinidump(t *testing.T) {
	m, err := dumpbuild.DemoMinidump(fixture.Read)
	if err != nil {
		t.Fatal(err)
	}
	said, err := fixture.Read("kd/minidump.txt")
	if err != nil {
		t.Fatal(err)
	}
	dump := filepath.Join(t.TempDir(), "target.dmp")
	if err := os.WriteFile(dump, dumpbuild.BuildMinidump(m), 0o600); err != nil {
		t.Fatal(err)
	}
	kd := kdtext.Unmarshal(said).Of("user", "unloaded", "exception")
	for key := range kd {
		if strings.HasSuffix(key, " symbols") {
			delete(kd, key)
		}
	}
	for _, d := range kdtext.Diff(kd, minidumpFacts(t, dump), nil) {
		t.Errorf("kd, symres: %s", d)
	}
	if len(kd) < 5 {
		t.Errorf("%d facts compared", len(kd))
	}
}

// minidumpReasons are the facts at which the two differ, and why.
func minidumpReasons(name string) []kdtext.Reason {
	if strings.Contains(name, "tiny-exe-with-cet-xsave") {
		return []kdtext.Reason{{Key: "exception", Why: "the dump has no exception, for which kd makes up a break"}}
	}
	return nil
}

// minidumpFacts are what symres says of a minidump.
func minidumpFacts(t *testing.T, dump string) kdtext.Facts {
	t.Helper()
	s := &kdTarget{T: t, dump: dump, facts: kdtext.Facts{}}
	user := minidumpException(t, s, dump)
	for _, o := range s.objects("modules", "--unloaded") {
		key := "module " + plain(o["base"])
		switch {
		case o["unloaded"] == true:
			s.facts.Set("unloaded "+plain(o["base"]), add(o["base"], o["size"]), o["image"])
			continue
		case user:
			key = "user 0 " + plain(o["base"])
		}
		s.facts.Set(key, add(o["base"], o["size"]), o["name"])
	}
	return s.facts
}

// minidumpException adds the exception; false for a dump of a system.
func minidumpException(t *testing.T, s *kdTarget, dump string) bool {
	t.Helper()
	f, err := minidump.Open(dump)
	if err != nil {
		return false
	}
	defer f.Close()
	e, err := f.Exception()
	if err != nil {
		return true
	}
	s.facts.Set("exception", hexOf(uint64(e.ThreadID)), hexOf(uint64(e.Code)))
	s.facts.Set("exception address", hexOf(e.Address))
	return true
}
