package http_test

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"runtime/metrics"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/symres/symres/sympath"
	symhttp "github.com/symres/symres/sympath/http"
)

// watchHeap samples what is alive on the heap until the function it returns is
// called, which gives the highest value. How much garbage lies beside it is a
// matter of when the collector runs.
func watchHeap() (stop func() uint64) {
	runtime.GC()
	done, peak := make(chan struct{}), make(chan uint64)
	go func() {
		var most uint64
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		for {
			metrics.Read(live)
			most = max(most, live[0].Value.Uint64())
			select {
			case <-done:
				peak <- most
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	return func() uint64 { close(done); return <-peak }
}

// crowd is a server that holds the requests for files until eight are there,
// and notes how many come before it lets them go.
type crowd struct {
	*httptest.Server
	data          []byte
	inside, conns atomic.Int32
	full, open    chan struct{}
	most          atomic.Int32 // inside while nobody may leave
}

func newCrowd(data []byte) *crowd {
	c := &crowd{data: data, full: make(chan struct{}), open: make(chan struct{})}
	c.Server = httptest.NewUnstartedServer(c)
	c.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			c.conns.Add(1)
		}
	}
	c.Start()
	return c
}

func (c *crowd) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.HasSuffix(r.URL.Path, ".pdb") {
		http.NotFound(w, r)
		return
	}
	n := c.inside.Add(1)
	if n == 8 {
		close(c.full)
	}
	select {
	case <-c.open:
	default:
		c.most.Store(max(n, c.most.Load()))
		<-c.open
	}
	w.Write(c.data)
}

// Ten thousand files wanted at once take eight connections, and who waits for
// one takes little memory.
func TestLoad_tenThousandFiles(t *testing.T) {
	files := 10000
	if raceDetector {
		files = 1000 // it takes several times the memory, and a minute
	}
	s := symbol(t)
	srv := newCrowd(s.data)
	defer srv.Close()
	store := open(t, client(t, symhttp.Config{}), srv.URL)
	before := runtime.NumGoroutine()
	var wg sync.WaitGroup
	for i := range files {
		q := s.query
		q.File = fmt.Sprintf("f%d.pdb", i)
		wg.Go(func() { look(t, store, q, int64(len(s.data))) })
	}
	<-srv.full
	for runtime.NumGoroutine() < before+2*files { // each with its fetch
		time.Sleep(time.Millisecond)
	}
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	descriptors := 0
	if names, err := os.ReadDir("/proc/self/fd"); err == nil {
		descriptors = len(names)
	}
	if srv.most.Load() != 8 || descriptors >= 256 || m.HeapAlloc >= 128<<20 {
		t.Errorf("%d requests (8 at a time), %d descriptors (under 256), %d MB (under 128)", srv.most.Load(), descriptors, m.HeapAlloc>>20)
	}
	stop := watchHeap()
	close(srv.open)
	wg.Wait()
	// How many files are in memory then is a matter of who runs when.
	t.Logf("%d requests, %d connections in all, %d descriptors, %.1f MB waiting, %.1f MB at most", srv.most.Load(), srv.conns.Load(), descriptors,
		float64(m.HeapAlloc)/(1<<20), float64(stop())/(1<<20))
}

// look finds a file and opens it.
func look(t *testing.T, store sympath.Store, q sympath.Query, size int64) {
	for c, err := range store.Find(t.Context(), q) {
		if err != nil {
			t.Error(err)
			return
		}
		f, err := c.Open(t.Context())
		if err != nil || f.Size() != size {
			t.Errorf("%s: %v", q.File, err)
			return
		}
		f.Close()
		return
	}
}

// HTTP/2: a stream that is reset, and a connection that is told to go away,
// in the middle of a body.
func TestHTTP2_brokenStream(t *testing.T) {
	s := symbol(t)
	for name, breakOff := range map[string]func(w http.ResponseWriter){
		"reset": func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			var n atomic.Int32
			srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.ProtoMajor != 2 {
					t.Errorf("%s", r.Proto)
				}
				if !strings.HasSuffix(r.URL.Path, s.path) {
					http.NotFound(w, r)
					return
				}
				w.Header().Set("ETag", `"v1"`)
				if n.Add(1) == 1 {
					w.Header().Set("Content-Length", fmt.Sprint(len(s.data)))
					w.Write(s.data[:1000])
					w.(http.Flusher).Flush()
					breakOff(w)
				}
				http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(s.data))
			}))
			srv.EnableHTTP2 = true
			srv.StartTLS()
			defer srv.Close()
			pool := srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
			cl := client(t, symhttp.Config{RootCAs: pool})
			if r := run(t, open(t, cl, srv.URL), s.query); !r.found || r.content != string(s.data) || n.Load() != 2 {
				t.Errorf("found %v after %d requests: %v", r.found, n.Load(), r.last())
			}
		})
	}
}

// The server goes away politely while a file is on its way, and comes back.
func TestHTTP2_goAway(t *testing.T) {
	s := symbol(t)
	first := true
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, s.path) {
			http.NotFound(w, r)
			return
		}
		if first {
			first = false
			w.Header().Set("Connection", "close") // GOAWAY in HTTP/2
		}
		w.Write(s.data)
	}))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	pool := srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	store := open(t, client(t, symhttp.Config{RootCAs: pool}), srv.URL)
	for range 2 {
		if r := run(t, store, s.query); !r.found || r.content != string(s.data) {
			t.Errorf("found %v: %v", r.found, r.last())
		}
	}
}

// However many want one file, each form of it is asked for once, and so is
// index2.txt, whether the server has the file or not.
func TestLoad_tenThousandCallers(t *testing.T) {
	callers := 10000
	if raceDetector {
		callers = 1000
	}
	s := symbol(t)
	forms := []string{"/index2.txt", s.path}
	for name, want := range map[string][]string{
		"found":   forms,
		"missing": append(forms, strings.TrimSuffix(s.path, "b")+"_", pointer(s)),
	} {
		t.Run(name, func(t *testing.T) {
			srv := serve(t, false, func(w http.ResponseWriter, r *http.Request) {
				if name == "found" && r.URL.Path == s.path {
					w.Write(s.data)
					return
				}
				http.NotFound(w, r)
			})
			store := open(t, client(t, symhttp.Config{}), "srv*"+t.TempDir()+"*"+srv.URL)
			before := runtime.NumGoroutine()
			var wg sync.WaitGroup
			for range callers {
				wg.Go(func() {
					if r := run(t, store, s.query); r.found != (name == "found") || r.found && r.content != string(s.data) {
						t.Errorf("found %v, %v", r.found, r.last())
					}
				})
			}
			if n := runtime.NumGoroutine() - before; n > callers+32 { // those of the server and the connection too
				t.Errorf("%d goroutines for %d callers", n, callers)
			}
			wg.Wait()
			wantURIs(t, srv.uris(), want...)
		})
	}
}
