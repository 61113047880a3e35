package sympath_test

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/symres/symres/sympath"
)

// recursive is a path whose directories are these file systems.
func recursive(t *testing.T, path string, dirs map[string]fstest.MapFS) sympath.Store {
	t.Helper()
	return mustParse(t, path).Store(sympath.Options{Recursive: true, Dir: func(dir string) (fs.FS, error) {
		return dirs[dir], nil
	}})
}

func TestStore_recursive(t *testing.T) {
	dirs := map[string]fstest.MapFS{
		"a": files("system32/drivers/Fs_Rec.SYS", "deep/er/fs_rec.sys", "fs_rec.sys.old", "z/fs_rec.sys"),
		"b": files("fs_rec.sys"),
		"c": files("pingme.txt", "x/fs_rec.sys"),
		"d": {},
	}
	store := recursive(t, "a;b;c;d", dirs)
	got, miss := searchAll(t, store, sympath.Query{File: "fs_rec.sys"})
	want := "a/z/fs_rec.sys a/deep/er/fs_rec.sys a/system32/drivers/Fs_Rec.SYS b/fs_rec.sys"
	if strings.Join(got, " ") != want {
		t.Errorf("found %v, want %s", got, want)
	}
	for _, line := range []string{"c/fs_rec.sys/*/fs_rec.sys not found", "d/.../fs_rec.sys not found"} {
		if !strings.Contains(attempts(miss), line) {
			t.Errorf("attempts\n%s\nwithout %s", attempts(miss), line)
		}
	}
	// The symbol path is not like that.
	plain := mustParse(t, "a").Store(sympath.Options{Dir: func(dir string) (fs.FS, error) { return dirs[dir], nil }})
	if got, _ := searchAll(t, plain, sympath.Query{File: "fs_rec.sys"}); len(got) != 0 {
		t.Errorf("found %v below a directory of the symbol path", got)
	}
}

func TestStore_recursiveIsBounded(t *testing.T) {
	tree := fstest.MapFS{}
	for i := range 10_010 {
		tree[fmt.Sprintf("d%05d", i)] = &fstest.MapFile{Mode: fs.ModeDir}
	}
	_, miss := searchAll(t, recursive(t, "a", map[string]fstest.MapFS{"a": tree}), sympath.Query{File: "x.dll"})
	if got := attempts(miss); got != "a/.../x.dll error" {
		t.Errorf("attempts %q, want an error that says so", got)
	}
}
