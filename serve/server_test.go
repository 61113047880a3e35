package serve_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
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
