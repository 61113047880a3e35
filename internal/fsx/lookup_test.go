package fsx_test

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/symres/symres/internal/fsx"
)

func tree(names ...string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for _, name := range names {
		fsys[name] = &fstest.MapFile{Data: []byte(name)}
	}
	return fsys
}

// matches runs a search to its end.
func matches(fsys fs.FS, parts ...string) (names []string, errs []error) {
	for name, err := range fsx.Matches(fsys, parts...) {
		if err != nil {
			errs = append(errs, err)
		} else {
			names = append(names, name)
		}
	}
	return names, errs
}

func TestMatches(t *testing.T) {
	fsys := tree("NTDLL.pdb/AB1/ntdll.pdb", "ntdll.pdb/ab2/NtDll.PDB", "ntdll.pdb/AB2/ntdll.pdb", "Straße.pdb", "x/file")
	for _, c := range []struct{ parts, want string }{
		{"ntdll.pdb/AB2/ntdll.pdb", "ntdll.pdb/AB2/ntdll.pdb ntdll.pdb/ab2/NtDll.PDB"},
		{"ntdll.pdb/ab1/NTDLL.PDB", "NTDLL.pdb/AB1/ntdll.pdb"}, // in the other of two spellings of a directory
		{"STRAßE.PDB", "Straße.pdb"},
		{"x/FILE", "x/file"},
		{"X", "x"},
	} {
		names, errs := matches(fsys, strings.Split(c.parts, "/")...)
		if got := strings.Join(names, " "); got != c.want || len(errs) > 0 {
			t.Errorf("%s: %s, %v; want %s", c.parts, got, errs, c.want)
		}
	}
}

func TestMatches_missing(t *testing.T) {
	fsys := tree("ntdll.pdb/AB1/other", "NTDLL.PDB/x")
	for _, c := range []struct {
		parts, path string
		last        bool
	}{
		{"foo.pdb/AB1/foo.pdb", "foo.pdb", false},
		{"ntdll.pdb/AB2/ntdll.pdb", "ntdll.pdb/AB2", false},
		{"ntdll.pdb/AB1/ntdll.pdb", "ntdll.pdb/AB1/ntdll.pdb", true},
		{"foo.pdb", "foo.pdb", true},
	} {
		names, errs := matches(fsys, strings.Split(c.parts, "/")...)
		var missing *fsx.MissingError
		if len(names) != 0 || len(errs) != 1 || !errors.As(errs[0], &missing) || !errors.Is(errs[0], fs.ErrNotExist) {
			t.Errorf("%s: %v, %v; want one MissingError", c.parts, names, errs)
			continue
		}
		if missing.Path != c.path || missing.Last != c.last || missing.Root {
			t.Errorf("%s: missing %s (last %v), want %s (last %v)", c.parts, missing.Path, missing.Last, c.path, c.last)
		}
	}
}

func TestLookup_noSuchRoot(t *testing.T) {
	_, err := fsx.Lookup(fsx.Dir(filepath.Join(t.TempDir(), "none")), "f")
	var missing *fsx.MissingError
	if !errors.As(err, &missing) || missing.Last || !missing.Root {
		t.Errorf("got %v, want a MissingError for the directory", err)
	}
}

// A file where a directory belongs must not pass for "not found": the user's
// path is wrong, not the store empty.
func TestLookup_throughFile(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "file"), "x")
	for name, fsys := range map[string]fs.FS{
		"inside a directory": fsx.Dir(dir), "inside a map": tree("file"),
	} {
		_, err := fsx.Lookup(fsys, "file", "f.pdb")
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v, want an error that says it is no directory", name, err)
		}
	}
	_, err := fsx.Lookup(fsx.Dir(filepath.Join(dir, "file")), "f.pdb")
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("as the root: %v, want an error that says it is no directory", err)
	}
}

func TestLookup_invalidPart(t *testing.T) {
	for _, part := range []string{"", ".", "..", "a/b", "/"} {
		if name, err := fsx.Lookup(tree("a/b"), part); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("%q: %q, %v", part, name, err)
		}
	}
}

// On a file system that ignores case the exact spelling and the listed one are
// one file; foldFS stands in for such a system.
type foldFS struct{ fstest.MapFS }

func (f foldFS) Open(name string) (fs.File, error) {
	for have := range f.MapFS {
		if strings.EqualFold(have, name) {
			return f.MapFS.Open(have)
		}
	}
	return f.MapFS.Open(name)
}

func (f foldFS) Stat(name string) (fs.FileInfo, error) { return statByOpen(f, name) }

func statByOpen(f fs.FS, name string) (fs.FileInfo, error) {
	file, err := f.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return file.Stat()
}

func TestMatches_caseInsensitiveSystem(t *testing.T) {
	names, errs := matches(foldFS{tree("Fs_Rec.pdb")}, "fs_rec.pdb")
	if len(names) != 1 || names[0] != "fs_rec.pdb" || len(errs) != 0 {
		t.Errorf("got %v, %v; want the one file once", names, errs)
	}
}

func TestMatches_manySpellingsAreBounded(t *testing.T) {
	const letters = "abcdef"
	fsys := fstest.MapFS{}
	for mask := range 1 << len(letters) {
		name := []byte(letters)
		for i := range name {
			if mask>>i&1 == 1 {
				name[i] -= 'a' - 'A'
			}
		}
		fsys[string(name)+"/none"] = &fstest.MapFile{}
	}
	names, _ := matches(fsys, letters)
	if len(names) != 17 || names[0] != letters { // the exact one and 16 more
		t.Errorf("%d names, first %s", len(names), names[0])
	}
}

func TestLookup_exactReadsNoDirectory(t *testing.T) {
	opened := &countFS{MapFS: tree("d/f")}
	if name, err := fsx.Lookup(opened, "d", "f"); name != "d/f" || err != nil {
		t.Fatal(name, err)
	}
	if opened.opens != 0 {
		t.Errorf("%d directories were opened for an exact name", opened.opens)
	}
}

type countFS struct {
	fstest.MapFS
	opens int
}

func (c *countFS) Open(name string) (fs.File, error) {
	c.opens++
	return c.MapFS.Open(name)
}

func (c *countFS) Stat(name string) (fs.FileInfo, error) { return fs.Stat(c.MapFS, name) }
