package fsx_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/symres/symres/internal/fsx"
)

func TestConfined(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "a", "b.txt"), "b")
	writeFile(t, filepath.Join(dir, "c"), "c")
	if err := fstest.TestFS(fsx.Confined(dir), "a/b.txt", "c"); err != nil {
		t.Error(err)
	}
	if _, err := fsx.Confined(filepath.Join(dir, "none")).Open("c"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no such root: %v", err)
	}
	if _, err := fsx.Confined("").Open("c"); err == nil {
		t.Error("the empty directory name gave a file")
	}
}

func TestConfined_links(t *testing.T) {
	dir := t.TempDir()
	tree := filepath.Join(dir, "tree")
	writeFile(t, filepath.Join(dir, "secret"), "s")
	writeFile(t, filepath.Join(tree, "real", "f"), "f")
	for link, target := range map[string]string{
		"out": "../secret", "dirlink": "real", "real/inner": "f", "away": dir,
	} {
		if err := os.Symlink(target, filepath.Join(tree, link)); err != nil {
			t.Skipf("no symbolic links can be made in %s (%v); set TMPDIR to a file system that has them", dir, err)
		}
	}
	for _, name := range []string{"out", "dirlink/f", "real/inner", "away/secret", "dirlink"} {
		if f, err := fsx.Confined(tree).Open(name); !errors.Is(err, fsx.ErrLink) {
			t.Errorf("Open(%s) = %v, %v; want ErrLink", name, f, err)
		}
		if _, err := fs.Stat(fsx.Confined(tree), name); !errors.Is(err, fsx.ErrLink) {
			t.Errorf("Stat(%s): %v; want ErrLink", name, err)
		}
	}
	if err := os.Symlink(tree, filepath.Join(dir, "root")); err != nil {
		t.Fatal(err)
	}
	if _, err := fs.Stat(fsx.Confined(filepath.Join(dir, "root")), "real/f"); err != nil {
		t.Errorf("a root that is a link: %v", err)
	}
}
