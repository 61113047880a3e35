package target_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/symres/symres"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/sympath"
	"github.com/symres/symres/target"
)

// TestOptions_server fetches what a minidump needs into the cache, tells of it,
// and makes no connection when it must not.
func TestOptions_server(t *testing.T) {
	var asked atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if path.Base(r.URL.Path) != "notepad.pdb" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Write(fixture.Bytes(t, "demo/symbols/notepad.pdb"))
	}))
	t.Cleanup(srv.Close)
	cache := t.TempDir()
	var mu sync.Mutex
	kinds := map[sympath.EventKind]int{}
	opts := target.Options{
		SymbolPath: "srv*" + srv.URL, Cache: cache, Offline: true, Getenv: func(string) string { return "" },
		Progress: func(_ sympath.Query, e sympath.Event) {
			mu.Lock()
			defer mu.Unlock()
			kinds[e.Kind]++
		},
	}
	dump := fixture.Path(t, "demo/crash.dmp")
	offline, _ := opened(t, dump, opts)
	r, err := offline.Session().Load(t.Context(), "notepad")
	if !errors.Is(err, symres.ErrNoSymbols) || asked.Load() != 0 || r.Attempts[1].Status != sympath.StatusOffline {
		t.Errorf("offline: %v, %d requests, attempts %v", err, asked.Load(), r.Attempts)
	}
	opts.Offline = false
	tg, _ := opened(t, dump, opts)
	if asked.Load() != 0 {
		t.Error("a server was asked before symbols were")
	}
	if names := lookup(t, tg, "notepad!NotepadSum"); len(names) != 1 {
		t.Errorf("%v", names)
	}
	if kinds[sympath.EventStart] == 0 || kinds[sympath.EventPublish] == 0 {
		t.Errorf("events %v", kinds)
	}
	if found, _ := filepath.Glob(filepath.Join(cache, "notepad.pdb", "*", "notepad.pdb")); len(found) != 1 {
		t.Errorf("the cache has %v", found)
	}
}

// TestOptions_stores: ready stores stand in the place of the paths.
func TestOptions_stores(t *testing.T) {
	symbols := sympath.Dir("mine", os.DirFS(filepath.Dir(fixture.Path(t, "demo/symbols/notepad.pdb"))))
	tg, _ := opened(t, fixture.Path(t, "demo/crash.dmp"), target.Options{Symbols: symbols, SymbolPath: "svr*x", Images: sympath.Chain(), ImagePath: "svr*x"})
	r, err := tg.Session().Load(t.Context(), "notepad")
	if err != nil || r.PDB != "mine/notepad.pdb" {
		t.Errorf("%s, %v", r.PDB, err)
	}
}

// TestOptions_logger hears of what nobody else is told.
func TestOptions_logger(t *testing.T) {
	var out bytes.Buffer
	twice := symres.Module{Image: "a.sys", Base: 0x1000, Size: 0x1000}
	tg, err := target.New(target.Options{
		Symbols: sympath.Chain(), Modules: []symres.Module{twice, twice}, Logger: slog.New(slog.NewTextHandler(&out, nil)),
	})
	if err != nil || !strings.Contains(out.String(), "level=WARN") {
		t.Errorf("%v, log %q", err, &out)
	}
	tg.Close()
}

// TestTarget_together loads types, lists and looks up from many goroutines, and
// closes meanwhile.
func TestTarget_together(t *testing.T) {
	dump, symbols, _ := userDump(t)
	tg, err := target.Open(t.Context(), dump, target.Options{SymbolPath: symbols})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := tg.LoadTypes(t.Context()); err != nil {
				t.Errorf("types: %v", err)
			}
		})
		wg.Go(func() {
			n := 0
			for _, err := range tg.Processes(t.Context()) {
				if n++; err != nil {
					t.Errorf("processes: %v", err)
				}
			}
			if n == 0 || tg.Kernel() == nil || len(tg.Modules()) == 0 {
				t.Error("nothing is there")
			}
		})
	}
	wg.Wait()
	for range 4 {
		wg.Go(func() {
			if err := tg.Close(); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			for _, err := range tg.Session().Lookup(t.Context(), "nt!Nt*") {
				if err != nil && !errors.Is(err, symres.ErrClosed) {
					t.Errorf("lookup: %v", err)
				}
			}
		})
	}
	wg.Wait()
	if _, err := tg.Session().Load(t.Context(), "nt"); !errors.Is(err, symres.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}
