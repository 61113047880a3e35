package sympath_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/symres/symres/sympath"
)

func fill(t *testing.T, dir string, ids ...uint32) {
	t.Helper()
	o := serving(ids...)
	store := o.store(t, "srv*"+dir+"*https://symbols.test", defaults())
	for _, n := range ids {
		mustFind(t, store, query(n))
	}
}

func TestTrim(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, 1, 2, 3)
	place(t, dir, "notes.txt", []byte("mine"))
	place(t, dir, "photos/2026/beach.jpg", []byte("mine"))
	place(t, dir, "f.pdb/A00000011/readme.txt", []byte("mine"))
	age := func(n string, d time.Duration) {
		when := time.Now().Add(-d)
		if err := os.Chtimes(filepath.Join(dir, ".symres/meta/f.pdb", n+".json"), when, when); err != nil {
			t.Fatal(err)
		}
	}
	age("A00000011", 72*time.Hour)
	age("A00000021", 24*time.Hour)
	place(t, dir, ".symres/quarantine/g.pdb/1/g.pdb", make([]byte, 5000))
	cache := sympath.NewCache(dir, sympath.Options{Verify: verify})
	trim := func(o sympath.TrimOptions, want sympath.TrimReport) {
		t.Helper()
		if got, err := cache.Trim(context.Background(), o); got != want || err != nil {
			t.Errorf("%+v: %+v, %v; want %+v", o, got, err, want)
		}
	}
	trim(sympath.TrimOptions{}, sympath.TrimReport{Kept: 4, KeptBytes: 35000})
	trim(sympath.TrimOptions{MaxBytes: 30000}, sympath.TrimReport{Kept: 3, KeptBytes: 30000, Removed: 1, RemovedBytes: 5000})
	trim(sympath.TrimOptions{MaxAge: 48 * time.Hour}, sympath.TrimReport{Kept: 2, KeptBytes: 20000, Removed: 1, RemovedBytes: 10000})
	trim(sympath.TrimOptions{MaxBytes: 15000}, sympath.TrimReport{Kept: 1, KeptBytes: 10000, Removed: 1, RemovedBytes: 10000})
	want := ".symres/meta/f.pdb/A00000031.json f.pdb/A00000011/readme.txt f.pdb/A00000031/f.pdb notes.txt photos/2026/beach.jpg"
	if got := strings.Join(listing(t, dir), " "); got != want {
		t.Errorf("left %s\nwant %s", got, want)
	}
	if _, err := sympath.NewCache(filepath.Join(dir, "none"), defaults()).Trim(context.Background(), sympath.TrimOptions{}); err == nil {
		t.Error("trimmed a cache that is not there")
	}
}

func TestTrim_misses(t *testing.T) {
	dir := t.TempDir()
	o := serving()
	search(context.Background(), o.store(t, "srv*"+dir+"*https://symbols.test", sympath.Options{MissTTL: time.Nanosecond}), query(1))
	search(context.Background(), o.store(t, "srv*"+dir+"*https://symbols.test", defaults()), query(2))
	cache := sympath.NewCache(dir, defaults())
	if _, err := cache.Trim(context.Background(), sympath.TrimOptions{}); err != nil {
		t.Error(err)
	}
	if got := listing(t, dir); len(got) != 1 {
		t.Errorf("left %v, want the miss that still holds", got)
	}
}

func TestVerify(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, 1, 2, 3)
	place(t, dir, "f.pdb/A00000011/f.pdb", symbolFile(idOf(1), 10000)[:9999]) // cut
	place(t, dir, "g.pdb/A00000011/g.pdb", nil)                               // WinDbg's own damage
	place(t, dir, "h.pdb/A00000011/h.pdb", []byte("<html>"))                  // a page
	place(t, dir, "i.pdb/A00000011/i.pdb", symbolFile(idOf(2), 100))          // another file
	place(t, dir, "j.pdb/A00000011/j.pd_", gz(symbolFile(idOf(1), 100)))      // good
	place(t, dir, "k.pdb/A00000011/k.pd_", gz(symbolFile(idOf(1), 100))[:20]) // cut
	guid := mustGUID(t, ntdllGUID)
	place(t, dir, "ntdll.pdb/"+key2+"/ntdll.pdb", symbolFile(sympath.PDB70(guid, 2), 100)) // good
	place(t, dir, "x.dll/5FDA21D230000/x.dll", symbolFile(sympath.Image(0x5FDA21D2, 0x30000), 100))
	cache := sympath.NewCache(dir, sympath.Options{Verify: verify})
	bad := map[string]bool{}
	good := 0
	for f, err := range cache.Verify(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		if f.Err == nil {
			good++
			continue
		}
		rel, _ := filepath.Rel(dir, f.Location)
		bad[filepath.ToSlash(rel)] = f.Moved != ""
		if f.Moved == "" {
			t.Errorf("%s was left: %v", rel, f.Err)
		}
	}
	for _, name := range []string{"f.pdb/A00000011/f.pdb", "g.pdb/A00000011/g.pdb", "h.pdb/A00000011/h.pdb", "i.pdb/A00000011/i.pdb", "k.pdb/A00000011/k.pd_"} {
		if _, ok := bad[name]; !ok {
			t.Errorf("%s passed", name)
		}
		delete(bad, name)
	}
	if good != 5 || len(bad) != 0 {
		t.Errorf("%d good entries, want 5; also bad: %v", good, bad)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, err := range cache.Verify(ctx) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("canceled: %v", err)
		}
	}
}

// Content that still has the right identity and length, but not the bytes it
// was filed with.
func TestVerify_changedBytes(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, 1)
	path := filepath.Join(dir, "f.pdb/A00000011/f.pdb")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)-1] ^= 1
	os.WriteFile(path, data, 0o600)
	cache := sympath.NewCache(dir, sympath.Options{})
	n := 0
	for f, err := range cache.Verify(context.Background()) {
		if n++; err != nil || !errors.Is(f.Err, sympath.ErrMismatch) || f.Moved == "" {
			t.Errorf("%+v, %v; want ErrMismatch", f, err)
		}
	}
	if n != 1 {
		t.Errorf("%d entries", n)
	}
}
