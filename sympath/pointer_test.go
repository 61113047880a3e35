package sympath_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/symres/symres/sympath"
)

// A file.ptr is followed into the other elements of the path, and nowhere else.
func TestPointer(t *testing.T) {
	base := t.TempDir()
	want := symbolFile(idOf(1), 1000)
	place(t, base, "builds/7/f.pdb", want)
	place(t, base, "builds/7/f.pd_", cabinet(t, want))
	place(t, base, "share/out/F.PDB", want)
	place(t, base, "secret/f.pdb", want)
	place(t, base, "builds-not/f.pdb", want)
	if err := os.Symlink(filepath.Join(base, "secret"), filepath.Join(base, "store-link")); err != nil && runtime.GOOS != "windows" {
		t.Fatal(err)
	}
	hook := sympath.Mounts{{Share: []string{"srv", "share"}, Dir: filepath.Join(base, "share")}}.UNC(nil)
	for text, c := range map[string]struct {
		found  bool
		status sympath.Status
		err    error
	}{
		"PATH:BASE/builds/7/f.pdb":           {true, sympath.StatusPointer, nil},
		"path: BASE/builds/7/f.pdb \r\nmore": {true, sympath.StatusPointer, nil},
		"PATH:BASE/builds/7/f.pd_":           {true, sympath.StatusPointer, nil},
		`PATH:\\SRV\Share\OUT\f.pdb`:         {true, sympath.StatusPointer, nil},
		`\\srv\share\out\f.pdb`:              {true, sympath.StatusPointer, nil},
		"PATH:BASE/builds/7/none.pdb":        {false, sympath.StatusPointer, nil},
		"PATH:BASE/builds/7":                 {false, sympath.StatusPointer, nil},
		"PATH:BASE/secret/f.pdb":             {false, sympath.StatusRefused, sympath.ErrPointer},
		"PATH:BASE/builds/../secret/f.pdb":   {false, sympath.StatusRefused, sympath.ErrPointer},
		"PATH:BASE/builds//secret/f.pdb":     {false, sympath.StatusRefused, sympath.ErrPointer},
		"PATH:BASE/builds-not/f.pdb":         {false, sympath.StatusRefused, sympath.ErrPointer},
		"PATH:BASE/builds":                   {false, sympath.StatusRefused, sympath.ErrPointer},
		"PATH:BASE/cache/f.pdb":              {false, sympath.StatusRefused, sympath.ErrPointer},
		`\\evil.test\share\out\f.pdb`:        {false, sympath.StatusRefused, sympath.ErrPointer},
		`PATH:\\srv\share2\out\f.pdb`:        {false, sympath.StatusRefused, sympath.ErrPointer},
		`PATH:\\srv\share\..\x\f.pdb`:        {false, sympath.StatusRefused, sympath.ErrPointer},
		`PATH:\\?\UNC\srv\share\out\f.pdb`:   {false, sympath.StatusRefused, sympath.ErrPointer},
		"PATH:https://evil.test/f.pdb":       {false, sympath.StatusRefused, sympath.ErrPointer},
		"MSG: gone,\x1b[31m ask ann":         {false, sympath.StatusNotFound, nil},
		"PATH:":                              {false, sympath.StatusError, nil},
		"PATH:BASE/builds/7/f.pdb\x01":       {false, sympath.StatusError, nil},
		"BASE/builds/7/f.pdb":                {false, sympath.StatusError, nil},
		"":                                   {false, sympath.StatusError, nil},
		"PATH:" + strings.Repeat("x", 5000):  {false, sympath.StatusError, sympath.ErrTooLarge},
	} {
		store := filepath.Join(t.TempDir(), "store")
		place(t, store, "f.pdb/A00000011/file.ptr", []byte(strings.ReplaceAll(text, "BASE", filepath.ToSlash(base))))
		path := "srv*" + filepath.Join(base, "cache") + "*" + store + ";" + filepath.Join(base, "builds") + `;\\srv\share`
		s := mustParse(t, path).Store(sympath.Options{UNC: hook})
		got := search(t.Context(), s, query(1))
		if (got.err == nil) != c.found || c.found && string(got.data) != string(want) {
			t.Errorf("%.60q: %d bytes, %v", text, len(got.data), got.err)
		}
		said := false
		for _, a := range got.attempts {
			if strings.HasSuffix(a.Location, "file.ptr") && a.Status != sympath.StatusNotFound && a.Status != sympath.StatusPathNotFound || a.Err != nil && strings.Contains(a.Err.Error(), "the store says: gone") {
				said = said || a.Status == c.status && (c.err == nil || errors.Is(a.Err, c.err))
			}
			if strings.Contains(a.String(), "\x1b") {
				t.Errorf("%q: %q", text, a)
			}
			for _, outside := range []string{"secret/f.pdb", "builds-not", "evil.test"} {
				if strings.Contains(a.Location, outside) {
					t.Errorf("%q: looked at %s", text, a.Location)
				}
			}
		}
		if !said {
			t.Errorf("%.60q: want %s, %v in %v", text, c.status, c.err, got.attempts)
		}
	}
}

// A pointer to a pointer is one too many, and a cache is no place for one.
func TestPointer_once(t *testing.T) {
	base := t.TempDir()
	place(t, base, "store/f.pdb/A00000011/file.ptr", []byte("PATH:"+filepath.ToSlash(base)+"/b/file.ptr"))
	place(t, base, "b/file.ptr", []byte("PATH:"+filepath.ToSlash(base)+"/b/f.pdb"))
	place(t, base, "cache/f.pdb/A00000021/file.ptr", []byte("PATH:"+filepath.ToSlash(base)+"/b/f.pdb"))
	place(t, base, "b/x/f.pdb", symbolFile(idOf(1), 100))
	path := "srv*" + base + "/cache*" + base + "/store;" + base + "/b"
	for n := uint32(1); n <= 2; n++ {
		got := search(t.Context(), mustParse(t, path).Store(sympath.Options{Verify: verify}), query(n))
		if got.err == nil && string(got.data) == string(symbolFile(idOf(1), 100)) {
			t.Errorf("%d: followed twice: %v", n, got.attempts)
		}
		if n == 2 && !strings.Contains(attempts(&sympath.NotFoundError{Attempts: got.attempts}), "refused") {
			t.Errorf("in a cache: %v", got.attempts)
		}
	}
}

// Whatever a pointer says, what is looked at is below the path.
func FuzzFilePtr(f *testing.F) {
	for _, seed := range []string{"PATH:BASE/b/f.pdb", `\\srv\share\f.pdb`, "MSG:x", "PATH:BASE/b/../c", "PATH:BASE/b/./f.pdb", `PATH:BASE/b\..\c`, "PATH:BASE/b/\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		base := filepath.ToSlash(t.TempDir())
		place(t, base, "store/f.pdb/A00000011/file.ptr", []byte(strings.ReplaceAll(text, "BASE", base)))
		store := mustParse(t, "srv*"+base+"/store;"+base+"/b").Store(sympath.Options{})
		for _, a := range search(t.Context(), store, query(1)).attempts {
			if !strings.HasPrefix(a.Location, base+"/store/f.pdb/A00000011/") && !strings.HasPrefix(a.Location, base+"/b/") || strings.Contains(a.Location, "/../") {
				t.Errorf("%q: looked at %s", text, a.Location)
			}
		}
	})
}
