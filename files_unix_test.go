//go:build unix

package symres_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/symres/symres"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/internal/fsx"
	"github.com/symres/symres/sympath"
)

const fewEnv = "SYMRES_TEST_FEW_DESCRIPTORS"

// TestFewDescriptors runs the functions below in a process of its own that may
// have 64 descriptors.
func TestFewDescriptors(t *testing.T) {
	if os.Getenv(fewEnv) != "" {
		var lim syscall.Rlimit
		if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &lim); err != nil || lim.Cur != 64 {
			t.Fatalf("%v descriptors, %v; want 64", lim.Cur, err)
		}
		t.Run("shared", fewShared)
		t.Run("one session", fewOneSession)
		t.Run("none", fewNone)
		t.Run("makes room", fewMakesRoom)
		return
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", `ulimit -n 64 && exec "$0" -test.run='^TestFewDescriptors$' -test.v -test.count=1`, exe)
	cmd.Env = append(os.Environ(), fewEnv+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil || strings.Count(string(out), "--- PASS") != 5 {
		t.Errorf("%v\n%s", err, out)
	}
}

// fewShared: 200 sessions with 200 files each their own, all through one
// Files.
func fewShared(t *testing.T) {
	dir := t.TempDir()
	modules, patterns := fourModules(t, dir)
	data := fixture.Bytes(t, "fs_rec/x64/good/fs_rec.pdb")
	shared := files(t, symres.FilesConfig{})
	var all []*symres.Session
	for i := range 200 {
		own := filepath.Join(dir, fmt.Sprint(i))
		put(t, filepath.Join(own, "fs_rec.pdb"), data)
		store := sympath.Chain(sympath.Dir(own, fsx.Dir(own)), sympath.Dir(dir, fsx.Dir(dir)))
		s := session(t, symres.Config{Files: shared, Symbols: store}, modules...)
		for _, p := range patterns {
			mustAsk(t, s, p)
		}
		all = append(all, s)
	}
	for i, s := range all {
		mustAsk(t, s, patterns[i%4])
		if _, err := s.Resolve(t.Context(), modules[0].Base+0x1010); err != nil {
			t.Error(err)
		}
	}
	if got := shared.Stats(); got.Files != 203 || got.Descriptors > 16 {
		t.Errorf("%+v, want 203 files and a quarter of 64 descriptors", got)
	}
}

// fewOneSession: one session, with a Files of its own and more PDBs than
// there are descriptors.
func fewOneSession(t *testing.T) {
	dir := t.TempDir()
	modules, _ := fourModules(t, dir)
	data := fixture.Bytes(t, "fs_rec/x64/good/fs_rec.pdb")
	s := session(t, symres.Config{Symbols: sympath.Dir(dir, fsx.Dir(dir))})
	for i := range 100 {
		m, cv := modules[0], *modules[0].CodeView
		cv.Path = fmt.Sprintf("p%d.pdb", i)
		m.Image, m.Base, m.CodeView = fmt.Sprintf("m%d.sys", i), m.Base+uint64(i)<<24, &cv
		put(t, filepath.Join(dir, cv.Path), data)
		if err := s.Add(m); err != nil {
			t.Fatal(err)
		}
		mustAsk(t, s, fmt.Sprintf("m%d!DriverEntry", i))
	}
	for i := range 100 {
		if _, err := s.Resolve(t.Context(), modules[0].Base+uint64(i)<<24+0x1010); err != nil {
			t.Error(err)
		}
	}
}

// eat takes descriptors until none is left but so many.
func eat(t *testing.T, but int) (free func()) {
	t.Helper()
	var all []*os.File
	for {
		f, err := os.Open(os.DevNull)
		if errors.Is(err, syscall.EMFILE) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, f)
	}
	for i := range but {
		all[i].Close()
	}
	return func() {
		for _, f := range all[but:] {
			f.Close()
		}
	}
}

// fewNone: without any descriptor the error says so, and the attempts too.
func fewNone(t *testing.T) {
	dir := t.TempDir()
	modules, patterns := fourModules(t, dir)
	for but := range 4 { // at whatever step it is that there are no more
		cfg := symres.Config{Symbols: sympath.Dir(dir, fsx.Dir(dir))}
		s := session(t, cfg, modules...)
		free := eat(t, but)
		found, err := ask(s, patterns[0])
		_, loadErr := s.Load(t.Context(), "fs_rec")
		rep := s.Modules()[0]
		free()
		if err == nil && loadErr == nil && but > 0 {
			continue // that was enough
		}
		for _, err := range []error{err, loadErr} {
			if !errors.Is(err, sympath.ErrTooManyFiles) || errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%d left: %q, %v", but, found, err)
			}
		}
		named := false
		for _, a := range rep.Attempts {
			named = named || errors.Is(a.Err, sympath.ErrTooManyFiles) && a.Status != sympath.StatusNotFound
		}
		if !named {
			t.Errorf("%d left: no attempt says so: %v", but, rep.Attempts)
		}
		if _, err := s.Load(t.Context(), "fs_rec"); err != nil {
			t.Errorf("%d left: it does not recover: %v", but, err)
		}
	}
}

// fewMakesRoom: a Files gives up what it has open before anything fails.
func fewMakesRoom(t *testing.T) {
	dir := t.TempDir()
	modules, patterns := fourModules(t, dir)
	s := session(t, symres.Config{Symbols: sympath.Dir(dir, fsx.Dir(dir))}, modules...)
	for _, p := range patterns[:3] {
		mustAsk(t, s, p)
	}
	defer eat(t, 0)()
	mustAsk(t, s, patterns[3])
	for _, p := range patterns {
		mustAsk(t, s, p)
	}
}
