package analyze_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/symres/symres/analyze"
	"github.com/symres/symres/internal/dumpbuild"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/sympath"
	"github.com/symres/symres/target"
	"github.com/symres/symres/unwind"
)

// server is a symbol server that counts what it is asked.
type server struct {
	files map[string][]byte
	hold  func(name string, ctx context.Context) // nil: every request is answered at once

	mu    sync.Mutex
	asked map[string]int // guarded by mu
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.ToLower(path.Base(r.URL.Path))
	s.mu.Lock()
	s.asked[name]++
	s.mu.Unlock()
	if s.hold != nil {
		s.hold(name, r.Context())
	}
	data, ok := s.files[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Write(data)
}

// serve starts a server with files of testdata.
func serve(t *testing.T, names ...string) (*server, string) {
	t.Helper()
	s := &server{asked: map[string]int{}, files: map[string][]byte{}}
	for _, name := range names {
		s.files[strings.ToLower(path.Base(name))] = fixture.Bytes(t, name)
	}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	return s, srv.URL
}

// TestFetched: a server is asked for what the stack needs and for nothing else, with
// progress of these files alone; code is compared with no copy that would have to be
// fetched.
func TestFetched(t *testing.T) {
	b, _, images := kernelDump(t)
	folders := dumpbuild.KdSymbols("w7")
	s, url := serve(t, folders[0]+"/ntkrnlmp.pdb", folders[1]+"/fs_rec.pdb", folders[2]+"/notepad.pdb", folders[2]+"/ExplorerFrame.pdb")
	var mu sync.Mutex
	progress := map[string]int{}
	tg, err := target.OpenReader(t.Context(), bytes.NewReader(b), int64(len(b)), target.Options{
		SymbolPath: "srv*" + url, Images: images, Cache: t.TempDir(), Process: "explorer.exe", Warn: func(error) {}, Getenv: func(string) string { return "" },
		Progress: func(q sympath.Query, _ sympath.Event) {
			mu.Lock()
			defer mu.Unlock()
			progress[strings.ToLower(q.File)]++
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer tg.Close()
	o := analyze.Options{Symbols: sympath.Chain(), Images: sympath.Chain()}
	r := run(t, tg, o)
	if r.Culprit.String() != "Fs_Rec!FsRecDispatch+0xc" || len(r.Modules) != 3 || len(tg.Modules()) <= len(r.Modules) {
		t.Errorf("%v, %d modules of %d", r.Culprit, len(r.Modules), len(tg.Modules()))
	}
	want := []string{"ntkrnlmp.pdb", "fs_rec.pdb", "notepad.pdb"} // the last is that of explorer.exe here
	for _, asked := range []map[string]int{s.asked, progress} {
		for name := range asked {
			if !slices.Contains(append(want, "index2.txt"), name) { // which says how the store is laid out
				t.Errorf("%s was asked for", name)
			}
		}
	}
	for _, name := range want {
		if s.asked[name] != 1 || progress[name] == 0 {
			t.Errorf("%s: asked %v, progress %v", name, s.asked, progress)
		}
	}
	before := len(s.asked)
	if again := run(t, tg, o); again.Bucket != r.Bucket || len(s.asked) != before {
		t.Errorf("the second time %v, asked %v", again.Bucket, s.asked)
	}
}

// TestFetchedTogether: the PDBs of several modules are asked for at the same time.
func TestFetchedTogether(t *testing.T) {
	s, url := serve(t, "demo/symbols/notepad.pdb", "user/x86/ExplorerFrame.pdb")
	both, asked := make(chan struct{}), map[string]bool{}
	s.hold = func(name string, ctx context.Context) {
		if path.Ext(name) != ".pdb" {
			return
		}
		s.mu.Lock()
		if asked[name] = true; len(asked) == 2 {
			close(both)
		}
		s.mu.Unlock()
		select {
		case <-both:
		case <-ctx.Done():
		case <-time.After(10 * time.Second):
			t.Errorf("%s was asked for, and no other", name)
		}
	}
	tg, err := target.Open(t.Context(), fixture.Path(t, "demo/crash.dmp"), target.Options{SymbolPath: "srv*" + url, Cache: t.TempDir(), Getenv: func(string) string { return "" }})
	if err != nil {
		t.Fatal(err)
	}
	defer tg.Close()
	var walked []unwind.Frame
	for _, m := range tg.Modules() {
		pc := m.Base + 0x1003
		walked = append(walked, unwind.Frame{Context: unwind.Context{Machine: unwind.X86, PC: pc}, Module: tg.Stacks().Config().Modules.Module(pc)})
	}
	for _, f := range tg.Stacks().Name(t.Context(), 1, walked) {
		if !f.Named() {
			t.Errorf("%v: %v", &f, f.Err)
		}
	}
	if len(asked) != 2 {
		t.Errorf("asked for %v", asked)
	}
}
