package sympath_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/symres/symres/internal/fsx"
	"github.com/symres/symres/sympath"
)

func put(t *testing.T, parts ...string) string {
	t.Helper()
	path := filepath.Join(parts...)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("content"), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// Whatever stands where a file should be, the search says so and goes on.
func TestStore_onDisk(t *testing.T) {
	dir := t.TempDir()
	file := put(t, dir, "file")
	if err := os.MkdirAll(filepath.Join(dir, "directory", "Fs_Rec.pdb"), 0o755); err != nil {
		t.Fatal(err)
	}
	put(t, dir, "good", "SYS", "fs_rec.PDB")
	path := strings.Join([]string{file, filepath.Join(dir, "none"), filepath.Join(dir, "directory"), filepath.Join(dir, "good")}, ";")
	store := mustParse(t, path).Store(sympath.Options{})
	got, miss := searchAll(t, store, sympath.Query{File: "Fs_Rec.pdb", ImageExt: "sys"})
	if len(got) != 1 || !strings.HasPrefix(got[0], filepath.Join(dir, "good")) {
		t.Errorf("found %v", got)
	}
	status := map[string]sympath.Status{}
	for _, a := range miss.Attempts {
		if status[a.Store] == sympath.StatusUnknown {
			status[a.Store] = a.Status
		}
		if a.Store == file && (a.Status != sympath.StatusError || a.Err == nil || errors.Is(a.Err, fs.ErrNotExist)) {
			t.Errorf("through a regular file: %v", a)
		}
		if a.Location == filepath.Join(dir, "directory", "Fs_Rec.pdb") && !errors.Is(a.Err, fsx.ErrNotRegular) {
			t.Errorf("a directory where the file should be: %v", a)
		}
	}
	for name, want := range map[string]sympath.Status{
		"none": sympath.StatusPathNotFound, "directory": sympath.StatusError, "good": sympath.StatusNotFound,
	} {
		if got := status[filepath.Join(dir, name)]; got != want {
			t.Errorf("%s: first status %q, want %q", name, got, want)
		}
	}
}

func TestStore_candidateGone(t *testing.T) {
	dir := t.TempDir()
	path := put(t, dir, "a.pdb")
	for c, err := range mustParse(t, dir).Store(sympath.Options{}).Find(context.Background(), sympath.Query{File: "a.pdb"}) {
		if err != nil {
			t.Fatal(err)
		}
		f, err := c.Open(context.Background())
		if err != nil || f.Size() != 7 {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := f.ReadAt(make([]byte, 1), 0); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("read after Close: %v", err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Open(context.Background()); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("after removal: %v", err)
		}
		break
	}
}

func TestStore_drivePath(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("drive paths are real on Windows; run this test on another system")
	}
	t.Chdir(t.TempDir())
	put(t, `C:\sym`, "a.pdb") // what a careless join would find
	got, miss := searchAll(t, mustParse(t, `C:\sym;srv*d:\store`).Store(sympath.Options{}), ntdll(t))
	if len(got) != 0 || len(miss.Attempts) != 2 {
		t.Fatalf("found %v with %d attempts", got, len(miss.Attempts))
	}
	for _, a := range miss.Attempts {
		if a.Status != sympath.StatusPathNotFound || a.Err == nil || !strings.Contains(a.Err.Error(), "Windows drive path") {
			t.Errorf("attempt %v", a)
		}
	}
}

func TestDefaultCache(t *testing.T) {
	env := map[string]string{"DBGHELP_HOMEDIR": filepath.Join("home", "dbg")}
	dir, err := sympath.DefaultCache(func(k string) string { return env[k] })
	if want := filepath.Join("home", "dbg", "sym"); dir != want || err != nil {
		t.Errorf("with DBGHELP_HOMEDIR: %s, %v; want %s", dir, err, want)
	}
	base := t.TempDir()
	for _, name := range []string{"XDG_CACHE_HOME", "LocalAppData", "HOME"} {
		t.Setenv(name, base)
	}
	dir, err = sympath.DefaultCache(func(string) string { return "" })
	if err != nil || !strings.HasPrefix(dir, base) || !strings.HasSuffix(dir, filepath.Join("symres", "sym")) {
		t.Errorf("without: %s, %v", dir, err)
	}
	store := mustParse(t, "srv*").Store(sympath.Options{Getenv: func(k string) string { return env[k] }})
	if _, miss := searchAll(t, store, ntdll(t)); !strings.HasPrefix(miss.Attempts[0].Location, filepath.Join("home", "dbg", "sym")) {
		t.Errorf("default store at %s", miss.Attempts[0].Location)
	}
}

func TestDefaultCache_none(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Setenv("LocalAppData", "")
	}
	t.Setenv("XDG_CACHE_HOME", "")
	t.Setenv("HOME", "")
	empty := func(string) string { return "" }
	if dir, err := sympath.DefaultCache(empty); err == nil {
		t.Errorf("without any home: %s", dir)
	}
	_, miss := searchAll(t, mustParse(t, "cache*").Store(sympath.Options{Getenv: empty}), ntdll(t))
	if len(miss.Attempts) != 1 || miss.Attempts[0].Status != sympath.StatusError || miss.Attempts[0].Err == nil {
		t.Errorf("attempts %v", miss.Attempts)
	}
}

func TestIsShare(t *testing.T) {
	for path, want := range map[string]bool{
		`//server/share`: true, `\/server\x`: true, `\\server\x`: true, `\\?\unc\server\x`: true, `//./UNC/s`: true,
		`C:\x`: false, `\\?\C:\x`: false, `/mnt/x`: false, `x//y`: false, ``: false,
	} {
		if got := sympath.IsShare(path); got != want {
			t.Errorf("%s is a share: %v, want %v", path, got, want)
		}
	}
}

// An entry that somebody shortens while it is read gives an error: it is read,
// not mapped.
func TestCache_shrinksWhileRead(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, 1)
	for c, err := range mustParse(t, "srv*"+dir).Store(defaults()).Find(t.Context(), query(1)) {
		if err != nil {
			t.Fatal(err)
		}
		f, err := c.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := os.Truncate(c.Location, 100); err != nil {
			t.Fatal(err)
		}
		if n, err := f.ReadAt(make([]byte, 50), 5000); err == nil {
			t.Errorf("%d bytes behind the end", n)
		}
		return
	}
	t.Fatal("not found")
}
