package serve_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/symres/symres/serve"
	"github.com/symres/symres/sympath"
)

// run serves until the test ends, or until end is called.
func run(t *testing.T, s serve.Server) (addr string, end func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	l, err := serve.Listen(ctx, "127.0.0.1:0", func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	end = sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() { end() })
	return l.Addr().String(), end
}

// TestServer_connections: more clients than there are places are answered all the
// same, and no more than the places at once.
func TestServer_connections(t *testing.T) {
	var open, most atomic.Int64
	addr, end := run(t, serve.Server{Connections: 4, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := open.Add(1)
		defer open.Add(-1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		time.Sleep(time.Millisecond)
		io.WriteString(w, "answer")
	})})
	var clients sync.WaitGroup
	for range 60 {
		clients.Go(func() {
			if _, body := get(t, http.MethodGet, "http://"+addr); string(body) != "answer" {
				t.Errorf("%q", body)
			}
		})
	}
	clients.Wait()
	if most.Load() > 4 {
		t.Errorf("%d at once", most.Load())
	}
	if err := end(); err != nil {
		t.Error(err)
	}
}

// TestServer_drain: the end waits for answers under way.
func TestServer_drain(t *testing.T) {
	begun := make(chan bool)
	addr, end := run(t, serve.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(begun)
		time.Sleep(100 * time.Millisecond)
		io.WriteString(w, "answer")
	})})
	body := make(chan string)
	go func() {
		_, b := get(t, http.MethodGet, "http://"+addr)
		body <- string(b)
	}()
	<-begun
	if err := end(); err != nil {
		t.Error(err)
	}
	if got := <-body; got != "answer" {
		t.Errorf("%q", got)
	}
}

// TestServer_reset: an answer that cannot be finished is reset by a Server too.
func TestServer_reset(t *testing.T) {
	s := newSample(t)
	verify := func(q sympath.Query, _ io.ReaderAt, _ int64) (sympath.ID, error) { return q.ID, nil }
	addr, _ := run(t, serve.Server{Connections: 1, Handler: serve.Handler(serve.Config{Symbols: brokenStore(s), Verify: verify})})
	for range 3 { // the one place is free again after each
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "GET %s HTTP/1.0\r\n\r\n", s.path())
		if n, err := io.Copy(io.Discard, conn); n == 0 || !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("after %d bytes: %v", n, err)
		}
		conn.Close()
	}
}

// TestServer_floods: heads that are too long or too slow end their connection.
func TestServer_floods(t *testing.T) {
	addr, _ := run(t, serve.Server{Handler: serve.Handler(serve.Config{})})
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = conn.Write(append([]byte("GET / HTTP/1.1\r\nX: "), bytes.Repeat([]byte("x"), 64<<10)...))
	answer, _ := io.ReadAll(conn)
	if !bytes.Contains(answer, []byte(" 431 ")) {
		t.Errorf("%.100s", answer)
	}
}

// TestServer_idle: a connection that was used once is good for longer than a file may
// take, and so is one whose request is answered late.
func TestServer_idle(t *testing.T) {
	s := newSample(t)
	store := sympath.Symsrv("store", fstest.MapFS{strings.TrimPrefix(s.path(), "/"): {Data: s.data}})
	idle := 50 * time.Millisecond
	late := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(2 * idle)
		if r.Context().Err() == nil {
			io.WriteString(w, "late")
		}
	})
	addr, _ := run(t, serve.Server{Handler: serve.Handler(serve.Config{Symbols: store, Idle: idle, Names: late})})
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	for _, path := range []string{s.path(), "/healthz", "/v1/late", s.path()} {
		fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path)
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if body, err := io.ReadAll(res.Body); err != nil || len(body) == 0 {
			t.Errorf("%s: %d bytes, %v", path, len(body), err)
		}
		time.Sleep(2 * idle)
	}
}

// TestServer_TLS: with a certificate the server speaks HTTP/2, and an answer that cannot be
// finished ends its stream with an error there, and its connection over HTTP/1.1.
func TestServer_TLS(t *testing.T) {
	s := newSample(t)
	certificate := httptest.NewUnstartedServer(nil)
	certificate.StartTLS()
	defer certificate.Close()
	verify := func(q sympath.Query, _ io.ReaderAt, _ int64) (sympath.ID, error) { return q.ID, nil }
	addr, _ := run(t, serve.Server{TLS: &certificate.TLS.Certificates[0], Connections: 2, Handler: serve.Handler(serve.Config{Symbols: brokenStore(s), Verify: verify})})
	roots := x509.NewCertPool()
	roots.AddCert(certificate.Certificate())
	for _, protocol := range []int{1, 2} {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: protocol == 2, Protocols: new(http.Protocols)}
		transport.Protocols.SetHTTP1(protocol == 1)
		transport.Protocols.SetHTTP2(protocol == 2)
		defer transport.CloseIdleConnections()
		for range 3 {
			res, err := (&http.Client{Transport: transport}).Get("https://" + addr + s.path())
			if err != nil {
				t.Fatal(err)
			}
			if n, err := io.Copy(io.Discard, res.Body); err == nil || res.ProtoMajor != protocol {
				t.Errorf("%s: after %d bytes: %v", res.Proto, n, err)
			}
			res.Body.Close()
		}
	}
}

// TestListen_systemd: a socket that systemd passes is the one that is used. The child
// is this test, with the socket as its third descriptor.
func TestListen_systemd(t *testing.T) {
	if os.Getenv("LISTEN_FDS") != "" {
		l, err := serve.Listen(t.Context(), "127.0.0.1:1", os.Getenv)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Printf("listening at %s\n", l.Addr())
		return
	}
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("SKIPPED, NOT PASSED: there is no sh")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for fds, want := range map[string]string{"1": "listening at " + l.Addr().String(), "2": "systemd passes 2 sockets"} {
		cmd := exec.CommandContext(t.Context(), sh, "-c", `LISTEN_PID=$$ exec "$0" -test.run '^TestListen_systemd$'`, os.Args[0])
		cmd.Env, cmd.ExtraFiles = append(os.Environ(), "LISTEN_FDS="+fds), []*os.File{f}
		if out, _ := cmd.CombinedOutput(); !strings.Contains(string(out), want) {
			t.Errorf("%s sockets: %s", fds, out)
		}
	}
}
