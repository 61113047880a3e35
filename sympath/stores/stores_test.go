package stores_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/symres/symres/identify"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/sympath"
	"github.com/symres/symres/sympath/smb"
	"github.com/symres/symres/sympath/stores"
	"github.com/symres/symres/sympath/storetest"
)

// The environment of a program that has none.
func nothing(string) string { return "" }

func Example() {
	all := stores.New(stores.Config{Cache: "cache", Offline: true})
	defer all.Close()
	store, err := all.Open(`../../testdata/fs_rec/x64/good;srv**https://example.com/symbols`)
	if err != nil {
		fmt.Println(err)
		return
	}
	for found, err := range store.Find(context.Background(), sympath.Query{File: "fs_rec.sys"}) {
		if err != nil {
			fmt.Printf("%+v\n", err)
			continue
		}
		fmt.Println(found.Location)
	}
	// Output:
	// ../../testdata/fs_rec/x64/good/fs_rec.sys
	// fs_rec.sys: not found: 1 found, 2 not found, 1 path not found, 1 offline
	// DBGHELP: ../../testdata/fs_rec/x64/good/fs_rec.sys - OK
	// DBGHELP: ../../testdata/fs_rec/x64/good/sys/fs_rec.sys - file not found
	// DBGHELP: ../../testdata/fs_rec/x64/good/symbols/sys/fs_rec.sys - file not found
	// DBGHELP: cache/fs_rec.sys/*/fs_rec.sys - path not found
	// SYMSRV:  HTTPGET: https://example.com/symbols/fs_rec.sys - offline
}

// symbol is a PDB of testdata and what to ask for it by.
func symbol(t *testing.T) (sympath.Query, []byte) {
	t.Helper()
	data := fixture.Bytes(t, "fs_rec/x64/good/fs_rec.pdb")
	id, err := identify.FileID(sympath.Query{}, strings.NewReader(string(data)), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	return sympath.Query{File: "fs_rec.pdb", ID: id}, data
}

// TestOpen fetches from a server into the default cache, what is right and what
// is another file than its key says, and hears of it.
func TestOpen(t *testing.T) {
	q, data := symbol(t)
	wrong := sympath.Query{File: "fs_rec.pdb", ID: sympath.PDB20(0x3b7d82d3, 1)}
	var asked, events atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1); !strings.HasSuffix(r.URL.Path, ".pdb") || !strings.Contains(r.URL.Path, "fs_rec.pdb") {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Write(data)
	}))
	t.Cleanup(srv.Close)
	cache := t.TempDir()
	all := stores.New(stores.Config{Getenv: nothing, Cache: cache, Trace: &sympath.Trace{Event: func(sympath.Query, sympath.Event) { events.Add(1) }}})
	t.Cleanup(func() { all.Close() })
	store, err := all.Open("srv*" + srv.URL + "/symbols")
	if err != nil {
		t.Fatal(err)
	}
	if asked.Load() != 0 {
		t.Error("a server was asked before anything was looked for")
	}
	lacks := sympath.Query{File: "other.pdb", ID: q.ID}
	if err := storetest.TestStore(store, storetest.Has(q, data), storetest.Lacks(lacks), storetest.Lacks(wrong)); err != nil {
		t.Error(err)
	}
	kept, err := os.ReadFile(filepath.Join(cache, "fs_rec.pdb", q.ID.Key(), "fs_rec.pdb"))
	if err != nil || string(kept) != string(data) || events.Load() == 0 {
		t.Errorf("the cache holds %d bytes, %v; %d events", len(kept), err, events.Load())
	}
	if _, err := os.Stat(filepath.Join(cache, "fs_rec.pdb", wrong.ID.Key())); err == nil {
		t.Error("the cache holds a file that is another than its key says")
	}
	if err := errors.Join(all.Close(), all.Close()); err != nil {
		t.Error(err)
	}
}

// TestOpenImages: plain directories of an image path are searched whole.
func TestOpenImages(t *testing.T) {
	all := stores.New(stores.Config{Getenv: nothing})
	t.Cleanup(func() { all.Close() })
	dir := filepath.Dir(filepath.Dir(filepath.Dir(fixture.Path(t, "fs_rec/x64/good/fs_rec.sys"))))
	for open, want := range map[*func(string) (sympath.Store, error)]bool{ptr(all.Open): false, ptr(all.OpenImages): true} {
		store, err := (*open)(dir)
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, err := range store.Find(t.Context(), sympath.Query{File: "fs_rec.sys"}) {
			found = found || err == nil
		}
		if found != want {
			t.Errorf("found: %v, want %v", found, want)
		}
	}
	for _, open := range []func(string) (sympath.Store, error){all.Open, all.OpenImages} {
		if _, err := open("svr*x"); err == nil {
			t.Error("no error for what is no path")
		}
	}
}

func ptr[T any](v T) *T { return &v }

// TestShares: mounted ones are read where they are, then comes the hook of the
// configuration, else the SMB client, which has no credential here.
func TestShares(t *testing.T) {
	q, data := symbol(t)
	dir := filepath.Dir(fixture.Path(t, "fs_rec/x64/good/fs_rec.pdb"))
	m, err := sympath.ParseMount(`\\mounted\share=` + dir)
	if err != nil {
		t.Fatal(err)
	}
	own := func(e sympath.Element) (sympath.Store, error) { return sympath.Dir(e.Text, os.DirFS(dir)), nil }
	lost := errors.New("nowhere")
	for name, c := range map[string]struct {
		cfg  stores.Config
		path string
		err  error
	}{
		"mounted":     {stores.Config{Mounts: sympath.Mounts{m}}, `\\Mounted\Share`, nil},
		"own":         {stores.Config{Share: own}, `\\other\share`, nil},
		"mount first": {stores.Config{Mounts: sympath.Mounts{m}, Share: func(sympath.Element) (sympath.Store, error) { return nil, lost }}, `\\mounted\share`, nil},
		"then own":    {stores.Config{Mounts: sympath.Mounts{m}, Share: func(sympath.Element) (sympath.Store, error) { return nil, lost }}, `\\other\share`, lost},
		"smb":         {stores.Config{}, `\\127.0.0.1\share`, smb.ErrNoCredential},
	} {
		c.cfg.Getenv = nothing
		all := stores.New(c.cfg)
		store, err := all.Open(c.path)
		if err != nil {
			t.Fatal(err)
		}
		if c.err == nil {
			if err := storetest.TestStore(store, storetest.Has(q, data), storetest.Lacks(sympath.Query{File: "other.pdb"})); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		} else if got := why(t, store, q); !errors.Is(got, c.err) {
			t.Errorf("%s: %v, want %v", name, got, c.err)
		}
		if err := errors.Join(all.Close(), all.Close()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// why is the error of the one attempt of a search.
func why(t *testing.T, store sympath.Store, q sympath.Query) error {
	t.Helper()
	for _, err := range store.Find(t.Context(), q) {
		if miss, ok := errors.AsType[*sympath.NotFoundError](err); ok && len(miss.Attempts) == 1 {
			return miss.Attempts[0].Err
		}
		t.Errorf("%v", err)
	}
	return nil
}
