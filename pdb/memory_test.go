package pdb_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/pdb"
)

// useUp asks for whatever a File keeps.
func useUp(t *testing.T, f *pdb.File) {
	t.Helper()
	for sym, err := range f.Symbols() {
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Nearest(sym.RVA); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Frames(sym.RVA); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.Index(); err != nil {
		t.Fatal(err)
	}
	for _, err := range f.Types() {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestMemory holds what a File says against what the collector finds.
func TestMemory(t *testing.T) {
	path := fixture.Path(t, "wide/x64/wide.pdb")
	f, err := pdb.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fresh := f.Memory()
	before := heap()
	useUp(t, f)
	grown, says := heap()-before, f.Memory()-fresh
	t.Logf("%s: %d bytes when opened, then %d more; the heap grew by %d", path, fresh, says, grown)
	if says < grown/2 || says > grown*2 {
		t.Errorf("the heap grew by %d bytes, Memory by %d", grown, says)
	}
	runtime.KeepAlive(f)
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what a pool holds goes the second time
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestOpen_changed cuts and overwrites a PDB in the middle of a walk.
func TestOpen_changed(t *testing.T) {
	for name, change := range map[string]func(path string, size int64) error{
		"cut in half":  func(path string, size int64) error { return os.Truncate(path, size/2) },
		"cut to none":  func(path string, _ int64) error { return os.Truncate(path, 0) },
		"written over": func(path string, size int64) error { return os.WriteFile(path, make([]byte, size-1), 0o600) },
	} {
		data := fixture.Bytes(t, "wide/x64/wide.pdb")
		path := filepath.Join(t.TempDir(), "a.pdb")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := pdb.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := change(path, int64(len(data))); err != nil {
			t.Fatal(err)
		}
		var failed error
		for _, err := range f.Symbols() {
			failed = errors.Join(failed, err)
		}
		if failed == nil || errors.Is(failed, fs.ErrClosed) {
			t.Errorf("%s: %v", name, failed)
		}
	}
}
