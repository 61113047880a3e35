package sympath_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/symres/symres/sympath"
)

func TestCache_Add(t *testing.T) {
	dir := t.TempDir()
	cache := sympath.NewCache(dir, sympath.Options{Verify: verify})
	data := symbolFile(idOf(1), 5000)
	add := func(name string, data []byte) (sympath.Added, error) {
		return cache.Add(t.Context(), name, bytes.NewReader(data), int64(len(data)), "usb")
	}
	got, err := add(`D:\usb\f.pdb`, data)
	want := sympath.Added{ID: idOf(1), Location: filepath.Join(dir, "f.pdb", "A00000011", "f.pdb"), Size: 5000, New: true}
	if got != want || err != nil {
		t.Fatalf("%+v, %v; want %+v", got, err, want)
	}
	if b, err := os.ReadFile(got.Location); err != nil || !bytes.Equal(b, data) {
		t.Errorf("other content, %v", err)
	}
	if again, err := add("F.PDB", data); again.New || again.Location != got.Location || err != nil {
		t.Errorf("a second time: %+v, %v", again, err)
	}
	if g, err := add("g.pdb", gz(symbolFile(idOf(2), 300))); !g.New || g.Size != 300 || err != nil {
		t.Errorf("compressed: %+v, %v", g, err)
	}
	other := bytes.Clone(data)
	other[4999]++
	for _, c := range []struct {
		data []byte
		same bool
	}{{data, true}, {gz(data), true}, {other, false}, {data[:4999], false}} {
		if same, err := cache.Same(t.Context(), got, "f.pdb", bytes.NewReader(c.data), int64(len(c.data))); same != c.same || err != nil {
			t.Errorf("%d bytes: same %v, %v", len(c.data), same, err)
		}
	}
	for name, c := range map[string]struct {
		data []byte
		want error
	}{
		"empty.pdb": {nil, sympath.ErrMismatch},
		"page.pdb":  {[]byte("<html>"), sympath.ErrMismatch},
		"nul":       {data, sympath.ErrBadName},
	} {
		if _, err := add(name, c.data); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := cache.Add(canceled, "h.pdb", bytes.NewReader(data), 5000, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	if err := os.WriteFile(got.Location, other, 0o600); err != nil {
		t.Fatal(err)
	}
	if same, err := cache.Same(t.Context(), got, "f.pdb", bytes.NewReader(other), 5000); same || !errors.Is(err, sympath.ErrMismatch) {
		t.Errorf("an entry that was changed: same %v, %v", same, err)
	}
	entries := 0
	for _, name := range listing(t, dir) {
		if !strings.HasPrefix(name, ".symres/") {
			entries++
		}
	}
	if entries != 2 {
		t.Errorf("%d entries, want the two that are good: %v", entries, listing(t, dir))
	}
}

func TestPath_Caches(t *testing.T) {
	a, b, c := t.TempDir(), t.TempDir(), t.TempDir()
	path := mustParse(t, "cache*"+a+";srv*"+b+"*"+c+"*https://h;srv*"+b+`*\\s\h;plain;srv*https://h`)
	var got []string
	for _, cache := range path.Caches(sympath.Options{Cache: filepath.Join(c, "default")}) {
		got = append(got, cache.Dir())
	}
	if want := strings.Join([]string{a, b, c, filepath.Join(c, "default")}, " "); strings.Join(got, " ") != want {
		t.Errorf("caches %v, want %s", got, want)
	}
}

func TestParseKey(t *testing.T) {
	for _, c := range []struct{ file, key, want string }{
		{"f.pdb", "0f7fcf88442f4b0e9fb51dc4a754d9de2", "PDB 7.0"},
		{"f.pdb", "3B7D82D31", "PDB 2.0"},
		{"f.sys", "542D574Ec2000", "image"},
		{"f.dbg", "37cdb03962040", "DBG"},
		{"f.sys", "542D574E", ""},
		{"f.sys", "xyz", ""},
		{"f.pdb", "../x", ""},
		{"f.pdb", "0f7fcf88442f4b0e9fb51dc4a754d9de02", ""},
	} {
		id, ok := sympath.ParseKey(c.file, c.key)
		if ok != (c.want != "") || ok && (id.Kind().String() != c.want || !strings.EqualFold(id.Key(), c.key)) {
			t.Errorf("%s %s: %v (%v), %v; want %s", c.file, c.key, id, id.Kind(), ok, c.want)
		}
	}
}
