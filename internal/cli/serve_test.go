package cli_test

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/symres/symres/internal/nginx"
)

// site is a server of a directory, over TLS, that notes what it is asked.
type site struct {
	dir string
	mu  sync.Mutex
	log strings.Builder
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	fmt.Fprintf(&s.log, "%s %s\n", r.Method, r.URL.Path)
	s.mu.Unlock()
	switch {
	case strings.HasPrefix(r.URL.Path, "/login/"):
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<!DOCTYPE html><title>login</title>")
		return
	case strings.HasPrefix(r.URL.Path, "/busy/"):
		w.WriteHeader(http.StatusNotImplemented)
		return
	case strings.HasPrefix(r.URL.Path, "/down/"):
		w.WriteHeader(http.StatusForbidden)
		return
	case strings.HasPrefix(r.URL.Path, "/slow/"):
		time.Sleep(20 * time.Millisecond)
		r.URL.Path = strings.TrimPrefix(r.URL.Path, "/slow")
	}
	data, err := os.ReadFile(filepath.Join(s.dir, filepath.FromSlash(path.Clean("/"+r.URL.Path))))
	if err != nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Write(data)
}

// serve NAME DIR serves a directory at $NAME. Programs trust it by the
// SSL_CERT_FILE that is set as well.
func (s *sites) serve(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 2, "serve NAME DIR")
	one := &site{dir: ts.MkAbs(args[1])}
	srv := httptest.NewTLSServer(one)
	ts.Defer(srv.Close)
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
	file := ts.MkAbs(args[0] + ".pem")
	ts.Check(os.WriteFile(file, cert, 0o666))
	ts.Setenv(args[0], srv.URL)
	ts.Setenv("SSL_CERT_FILE", file)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.byURL[srv.URL] = one
}

// sites are the servers of all scripts.
type sites struct {
	mu    sync.Mutex
	byURL map[string]*site
}

// requests NAME FILE writes what the server of a name was asked since the last
// time.
func (s *sites) requests(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 2, "requests NAME FILE")
	s.mu.Lock()
	one := s.byURL[ts.Getenv(args[0])]
	s.mu.Unlock()
	if one == nil {
		ts.Fatalf("no server %s", args[0])
	}
	one.mu.Lock()
	defer one.mu.Unlock()
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(one.log.String()), 0o666))
	one.log.Reset()
}

// cmdNginx NAME DIR serves a directory with nginx at $NAME.
func cmdNginx(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 2, "nginx NAME DIR")
	dir := ts.MkAbs("nginx-" + args[0])
	ts.Check(os.MkdirAll(dir, 0o777))
	s, err := nginx.Start(dir, "listen ADDR0; location / { root "+ts.MkAbs(args[1])+"; limit_rate 512k; }", 1)
	ts.Check(err)
	ts.Defer(s.Stop)
	ts.Setenv(args[0], "http://"+s.Addrs[0])
}

// cmdSwap FILE STORE NAME puts a file in place of every entry of that name.
func cmdSwap(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 3, "swap FILE STORE NAME")
	entries, err := filepath.Glob(filepath.Join(ts.MkAbs(args[1]), args[2], "*", args[2]))
	ts.Check(err)
	if len(entries) == 0 {
		ts.Fatalf("no %s in %s", args[2], args[1])
	}
	for _, entry := range entries {
		ts.Check(os.WriteFile(entry, []byte(ts.ReadFile(args[0])), 0o666))
	}
}
