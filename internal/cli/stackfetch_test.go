package cli_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// TestStackFetches: of every minidump of the corpus, a server is asked for files of the
// modules on the stack and for no others, also where words of the stack point into more.
func TestStackFetches(t *testing.T) {
	requests := 0
	for _, dump := range corpusDumps(t) {
		b := unpacked(t, dump)
		if string(b[:4]) != "MDMP" {
			continue
		}
		alone := filepath.Join(t.TempDir(), "alone.dmp") // whose folder has no symbols
		if err := os.WriteFile(alone, b, 0o600); err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		asked := map[string]bool{}
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			name := path.Base(path.Dir(path.Dir(r.URL.Path)))
			if name != "/" && name != "." {
				module := strings.TrimSuffix(strings.TrimSuffix(name, path.Ext(name)), ".exe") // of tiny.exe.pdb
				mu.Lock()
				asked[strings.ToLower(strings.TrimPrefix(module, "w"))] = true // wntdll.pdb is that of the 32-bit ntdll.dll
				mu.Unlock()
			}
			http.ServeFile(w, r, filepath.Join(filepath.Dir(dump), name))
		}))
		on := map[string]bool{}
		for _, l := range stackOf(t, "--dump", alone, "--sympath", "srv*"+t.TempDir()+"*"+server.URL) {
			on[strings.ToLower(l.Module)] = true
		}
		server.Close()
		for name := range asked {
			if requests++; !on[name] {
				t.Errorf("%s: %s was asked for; on the stack are %v", dump, name, on)
			}
		}
	}
	if requests < 10 {
		t.Errorf("%d modules were asked for", requests)
	}
}
