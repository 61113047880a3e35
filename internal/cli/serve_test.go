package cli_test

import (
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// nginxPath is where a real web server is, or "".
func nginxPath() string {
	for _, name := range []string{"nginx", "/usr/sbin/nginx"} {
		if exe, err := exec.LookPath(name); err == nil {
			return exe
		}
	}
	return ""
}

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

const nginxConf = `daemon off;
master_process off;
pid DIR/pid;
error_log DIR/error.log;
events { worker_connections 64; }
http {
	access_log DIR/access.log;
	client_body_temp_path DIR/t1; proxy_temp_path DIR/t2; fastcgi_temp_path DIR/t3; uwsgi_temp_path DIR/t4; scgi_temp_path DIR/t5;
	default_type application/octet-stream;
	server {
		listen 127.0.0.1:PORT;
		location / { root ROOT; limit_rate 512k; }
	}
}
`

// cmdNginx NAME DIR serves a directory with nginx at $NAME.
func cmdNginx(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 2, "nginx NAME DIR")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	addr := l.Addr().String()
	l.Close()
	dir := ts.MkAbs("nginx-" + args[0])
	ts.Check(os.MkdirAll(dir, 0o777))
	_, port, _ := net.SplitHostPort(addr)
	conf := strings.NewReplacer("DIR", dir, "PORT", port, "ROOT", ts.MkAbs(args[1])).Replace(nginxConf)
	if os.Getuid() == 0 {
		conf = "user root;\n" + conf
	}
	ts.Check(os.WriteFile(filepath.Join(dir, "nginx.conf"), []byte(conf), 0o666))
	cmd := exec.Command(nginxPath(), "-p", dir, "-e", filepath.Join(dir, "error.log"), "-c", filepath.Join(dir, "nginx.conf"))
	ts.Check(cmd.Start())
	ts.Defer(func() { cmd.Process.Kill(); cmd.Wait() })
	for range 200 {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			ts.Setenv(args[0], "http://"+addr)
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	ts.Fatalf("nginx does not start: %s", ts.ReadFile(filepath.Join(dir, "error.log")))
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
