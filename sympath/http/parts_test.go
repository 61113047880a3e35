package http_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/symres/symres/sympath"
	symhttp "github.com/symres/symres/sympath/http"
)

// rangeServer serves one file with an ETag.
func rangeServer(t testing.TB, s sample) *recorder {
	return serve(t, false, func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, s.path) {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("ETag", `"v1"`)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(s.data))
	})
}

// farSome reads some of a file, so that parts of it are in the cache.
func farSome(t testing.TB, srv *recorder, dir string, s sample) {
	t.Helper()
	file, r := farFile(t, farStore(t, client(t, symhttp.Config{}), dir, srv.URL, sympath.RemoteLazy), s.query)
	if file == nil {
		t.Fatalf("%v: %v", r.err, r.attempts)
	}
	defer file.Close()
	if err := farRead(t, file, s, 20); err != nil {
		t.Error(err)
	}
}

func findings(t testing.TB, c *sympath.Cache) (all []sympath.Finding) {
	t.Helper()
	for f, err := range c.Verify(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, f)
	}
	return all
}

// TestParts_verify damages a block of a file that is read in parts: verify tells of it,
// forgets it unless it may change nothing, and the block is fetched again.
func TestParts_verify(t *testing.T) {
	s := farSymbol(24<<20, sympath.PDB20(7, 5))
	srv, dir := rangeServer(t, s), t.TempDir()
	farSome(t, srv, dir, s)
	cache := sympath.NewCache(dir, sympath.Options{Verify: farID})
	if got := findings(t, cache); len(got) != 1 || got[0].Err != nil || got[0].Total != int64(len(s.data)) || got[0].Size < 1<<20 {
		t.Fatalf("before: %+v", got)
	}
	data := filepath.Join(dir, ".symres/part/far.pdb", partName(t, dir), "data")
	f, err := os.OpenFile(data, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteAt([]byte("another"), int64(len(s.data)/2)) // the identity
	f.Close()
	looking := sympath.NewCache(dir, sympath.Options{Verify: farID, ReadOnly: true})
	for range 2 {
		if got := findings(t, looking); len(got) != 1 || !errors.Is(got[0].Err, sympath.ErrMismatch) {
			t.Errorf("damaged: %+v", got)
		}
	}
	if got := findings(t, cache); len(got) != 1 || !errors.Is(got[0].Err, sympath.ErrMismatch) {
		t.Errorf("damaged: %+v", got)
	}
	got := findings(t, cache)
	if len(got) != 1 || got[0].Err != nil {
		t.Errorf("afterwards: %+v", got)
	}
	before := len(srv.uris())
	farSome(t, srv, dir, s)
	if n := len(srv.uris()) - before; n != 1 {
		t.Errorf("%d requests for one block, want 1", n)
	}
	os.Truncate(data, 5)
	if got := findings(t, cache); len(got) != 1 || !errors.Is(got[0].Err, sympath.ErrMismatch) {
		t.Errorf("cut short: %+v", got)
	}
	if got := findings(t, cache); len(got) != 0 {
		t.Errorf("what cannot be used is still there: %+v", got)
	}
	farSome(t, srv, dir, s)
}

// TestParts_trim counts parts by what is here of them, and removes them before entries.
func TestParts_trim(t *testing.T) {
	s := farSymbol(24<<20, sympath.PDB20(7, 6))
	srv, dir := rangeServer(t, s), t.TempDir()
	farSome(t, srv, dir, s)
	cache := sympath.NewCache(dir, sympath.Options{Verify: farID})
	list := cache.Partials()
	if len(list) != 1 || list[0].File != "far.pdb" || list[0].Total != int64(len(s.data)) || list[0].Held >= list[0].Total/4 ||
		list[0].Store != srv.URL || time.Since(list[0].Used) > time.Minute {
		t.Fatalf("%+v", list)
	}
	held := list[0].Held
	os.MkdirAll(filepath.Join(dir, "x.pdb/A00000011"), 0o700)
	os.WriteFile(filepath.Join(dir, "x.pdb/A00000011/x.pdb"), make([]byte, 1000), 0o600)
	old := time.Now().Add(-time.Hour)
	os.Chtimes(filepath.Join(dir, "x.pdb/A00000011/x.pdb"), old, old)
	for _, c := range []struct {
		o    sympath.TrimOptions
		want sympath.TrimReport
	}{
		{sympath.TrimOptions{MaxBytes: held + 1000}, sympath.TrimReport{Kept: 2, KeptBytes: held + 1000}},
		{sympath.TrimOptions{MaxBytes: held + 999}, sympath.TrimReport{Kept: 1, KeptBytes: 1000, Removed: 1, RemovedBytes: held}},
	} {
		if got, err := cache.Trim(context.Background(), c.o); got != c.want || err != nil {
			t.Errorf("%+v: %+v, %v; want %+v", c.o, got, err, c.want)
		}
	}
	if left, err := os.ReadDir(filepath.Join(dir, ".symres/part")); len(left) > 0 || err != nil {
		t.Errorf("left behind: %v, %v", left, err)
	}
	farSome(t, srv, dir, s)
}
