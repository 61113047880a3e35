package http_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/symres/symres/sympath"
	"github.com/symres/symres/sympath/creds"
	symhttp "github.com/symres/symres/sympath/http"
)

// authority signs certificates for servers on loopback.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newAuthority(t testing.TB) *authority {
	a := &authority{}
	a.key, a.cert = a.issue(t, &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

func (a *authority) issue(t testing.TB, c *x509.Certificate) (*ecdsa.PrivateKey, *x509.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.SerialNumber, c.Subject = big.NewInt(time.Now().UnixNano()), pkix.Name{CommonName: "test"}
	c.DNSNames = append(c.DNSNames, "localhost")
	c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv4(127, 0, 0, 2), net.IPv4(127, 0, 0, 3), net.IPv6loopback}
	if c.NotAfter.IsZero() {
		c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	}
	parent, signer := c, key
	if a.cert != nil {
		parent, signer = a.cert, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return key, cert
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

func (a *authority) config(t testing.TB, c *x509.Certificate) *tls.Config {
	key, cert := a.issue(t, c)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key}}}
}

// secure starts an https server on an address of the loopback network.
func secure(t testing.TB, addr string, cfg *tls.Config, h http.Handler) *httptest.Server {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Skipf("cannot listen on %s (%v); bring up the whole of 127.0.0.0/8 and ::1 on the loopback interface", addr, err)
	}
	srv := httptest.NewUnstartedServer(h)
	srv.Listener.Close()
	srv.Listener, srv.TLS = l, cfg
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return srv
}

// T6: three hosts, a -> b -> b -> a. What was meant for a is seen by a alone,
// and only before the chain left it.
func TestSecurity_credentialsStayWithTheirOrigin(t *testing.T) {
	ca := newAuthority(t)
	seen := map[string][]string{}
	note := func(name string, r *http.Request) {
		seen[name] = append(seen[name], r.Header.Get("Authorization")+r.Header.Get("Cookie"))
	}
	s := symbol(t)
	var a, b *httptest.Server
	b = secure(t, "127.0.0.2:0", ca.config(t, &x509.Certificate{}), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		note("b", r)
		w.Header().Set("Set-Cookie", "stolen=1")
		if r.URL.Path == "/one" {
			http.Redirect(w, r, "/two", http.StatusFound)
			return
		}
		http.Redirect(w, r, a.URL+"/blob?sig=SECRET", http.StatusTemporaryRedirect)
	}))
	a = secure(t, "127.0.0.1:0", ca.config(t, &x509.Certificate{}), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		note("a", r)
		switch {
		case r.URL.Path == "/blob":
			w.Write(s.data)
		case strings.HasSuffix(r.URL.Path, s.path):
			http.Redirect(w, r, b.URL+"/one", http.StatusFound)
		default:
			http.NotFound(w, r)
		}
	}))
	c := client(t, symhttp.Config{RootCAs: ca.pool(), Hosts: []string{b.Listener.Addr().String()}})
	r := run(t, open(t, c, "srv*"+t.TempDir()+"*"+strings.Replace(a.URL, "https://", "https://joe:hunter2@", 1)), s.query)
	if !r.found {
		t.Fatalf("not found: %v", r.last())
	}
	want := "Basic " + base64.StdEncoding.EncodeToString([]byte("joe:hunter2"))
	if got := seen["a"]; len(got) != 3 || got[0] != want || got[1] != want || got[2] != "" {
		t.Errorf("a saw %q, want the credential twice and then no more", got)
	}
	if got := seen["b"]; len(got) != 2 || got[0] != "" || got[1] != "" {
		t.Errorf("b saw %q, want nothing", got)
	}
	told := fmt.Sprintf("%+v %+v %v", r.attempts, r.events, r.err)
	for _, secret := range []string{"hunter2", "SECRET", "joe"} {
		if strings.Contains(told, secret) {
			t.Errorf("%q was told: %s", secret, told)
		}
	}
}

// T7 and the rules for where a redirect may lead.
func TestSecurity_redirects(t *testing.T) {
	ca := newAuthority(t)
	s := symbol(t)
	var location string
	hits := 0
	inner := serve(t, false, func(w http.ResponseWriter, r *http.Request) { hits++; w.Write(s.data) })
	_, port, _ := net.SplitHostPort(inner.Listener.Addr().String())
	outer := secure(t, "127.0.0.1:0", ca.config(t, &x509.Certificate{}), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".pdb") {
			w.Header().Set("Location", strings.ReplaceAll(location, "SELF", r.Host+r.URL.Path))
			w.WriteHeader(http.StatusFound)
			return
		}
		http.NotFound(w, r)
	}))
	for _, c := range []struct {
		location string
		want     error
	}{
		{"http://127.0.0.1:" + port + "/", symhttp.ErrRedirect}, // https to http
		{"https://127.0.0.1:" + port + "/", symhttp.ErrAddress},
		{"https://127.0.0.2:" + port + "/", symhttp.ErrAddress},
		{"https://localhost:" + port + "/", symhttp.ErrAddress},
		{"https://x.localhost./", symhttp.ErrAddress},
		{"https://[::1]:" + port + "/", symhttp.ErrAddress},
		{"https://[::ffff:127.0.0.1]:" + port + "/", symhttp.ErrAddress},
		{"https://[64:ff9b::7f00:1]/", symhttp.ErrAddress},
		{"https://[2002:7f00:1::]/", symhttp.ErrAddress},
		{"https://169.254.169.254/latest/meta-data", symhttp.ErrAddress},
		{"https://10.0.0.1/", symhttp.ErrAddress},
		{"https://192.168.1.1/", symhttp.ErrAddress},
		{"https://172.16.0.1/", symhttp.ErrAddress},
		{"https://100.64.0.1/", symhttp.ErrAddress},
		{"https://0.0.0.0/", symhttp.ErrAddress},
		{"https://[fe80::1]/", symhttp.ErrAddress},
		{"https://[fd00::1]/", symhttp.ErrAddress},
		{"file:///etc/passwd", symhttp.ErrRedirect},
		{"ftp://example.com/x", symhttp.ErrRedirect},
		{`\\evil\share\x.pdb`, symhttp.ErrRedirect},
		{"https://u:p@example.com/", symhttp.ErrRedirect},
		{"", symhttp.ErrRedirect},
		{"https://SELF", symhttp.ErrRedirect}, // a loop
		{"https://example.com/" + strings.Repeat("a", 10001), symhttp.ErrRedirect},
		{"?" + strings.Repeat("a", 10), symhttp.ErrRedirect}, // to itself with another query, and again
	} {
		t.Run(c.location[:min(40, len(c.location))], func(t *testing.T) {
			location = c.location
			cl := client(t, symhttp.Config{RootCAs: ca.pool(), Tries: 1})
			r := run(t, open(t, cl, outer.URL), s.query)
			if first := r.attempts[0]; r.found || !errors.Is(first.Err, c.want) {
				t.Errorf("found %v, %v; want %v", r.found, first, c.want)
			}
		})
	}
	if hits != 0 {
		t.Errorf("%d requests reached the inner service", hits)
	}
}

func TestSecurity_redirectsAreFew(t *testing.T) {
	s := symbol(t)
	for most, want := range map[int]bool{5: true, 6: false} {
		srv := serve(t, false, func(w http.ResponseWriter, r *http.Request) {
			var n int
			fmt.Sscanf(r.URL.RawQuery, "%d", &n)
			switch {
			case !strings.HasSuffix(r.URL.Path, ".pdb"):
				http.NotFound(w, r)
			case n < most:
				http.Redirect(w, r, fmt.Sprintf("%s?%d", r.URL.Path, n+1), http.StatusFound)
			default:
				w.Write(s.data)
			}
		})
		if r := run(t, open(t, client(t, symhttp.Config{Tries: 1}), srv.URL), s.query); r.found != want {
			t.Errorf("%d redirects: found %v, %v", most, r.found, r.last())
		}
	}
}

// A name is checked by what it resolves to, when it is dialed.
func TestSecurity_nameOfPrivateAddress(t *testing.T) {
	for addr, want := range map[string]bool{
		"127.0.0.1:80": false, "[::1]:443": false, "[::ffff:10.0.0.1]:80": false, "169.254.169.254:80": false,
		"[fe80::1%eth0]:80": false, "garbage": false, "8.8.8.8:443": true, "[2606:4700::1111]:443": true, "224.0.0.1:80": false,
		"255.255.255.255:80": false, "[2001:db8::1]:80": false,
	} {
		err := symhttp.RefusePrivate(context.Background(), "tcp", addr, nil)
		if (err == nil) != want || err != nil && !errors.Is(err, symhttp.ErrAddress) {
			t.Errorf("%s: %v", addr, err)
		}
	}
	if symhttp.Private(netip.MustParseAddr("1.1.1.1")) {
		t.Error("1.1.1.1 is private")
	}
	// The whole way: this machine's own name for itself in the Location.
	name, err := os.Hostname()
	if err != nil {
		t.Skipf("this machine has no name (%v); give it one that /etc/hosts knows", err)
	}
	ips, err := net.LookupIP(name)
	if err != nil || len(ips) == 0 {
		t.Skipf("%s does not resolve (%v); put it in /etc/hosts", name, err)
	}
	for _, ip := range ips {
		if a, ok := netip.AddrFromSlice(ip); ok && !symhttp.Private(a) {
			t.Skipf("%s resolves to the public address %v; this needs a private one", name, ip)
		}
	}
	srv := serve(t, false, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://"+name+":9/", http.StatusFound)
	})
	r := run(t, open(t, client(t, symhttp.Config{}), srv.URL), symbol(t).query)
	if !errors.Is(r.last().Err, symhttp.ErrAddress) {
		t.Errorf("redirect to %s: %v, want ErrAddress", name, r.last())
	}
}

// T11.
func TestSecurity_tls(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	s := symbol(t)
	old := ca.config(t, &x509.Certificate{})
	old.MaxVersion = tls.VersionTLS11
	old.MinVersion = tls.VersionTLS10
	for name, c := range map[string]struct {
		cfg   *tls.Config
		found bool
	}{
		"good":    {ca.config(t, &x509.Certificate{}), true},
		"TLS 1.1": {old, false},
		"unknown": {other.config(t, &x509.Certificate{}), false},
		"expired": {ca.config(t, &x509.Certificate{NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(-time.Hour)}), false},
	} {
		t.Run(name, func(t *testing.T) {
			srv := secure(t, "127.0.0.1:0", c.cfg, file("", s))
			cl := client(t, symhttp.Config{RootCAs: ca.pool(), Tries: 1})
			if r := run(t, open(t, cl, srv.URL), s.query); r.found != c.found {
				t.Errorf("found %v: %v", r.found, r.last())
			}
		})
	}
	// The zero configuration trusts the system alone.
	srv := secure(t, "127.0.0.1:0", ca.config(t, &x509.Certificate{}), file("", s))
	if r := run(t, open(t, client(t, symhttp.Config{}), srv.URL), s.query); r.found {
		t.Error("an unknown authority was trusted")
	}
}

func TestSecurity_credentialSources(t *testing.T) {
	ca := newAuthority(t)
	var got string
	srv := secure(t, "127.0.0.1:0", ca.config(t, &x509.Certificate{}), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Get("Authorization")
		http.NotFound(w, r)
	}))
	plain := serve(t, false, func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Get("Authorization")
		http.NotFound(w, r)
	})
	netrc := filepath.Join(t.TempDir(), "netrc")
	os.WriteFile(netrc, []byte("default login d password d\nmachine 127.0.0.1\n login nick\n password n#pw\n"), 0o600)
	basic := func(s string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(s)) }
	ask := func(want string) func(context.Context, string) (*creds.Credential, error) {
		return func(_ context.Context, origin string) (*creds.Credential, error) {
			if origin != want {
				t.Errorf("asked for %s, want %s", origin, want)
			}
			return &creds.Credential{Bearer: "tok"}, nil
		}
	}
	for name, c := range map[string]struct {
		cfg  symhttp.Config
		url  string
		want string
	}{
		"netrc":                   {symhttp.Config{Netrc: netrc}, srv.URL, basic("nick:n#pw")},
		"netrc by NETRC":          {symhttp.Config{Getenv: env("NETRC=" + netrc)}, srv.URL, basic("nick:n#pw")},
		"netrc not over http":     {symhttp.Config{Netrc: netrc}, plain.URL, ""},
		"netrc for another":       {symhttp.Config{Netrc: netrc}, strings.Replace(srv.URL, "127.0.0.1", "localhost", 1), ""},
		"environment, Azure PAT":  {symhttp.Config{Getenv: env("SYMRES_AUTH=https://a=x:y "+srv.URL+"=:pat", "NETRC="+netrc)}, srv.URL, basic(":pat")},
		"environment, other port": {symhttp.Config{Getenv: env("SYMRES_AUTH=https://127.0.0.1=:pat", "NETRC="+os.DevNull+"x")}, srv.URL, "fail"},
		"callback":                {symhttp.Config{Credentials: ask(srv.URL)}, srv.URL, "Bearer tok"},
		"none":                    {symhttp.Config{}, srv.URL, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c.cfg.RootCAs, got = ca.pool(), ""
			cl, err := symhttp.New(c.cfg)
			if c.want == "fail" {
				if err == nil {
					t.Error("a netrc file that is not there was passed over")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer cl.CloseIdle()
			run(t, open(t, cl, c.url), symbol(t).query)
			if got != c.want {
				t.Errorf("sent %q, want %q", got, c.want)
			}
		})
	}
	cred := creds.Credential{User: "joe", Password: "hunter2", Bearer: "tok"}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		if s := fmt.Sprintf(format, cred) + fmt.Sprintf(format, &cred); strings.Contains(s, "hunter2") || strings.Contains(s, "tok\"") {
			t.Errorf("%s prints %s", format, s)
		}
	}
}

// _NT_SYMBOL_PROXY takes everything, wherever it is.
func TestProxy(t *testing.T) {
	s := symbol(t)
	var asked []string
	proxy := serve(t, false, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.String())
		if u, _ := url.Parse(r.RequestURI); u != nil && strings.HasSuffix(u.Path, s.path) {
			w.Write(s.data)
			return
		}
		http.NotFound(w, r)
	})
	cl := client(t, symhttp.Config{Getenv: env("_NT_SYMBOL_PROXY="+proxy.Listener.Addr().String(), "NETRC=")})
	if r := run(t, open(t, cl, "http://symbols.invalid/s"), s.query); !r.found || len(asked) != 2 || asked[1] != "http://symbols.invalid/s"+s.path {
		t.Errorf("found %v through the proxy, which was asked for %q", r.found, asked)
	}
	if e := (sympath.Element{Kind: sympath.ElementDir, Text: "https://h"}); true {
		if _, err := cl.Store(e); err == nil {
			t.Error("a directory became a server")
		}
	}
}
