package sympath_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/symres/symres/sympath"
)

// build puts a file of a build into a store, made so many hours ago.
func build(fsys fstest.MapFS, name string, hours int) {
	made := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(-time.Duration(hours) * time.Hour)
	fsys[name] = &fstest.MapFile{Data: []byte(name), ModTime: made}
	fsys[name[:strings.LastIndexByte(name, '/')]] = &fstest.MapFile{Mode: os.ModeDir | 0o755, ModTime: made}
}

// A store is asked by name when there is no key: all builds are offered, the
// newest first, in one layout or the other, in any spelling, compressed or not,
// and none of them as found by a key.
func TestSearchByName(t *testing.T) {
	for _, tier := range []string{"", "a./"} {
		store := fstest.MapFS{}
		if tier != "" {
			store["index2.txt"] = &fstest.MapFile{}
		}
		build(store, tier+"A.SYS/5FDA21D230000/a.sys", 5)
		build(store, tier+"A.SYS/4FDA21D230000/a.sys", 1)
		build(store, tier+"A.SYS/3FDA21D230000/A.sy_", 3)
		build(store, tier+"A.SYS/not a key/a.sys", 0)
		build(store, tier+"A.SYS/2FDA21D230000/b.sys", 0)
		build(store, tier+"B.SYS/1FDA21D230000/a.sys", 0)
		store[tier+"A.SYS/3FDA21D230000/A.sy_"].Data = gzipped(t, "a driver")
		var found []string
		for c, err := range sympath.Symsrv("S", store).Find(context.Background(), sympath.Query{File: "a.sys"}) {
			if err != nil {
				continue
			}
			found = append(found, c.Location)
			if c.Origin != sympath.OriginDir {
				t.Errorf("%s: origin %v claims a key", c.Location, c.Origin)
			}
			f, err := c.Open(context.Background())
			if err != nil {
				t.Error(err)
				continue
			}
			f.Close()
		}
		want := []string{"S/" + tier + "A.SYS/4FDA21D230000/a.sys", "S/" + tier + "A.SYS/3FDA21D230000/A.sy_", "S/" + tier + "A.SYS/5FDA21D230000/a.sys"}
		if !slices.Equal(found, want) {
			t.Errorf("found %q, want %q", found, want)
		}
	}
}

func gzipped(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The number of builds that are offered is bounded, and it is said that there
// are more.
func TestSearchByName_bounded(t *testing.T) {
	store := fstest.MapFS{}
	for i := range 200 {
		build(store, fmt.Sprintf("a.sys/%08X1000/a.sys", i+1), i)
	}
	got, miss := searchAll(t, sympath.Symsrv("S", store), sympath.Query{File: "a.sys"})
	if len(got) != 64 || got[0] != "S/a.sys/000000011000/a.sys" || got[63] != "S/a.sys/000000401000/a.sys" {
		t.Errorf("%d builds: %q", len(got), got)
	}
	last := miss.Attempts[len(miss.Attempts)-1]
	if !errors.Is(last.Err, sympath.ErrTooMany) || last.Status != sympath.StatusError {
		t.Errorf("%v", last)
	}
}

// A build that lies in a cache and in the store that filled it is offered once,
// and nothing that was found by name is copied into a cache.
func TestSearchByName_onceAndNotCopied(t *testing.T) {
	cache, store := t.TempDir(), t.TempDir()
	fill(t, cache, 1)
	for n := range uint32(3) {
		key := query(n + 1).ID.Key()
		data, err := os.ReadFile(filepath.Join(cache, "f.pdb", query(1).ID.Key(), "f.pdb"))
		if err != nil {
			t.Fatal(err)
		}
		place(t, store, "f.pdb/"+key+"/f.pdb", data)
	}
	before := listing(t, cache)
	got, _ := searchAll(t, mustParse(t, "srv*"+cache+"*"+store).Store(sympath.Options{Verify: verify}), sympath.Query{File: "f.pdb"})
	if len(got) != 3 || !strings.HasPrefix(got[0], cache) {
		t.Errorf("found %q, want that of the cache and two of the store", got)
	}
	for c, err := range mustParse(t, "srv*"+cache+"*"+store).Store(sympath.Options{Verify: verify}).Find(context.Background(), sympath.Query{File: "f.pdb"}) {
		if err == nil {
			content(t, c) // which is when a copy is made
		}
	}
	if after := listing(t, cache); !slices.Equal(before, after) {
		t.Errorf("the cache held %q, and then %q", before, after)
	}
}

// An entry of a cache that is not what its key says is put away, not offered.
func TestSearchByName_badEntry(t *testing.T) {
	cache := t.TempDir()
	fill(t, cache, 1)
	place(t, cache, "f.pdb/"+query(2).ID.Key()+"/f.pdb", []byte("not a PDB"))
	got, _ := searchAll(t, mustParse(t, "cache*"+cache).Store(sympath.Options{Verify: verify}), sympath.Query{File: "f.pdb"})
	if len(got) != 1 || !strings.Contains(got[0], query(1).ID.Key()) {
		t.Errorf("found %q", got)
	}
}

// A store on a file system that tells cases apart has a name in lower case
// where the record says it in capitals.
func TestCase_localStore(t *testing.T) {
	id := query(1).ID
	for _, name := range []string{"systeminformer.pdb", "SYSTEMINFORMER.PDB", "SystemInformer.pdb"} {
		for _, key := range []string{id.Key(), strings.ToLower(id.Key())} {
			dir := t.TempDir()
			place(t, dir, name+"/"+key+"/"+name, []byte("x"))
			got, miss := searchAll(t, mustParse(t, "srv*"+dir).Store(sympath.Options{}), sympath.Query{File: "SystemInformer.pdb", ID: id})
			if len(got) != 1 {
				t.Errorf("%s/%s: %v", name, key, miss.Attempts)
			}
		}
	}
}
