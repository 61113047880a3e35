package http_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/symres/symres/identify"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/sympath"
	symhttp "github.com/symres/symres/sympath/http"
)

// faulty is a server that does wrong what its script says, over connections in
// memory, so that time is the bubble's and waits cost nothing.
type faulty struct {
	mu      sync.Mutex
	paths   []string
	headers []http.Header
	script  script
	conns   []net.Conn
}

// script answers the n-th request, counted from 0, and says whether the
// connection stays open.
type script func(n int, r *http.Request, w net.Conn) bool

func (f *faulty) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	f.mu.Lock()
	f.conns = append(f.conns, server)
	f.mu.Unlock()
	go func() {
		defer server.Close()
		in := bufio.NewReader(server)
		for {
			r, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			f.mu.Lock()
			n := len(f.paths)
			f.paths, f.headers = append(f.paths, r.URL.Path), append(f.headers, r.Header)
			f.mu.Unlock()
			if !f.script(n, r, server) {
				return
			}
		}
	}()
	return client, nil
}

func (f *faulty) count(path string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.paths {
		if path == "" || p == path {
			n++
		}
	}
	return n
}

func (f *faulty) header(n int) http.Header {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.headers[n]
}

// client is a client whose connections all go to the faulty server.
func (f *faulty) client(t testing.TB, cfg symhttp.Config) *symhttp.Client {
	t.Helper()
	transport := &http.Transport{DialContext: f.dial, DisableCompression: true}
	cfg.Client = &http.Client{Transport: transport}
	c, err := symhttp.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(transport.CloseIdleConnections)
	return c
}

// bubble runs a search for fs_rec.pdb on a faulty server.
func bubble(t *testing.T, s script, cfg symhttp.Config, check func(t *testing.T, f *faulty, r result)) {
	t.Helper()
	want := symbol(t)
	synctest.Test(t, func(t *testing.T) {
		f := &faulty{script: s}
		store := open(t, f.client(t, cfg), "http://symbols.test/base")
		r := run(t, store, want.query)
		if r.found && r.content != string(want.data) {
			t.Errorf("served %d bytes that are not the file", len(r.content))
		}
		check(t, f, r)
		f.stop()
	})
}

// stop ends the scripts. A bubble's clock stands still once its test is over,
// so they are given time here; what runs on after that is a leak.
func (f *faulty) stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.conns {
		c.Close()
	}
	time.Sleep(time.Minute)
}

// sample is a symbol file and the query it answers.
type sample struct {
	query sympath.Query
	data  []byte
	path  string // below the base of a server
}

func symbol(t testing.TB) sample { return sampleOf(t, "fs_rec/x64/good/fs_rec.pdb") }

func sampleOf(t testing.TB, name string) sample {
	t.Helper()
	data := fixture.Bytes(t, name)
	id, err := identify.FileID(sympath.Query{}, strings.NewReader(string(data)), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	file := name[strings.LastIndexByte(name, '/')+1:]
	return sample{sympath.Query{File: file, ID: id}, data, "/" + file + "/" + id.Key() + "/" + file}
}

func open(t testing.TB, c *symhttp.Client, url string) sympath.Store {
	t.Helper()
	p, err := sympath.Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	return p.Store(sympath.Options{HTTP: c.Store, Verify: identify.FileID})
}

// result is what a search came to.
type result struct {
	found    bool
	content  string
	err      error // of opening, or the NotFoundError
	attempts []sympath.Attempt
	events   []sympath.Event
	took     time.Duration
}

// status is the last attempt's.
func (r result) last() sympath.Attempt {
	if len(r.attempts) == 0 {
		return sympath.Attempt{}
	}
	return r.attempts[len(r.attempts)-1]
}

func (r result) kinds(k sympath.EventKind) (n int) {
	for _, e := range r.events {
		if e.Kind == k {
			n++
		}
	}
	return n
}

func run(t testing.TB, store sympath.Store, q sympath.Query) result {
	return runContext(t, context.Background(), store, q)
}

func runContext(t testing.TB, ctx context.Context, store sympath.Store, q sympath.Query) (r result) {
	t.Helper()
	ctx = sympath.WithTrace(ctx, &sympath.Trace{
		Attempt: func(_ sympath.Query, a sympath.Attempt) { r.attempts = append(r.attempts, a) },
		Event:   func(_ sympath.Query, e sympath.Event) { r.events = append(r.events, e) },
	})
	start := time.Now()
	defer func() { r.took = time.Since(start) }()
	for c, err := range store.Find(ctx, q) {
		if err != nil {
			r.err = err
			continue
		}
		file, err := c.Open(ctx)
		if err != nil {
			r.err = err
			continue
		}
		b, err := io.ReadAll(io.NewSectionReader(file, 0, file.Size()))
		file.Close()
		if err != nil {
			r.err = err
			continue
		}
		r.found, r.content, r.err = true, string(b), nil
		return r
	}
	return r
}

// reply writes a whole answer.
func reply(w io.Writer, status string, header, body string) bool {
	_, err := fmt.Fprintf(w, "HTTP/1.1 %s\r\nContent-Length: %d\r\n%s\r\n%s", status, len(body), header, body)
	return err == nil
}

// stall keeps the connection until the other side gives up.
func stall(w net.Conn) bool {
	io.Copy(io.Discard, w)
	return false
}

// after passes index2.txt and answers the n-th request for the file itself.
func after(body func(n int, r *http.Request, w net.Conn) bool) script {
	file := 0
	return func(_ int, r *http.Request, w net.Conn) bool {
		if strings.HasSuffix(r.URL.Path, "index2.txt") || strings.HasSuffix(r.URL.Path, "_") || strings.HasSuffix(r.URL.Path, "file.ptr") {
			return reply(w, "404 Not Found", "", "")
		}
		file++
		return body(file-1, r, w)
	}
}

func wantErr(t *testing.T, r result, want error) {
	t.Helper()
	if r.found || !errors.Is(r.last().Err, want) {
		t.Errorf("found %v, last attempt %v; want %v", r.found, r.last(), want)
	}
	var miss *sympath.NotFoundError
	if !errors.As(r.err, &miss) {
		t.Errorf("the search ended with %v, want a NotFoundError", r.err)
	}
}
