package fsx_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/symres/symres/internal/fsx"
)

func TestOpenSteady(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(path string) error
		fails  bool
	}{
		"untouched":     {func(string) error { return nil }, false},
		"cut":           {func(p string) error { return os.Truncate(p, 2) }, true},
		"grown":         {func(p string) error { return os.Truncate(p, 20) }, true},
		"written to":    {func(p string) error { return touch(p, os.WriteFile(p, []byte("HELLO"), 0o644)) }, true},
		"renamed over":  {func(p string) error { return renameOver(p) }, false}, // what was opened is still there
		"name is gone":  {os.Remove, false},
		"only accessed": {func(p string) error { _, err := os.ReadFile(p); return err }, false},
	} {
		path := writeFile(t, filepath.Join(t.TempDir(), "f"), "hello")
		for kind, open := range map[string]func() (*fsx.File, error){
			"path": func() (*fsx.File, error) { return fsx.OpenSteady(path) },
			"fs":   func() (*fsx.File, error) { return fsx.OpenFS(fsx.Dir(filepath.Dir(path)), "f") },
		} {
			path = writeFile(t, filepath.Join(t.TempDir(), "f"), "hello")
			f, err := open()
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if err := tt.change(path); err != nil {
				t.Skipf("%s: %v; it needs a file system on which open files can be changed", name, err)
			}
			b := make([]byte, 5)
			n, err := f.ReadAt(b, 0)
			if tt.fails && !errors.Is(err, fsx.ErrChanged) {
				t.Errorf("%s, %s: read %d bytes, %v; want ErrChanged", name, kind, n, err)
			}
			if !tt.fails && (string(b) != "hello" || err != nil && err != io.EOF) {
				t.Errorf("%s, %s: read %q, %v", name, kind, b, err)
			}
		}
	}
}

// touch makes sure that the time of a file is another one, on file systems too
// that know times to the second only.
func touch(path string, err error) error {
	later := time.Now().Add(2 * time.Second)
	return errors.Join(err, os.Chtimes(path, later, later))
}

func renameOver(path string) error {
	return errors.Join(os.WriteFile(path+".new", []byte("HELLO"), 0o644), os.Rename(path+".new", path))
}

func TestSame_otherFile(t *testing.T) {
	a := writeFile(t, filepath.Join(t.TempDir(), "a"), "hello")
	b := writeFile(t, filepath.Join(t.TempDir(), "b"), "hello")
	when := time.Unix(1e9, 0)
	var info [2]fs.FileInfo
	for i, p := range []string{a, b} {
		if err := os.Chtimes(p, when, when); err != nil {
			t.Fatal(err)
		}
		info[i], _ = os.Stat(p)
	}
	if err := fsx.Same(info[0], info[1]); !errors.Is(err, fsx.ErrChanged) {
		t.Errorf("two files with one size and time: %v", err)
	}
	if err := fsx.Same(info[0], info[0]); err != nil {
		t.Error(err)
	}
}
