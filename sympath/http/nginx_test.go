package http_test

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/symres/symres/internal/nginx"
	"github.com/symres/symres/sympath"
	symhttp "github.com/symres/symres/sympath/http"
)

// server is nginx with a static store, and faults switched on by location.
type server struct {
	plain, tls string // base URLs
	root       string
	log        string
}

const nginxConf = `
		listen ADDR0;
		listen ADDR1 ssl http2;
		ssl_certificate DIR/cert.pem;
		ssl_certificate_key DIR/key.pem;
		location /store/  { alias DIR/root/; }
		location /gzip/   { alias DIR/root/; gzip_static always; }
		location /slow/   { alias DIR/root/; limit_rate 32k; }
		location /moved/  { rewrite ^/moved/(.*)$ /store/$1 redirect; }
		location /down/   { return 302 http://ADDR0/store/; }
		location /page/   { default_type text/html; return 200 "<!DOCTYPE html><title>login</title>"; }
		location /busy/   { add_header Retry-After 3600 always; return 503; }
		location /secret/ { return 401; }`

func startNginx(t testing.TB, ca *authority) *server {
	t.Helper()
	if nginx.Path() == "" {
		t.Skip("nginx is not here; apt-get install nginx-light")
	}
	dir := t.TempDir()
	n := &server{root: filepath.Join(dir, "root"), log: filepath.Join(dir, "access.log")}
	key, cert := ca.issue(t, &x509.Certificate{})
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	os.Mkdir(n.root, 0o755)
	write(t, filepath.Join(dir, "cert.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}))
	write(t, filepath.Join(dir, "key.pem"), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))
	s, err := nginx.Start(dir, nginxConf, 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	n.plain, n.tls = "http://"+s.Addrs[0], "https://"+s.Addrs[1]
	return n
}

func write(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestNginx(t *testing.T) {
	ca := newAuthority(t)
	n := startNginx(t, ca)
	s := symbol(t)
	write(t, n.root+s.path, s.data)
	write(t, n.root+s.path+".gz", zipped(s.data))
	for name, c := range map[string]struct {
		base  string
		want  error // nil: found
		tries int
	}{
		"static":                 {n.plain + "/store", nil, 0},
		"TLS, HTTP/2":            {n.tls + "/store", nil, 0},
		"gzip, not asked for":    {n.tls + "/gzip", nil, 0},
		"rate limit":             {n.plain + "/slow", nil, 0},
		"redirect":               {n.tls + "/moved", nil, 0},
		"redirect to plain http": {n.tls + "/down", symhttp.ErrRedirect, 1},
		"200 with a page":        {n.tls + "/page", symhttp.ErrNotSymbols, 1},
		"503 for an hour":        {n.tls + "/busy", symhttp.ErrUnavailable, 1},
		"401":                    {n.tls + "/secret", symhttp.ErrPermission, 1},
	} {
		t.Run(name, func(t *testing.T) {
			cl := client(t, symhttp.Config{RootCAs: ca.pool()})
			r := run(t, open(t, cl, "srv*"+t.TempDir()+"*"+c.base), s.query)
			if c.want == nil && (!r.found || r.content != string(s.data)) {
				t.Errorf("not found: %v", r.attempts)
			}
			if c.want != nil {
				wantErr(t, r, c.want)
			}
		})
	}
	// The same with a CA that nobody trusts.
	if r := run(t, open(t, client(t, symhttp.Config{Tries: 1}), n.tls+"/store"), s.query); r.found {
		t.Error("an unknown authority was trusted")
	}
	text, err := os.ReadFile(n.log)
	if err != nil || !strings.Contains(string(text), `HTTP/2.0" 200`) || strings.Contains(string(text), "HEAD") {
		t.Errorf("log without HTTP/2 or with HEAD (%v):\n%s", err, text)
	}
}

// cutter is a TCP proxy that cuts each of the first connections after some
// bytes, and counts what passes.
type cutter struct {
	url    string
	passed atomic.Int64
}

func cut(t testing.TB, to string, after ...int64) *cutter {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	c := &cutter{url: "http://" + l.Addr().String()}
	to = strings.TrimPrefix(to, "http://")
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			limit := int64(1) << 62
			if len(after) > 0 {
				limit, after = after[0], after[1:]
			}
			go c.pass(in, to, limit)
		}
	}()
	return c
}

func (c *cutter) pass(in net.Conn, to string, limit int64) {
	defer in.Close()
	out, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer out.Close()
	go func() {
		io.Copy(out, in)
		out.Close()
	}()
	io.CopyN(counting{in, &c.passed}, out, limit)
}

type counting struct {
	w io.Writer
	n *atomic.Int64
}

func (c counting) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n.Add(int64(n))
	return n, err
}

// headOnly identifies large files by their beginning: what is measured is how
// they come.
func headOnly(q sympath.Query, r io.ReaderAt, size int64) (sympath.ID, error) {
	head := make([]byte, 24)
	if _, err := r.ReadAt(head, 0); err != nil || string(head) != "Microsoft C/C++ MSF 7.00" {
		return sympath.ID{}, fmt.Errorf("not it: %v", err)
	}
	return q.ID, nil
}

// largeSize is 256 MB, or what SYMRES_LARGE says in MB.
func largeSize(t testing.TB) int64 {
	t.Helper()
	if testing.Short() {
		t.Skip("writes a large file; leave -short out")
	}
	mb := int64(256)
	if v := os.Getenv("SYMRES_LARGE"); v != "" {
		if _, err := fmt.Sscan(v, &mb); err != nil {
			t.Fatal(err)
		}
	}
	return mb << 20
}

// A large file needs little memory and, when it is cut twice, little is
// fetched again.
func TestNginx_largeFile(t *testing.T) {
	size := largeSize(t)
	n := startNginx(t, newAuthority(t))
	q := sympath.Query{File: "large.pdb", ID: sympath.PDB20(1<<31, 1)}
	path := filepath.Join(n.root, "large.pdb", q.ID.Key(), "large.pdb")
	write(t, path, []byte("Microsoft C/C++ MSF 7.00"))
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
	proxy := cut(t, n.plain, size/3, size/3)
	dir := t.TempDir()
	p, err := sympath.Parse("srv*" + dir + "*" + proxy.url + "/store")
	if err != nil {
		t.Fatal(err)
	}
	store := p.Store(sympath.Options{HTTP: client(t, symhttp.Config{}).Store, Verify: headOnly})
	stop := watchHeap()
	found := false
	for c, err := range store.Find(t.Context(), q) {
		if err != nil {
			t.Fatalf("%+v", err)
		}
		f, err := c.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		found = f.Size() == size
		f.Close()
		break
	}
	peak := stop()
	if again := proxy.passed.Load() - size; !found || again < 0 || again > 1<<20 {
		t.Errorf("found %v, %d bytes fetched again; want less than 1 MiB", found, again)
	}
	if peak > 32<<20 {
		t.Errorf("heap grew to %d MB, want less than 32", peak>>20)
	}
	t.Logf("%d MB: heap at most %.1f MB, %d bytes fetched twice", size>>20, float64(peak)/(1<<20), proxy.passed.Load()-size)
}
