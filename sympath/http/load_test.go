package http_test

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	symhttp "github.com/symres/symres/sympath/http"
)

// watchHeap samples the heap until the function it returns is called, which
// gives the highest value.
func watchHeap() (stop func() uint64) {
	runtime.GC()
	done, peak := make(chan struct{}), make(chan uint64)
	go func() {
		var most uint64
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
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

func TestLoad_tenThousandFiles(t *testing.T) {
	files := 10000
	if raceDetector {
		files = 1000 // it takes several times the memory, and a minute
	}
	s := symbol(t)
	var open8, most atomic.Int32
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".pdb") {
			w.Write(s.data)
			return
		}
		http.NotFound(w, r)
	}))
	srv.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			n := open8.Add(1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
		case http.StateClosed, http.StateHijacked:
			open8.Add(-1)
		}
	}
	srv.Start()
	defer srv.Close()
	store := open(t, client(t, symhttp.Config{}), srv.URL)
	stop := watchHeap()
	descriptors := 0
	var wg sync.WaitGroup
	for i := range files {
		q := s.query
		q.File = fmt.Sprintf("f%d.pdb", i)
		wg.Go(func() {
			if r := run(t, store, q); !r.found {
				t.Errorf("%v", r.attempts)
			}
		})
		if i == files-1 {
			if names, err := os.ReadDir("/proc/self/fd"); err == nil {
				descriptors = len(names)
			}
		}
	}
	wg.Wait()
	peak := stop()
	if most.Load() > 8 || descriptors >= 256 || peak >= 256<<20 {
		t.Errorf("%d connections (at most 8), %d descriptors (under 256), %d MB (under 256)", most.Load(), descriptors, peak>>20)
	}
	t.Logf("%d connections, %d descriptors, %.1f MB", most.Load(), descriptors, float64(peak)/(1<<20))
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
