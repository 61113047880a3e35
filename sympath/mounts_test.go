package sympath_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/symres/symres/sympath"
)

func TestMounts(t *testing.T) {
	dir := t.TempDir()
	place(t, dir, "Symbols/X86fre/f.pdb", []byte("by name"))
	place(t, dir, "store/F.PDB/a00000011/F.pdb", []byte("by key"))
	place(t, dir, "secret/f.pdb", []byte("not below the second mount"))
	var mounts sympath.Mounts
	for _, text := range []string{`\\myserver\myshare=` + dir, `//other/share/Symbols=` + dir + `/Symbols`} {
		m, err := sympath.ParseMount(text)
		if err != nil {
			t.Fatal(err)
		}
		mounts = append(mounts, m)
	}
	refused := errors.New("for somebody else")
	hook := mounts.UNC(func(sympath.Element) (sympath.Store, error) { return nil, refused })
	for path, want := range map[string]string{
		`\\MyServer\MYSHARE\symbols\x86FRE`:      "by name",
		`srv*\\myserver\myshare\STORE`:           "by key",
		`\\other\share\symbols\x86fre`:           "by name",
		`\\other\share\secret`:                   "",
		`\\other\share\symbols\..\secret`:        "",
		`\\myserver\myshare\symbols\..\secret`:   "",
		`\\myserver\myshare2\symbols\x86fre`:     "",
		`\\myserver.test\myshare\symbols\x86fre`: "",
		`\\myserver\myshare\none`:                "-",
		`\\myserver\myshare/symbols/x86fre`:      "by name",
	} {
		got := ""
		store := mustParse(t, path).Store(sympath.Options{UNC: hook})
		locations, miss := searchAll(t, store, query(1))
		for c, err := range store.Find(t.Context(), query(1)) {
			if err == nil {
				got = content(t, c)
				if (c.Origin == sympath.OriginUNC) != strings.HasPrefix(path, "srv*") {
					t.Errorf("%s: origin %v", path, c.Origin)
				}
				break
			}
		}
		if want == "-" {
			if miss.Attempts[0].Status != sympath.StatusPathNotFound {
				t.Errorf("%s: %v", path, miss.Attempts)
			}
			continue
		}
		if got != want || want == "" && !errors.Is(miss.Attempts[0].Err, refused) {
			t.Errorf("%s: %q at %v, want %q: %v", path, got, locations, want, miss)
		}
	}
	for _, text := range []string{"", `\\server=/mnt`, `\\server\share`, `\\server\share=`, `server\share=/mnt`, `\\server\..=/mnt`, `\\server\share\..\x=/mnt`} {
		if m, err := sympath.ParseMount(text); !errors.Is(err, sympath.ErrMount) {
			t.Errorf("%q: %v, %v", text, m, err)
		}
	}
	_, miss := searchAll(t, mustParse(t, `\\a\b`).Store(sympath.Options{UNC: sympath.Mounts(nil).UNC(nil)}), query(1))
	if a := miss.Attempts[0]; a.Status != sympath.StatusUnsupported || !strings.Contains(a.Err.Error(), "mounted nowhere") {
		t.Errorf("%v", a)
	}
}

// A keyed share with a cache to its left is copied into it; a plain one, by
// what it turns out to be.
func TestShare_fillsCaches(t *testing.T) {
	dir := t.TempDir()
	want := symbolFile(idOf(1), 3<<20)
	place(t, dir, "store/f.pdb/A00000011/f.pd_", cabinet(t, want))
	place(t, dir, "plain/f.pdb", want)
	hook := sympath.Mounts{{Share: []string{"s", "s"}, Dir: dir}}.UNC(nil)
	for _, path := range []string{`srv*CACHE*\\s\s\store`, `cache*CACHE;\\s\s\plain`} {
		cache := t.TempDir()
		path = strings.Replace(path, "CACHE", cache, 1)
		got := mustFind(t, mustParse(t, path).Store(sympath.Options{UNC: hook, Verify: verify}), query(1))
		if string(got.data) != string(want) {
			t.Errorf("%s: %d bytes", path, len(got.data))
		}
		if files := listing(t, cache); !slices.Contains(files, "f.pdb/A00000011/f.pdb") {
			t.Errorf("%s: in the cache: %v", path, files)
		}
	}
	// What is not there is looked for again: a share is asked cheaply.
	store := mustParse(t, "srv*"+t.TempDir()+`*\\s\s\store`).Store(sympath.Options{UNC: hook, Verify: verify})
	if got := search(t.Context(), store, query(2)); got.err == nil {
		t.Error("found what is not there")
	}
	place(t, dir, "store/f.pdb/A00000021/f.pdb", symbolFile(idOf(2), 100))
	mustFind(t, store, query(2))
}
