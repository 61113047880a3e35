package sympath_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/symres/symres/sympath"
)

func TestConcurrent_tenThousandCallers(t *testing.T) {
	const callers = 10000
	o := serving(1)
	o.hold, o.began = make(chan struct{}), make(chan struct{}, 1)
	for name, path := range map[string]string{
		"cache": "srv*" + t.TempDir() + "*https://symbols.test", "no cache": "https://symbols.test",
	} {
		t.Run(name, func(t *testing.T) {
			o.fetches.Store(0)
			o.hold = make(chan struct{})
			joined := make(chan struct{})
			store := o.store(t, t.TempDir()+";"+path, sympath.Options{Trace: hearing(callers, joined)})
			before := runtime.NumGoroutine()
			var wg sync.WaitGroup
			var good atomic.Int32
			for range callers {
				wg.Go(func() {
					if got := search(context.Background(), store, query(1)); got.err == nil && len(got.data) == 10000 {
						good.Add(1)
					} else {
						t.Error(got.err)
					}
				})
			}
			<-o.began
			// Without a cache there is nothing to find for those who come later.
			<-joined
			if n := runtime.NumGoroutine() - before; n > callers+8 {
				t.Errorf("%d goroutines for %d callers", n, callers)
			}
			close(o.hold)
			wg.Wait()
			if o.fetches.Load() != 1 || good.Load() != callers {
				t.Errorf("%d fetches, %d good answers", o.fetches.Load(), good.Load())
			}
		})
	}
}

// hearing is a trace that closes joined once so many callers have heard of a
// fetch that is held: they all wait for it then.
func hearing(callers int32, joined chan struct{}) *sympath.Trace {
	var heard atomic.Int32
	return &sympath.Trace{Event: func(_ sympath.Query, e sympath.Event) {
		if e.Location == held.Location && heard.Add(1) == callers {
			close(joined)
		}
	}}
}

// The one who began the fetch may leave; the fetch ends when the last one does.
func TestConcurrent_firstCallerLeaves(t *testing.T) {
	o := serving(1)
	o.hold, o.began = make(chan struct{}), make(chan struct{}, 1)
	joined := make(chan struct{})
	store := o.store(t, "https://symbols.test", sympath.Options{Trace: hearing(2, joined)})
	first, cancel := context.WithCancel(context.Background())
	left := make(chan outcome)
	go func() { left <- search(first, store, query(1)) }()
	<-o.began
	stayed := make(chan outcome)
	go func() { stayed <- search(context.Background(), store, query(1)) }()
	<-joined
	cancel()
	if got := <-left; !errors.Is(got.err, context.Canceled) {
		t.Errorf("who left got %v", got.err)
	}
	close(o.hold)
	if got := <-stayed; got.err != nil || len(got.data) != 10000 || o.fetches.Load() != 1 {
		t.Errorf("who stayed got %v after %d fetches", got.err, o.fetches.Load())
	}

	// And when everybody leaves, the fetcher's context ends.
	o.hold = make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	go func() { left <- search(ctx, store, query(1)) }()
	<-o.began
	cancel()
	if got := <-left; !errors.Is(got.err, context.Canceled) {
		t.Errorf("got %v", got.err)
	} // goleak sees to it that Fetch returned
}

// server is a real symbol server for one file, that counts.
func server(t testing.TB, data []byte, slow time.Duration) (url string, count func() map[string]int) {
	t.Helper()
	var mu sync.Mutex
	requests := map[string]int{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		requests[r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]]++
		mu.Unlock()
		if data == nil || !strings.HasSuffix(r.URL.Path, "/f.pdb/A00000011/f.pdb") {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(data)))
		w.Write(data[:len(data)/2])
		w.(http.Flusher).Flush()
		select {
		case <-time.After(slow):
		case <-r.Context().Done():
		}
		w.Write(data[len(data)/2:])
	}))
	t.Cleanup(srv.Close)
	return srv.URL, func() map[string]int {
		mu.Lock()
		defer mu.Unlock()
		return requests
	}
}

// startChild makes a process that looks for f.pdb. prefix is a program to run it under.
func startChild(t testing.TB, path string, prefix ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	args := append(prefix, exe)
	cmd := exec.Command(args[0], args[1:]...)
	// The race detector waits a second at the end unless told otherwise.
	cmd.Env = append(os.Environ(), childPath+"="+path, "GORACE=atexit_sleep_ms=0")
	return cmd
}

func TestProcesses_oneFetch(t *testing.T) {
	for _, n := range []int{2, 8, 32} {
		for name, data := range map[string][]byte{"found": symbolFile(idOf(1), 100000), "missing": nil} {
			t.Run(fmt.Sprintf("%d %s", n, name), func(t *testing.T) {
				dir := t.TempDir()
				url, count := server(t, data, 100*time.Millisecond)
				var wg sync.WaitGroup
				for range n {
					wg.Go(func() {
						out, err := startChild(t, "srv*"+dir+"*"+url).CombinedOutput()
						if (err == nil) != (data != nil) {
							t.Errorf("%v: %s", err, out)
						}
					})
				}
				wg.Wait()
				for form, n := range count() {
					if n != 1 {
						t.Errorf("%s was asked for %d times", form, n)
					}
				}
				if left, _ := os.ReadDir(filepath.Join(dir, ".symres/tmp")); len(left) != 0 {
					t.Errorf("left behind: %v", left)
				}
			})
		}
	}
}

// A process that holds the lock and is stopped does not stop the others; one
// that makes progress is waited for, however long it takes.
func TestProcesses_lockIsBounded(t *testing.T) {
	dir := t.TempDir()
	o := serving(1)
	o.hold, o.began = make(chan struct{}), make(chan struct{}, 1)
	held := make(chan outcome)
	go func() {
		held <- search(context.Background(), o.store(t, "srv*"+dir+"*https://symbols.test", sympath.Options{}), query(1))
	}()
	<-o.began
	other := serving(1)
	store := other.store(t, "srv*"+dir+"*https://symbols.test", sympath.Options{LockWait: 50 * time.Millisecond})
	start := time.Now()
	got := mustFind(t, store, query(1))
	if took := time.Since(start); took < 50*time.Millisecond || other.fetches.Load() != 1 || got.count(sympath.EventWait) != 1 {
		t.Errorf("went alone after %v with %d fetches, events %+v", took, other.fetches.Load(), got.events)
	}
	close(o.hold)
	if got := <-held; got.err != nil {
		t.Errorf("the one who was slow: %v", got.err)
	}
	// A caller that waits for the lock can leave.
	o.hold = make(chan struct{})
	q := query(2)
	o.files.Store(q.ID.Key(), symbolFile(q.ID, 100))
	go func() {
		held <- search(context.Background(), o.store(t, "srv*"+dir+"*https://symbols.test", sympath.Options{}), q)
	}()
	<-o.began
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
	defer cancel()
	if got := search(ctx, other.store(t, "srv*"+dir+"*https://symbols.test", sympath.Options{}), q); !errors.Is(got.err, context.DeadlineExceeded) {
		t.Errorf("waited on: %v", got.err)
	}
	close(o.hold)
	<-held
}

// The candidate of a file that no cache took can still be opened later: it is
// fetched again.
func TestRemote_openedLate(t *testing.T) {
	o := serving(1)
	store := o.store(t, "https://symbols.test", sympath.Options{})
	var late sympath.Candidate
	for c, err := range store.Find(context.Background(), query(1)) {
		if err != nil {
			t.Fatal(err)
		}
		late = c
		break
	}
	for range 2 {
		if got := content(t, late); len(got) != 10000 {
			t.Errorf("%d bytes", len(got))
		}
	}
	if o.fetches.Load() != 3 {
		t.Errorf("%d fetches, want one for the search and one for each opening", o.fetches.Load())
	}
	o.files.Clear()
	if _, err := late.Open(context.Background()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("opened what is gone: %v", err)
	}
	f := func() sympath.File {
		o.files.Store(idOf(1).Key(), symbolFile(idOf(1), 100))
		f, err := late.Open(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return f
	}()
	f.Close()
	if _, err := f.ReadAt(make([]byte, 1), 0); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("read after Close: %v", err)
	}
}

func TestRemote_progress(t *testing.T) {
	o := &origin{}
	o.files.Store(idOf(1).Key(), symbolFile(idOf(1), 1<<20))
	got := mustFind(t, o.store(t, "srv*"+t.TempDir()+"*https://symbols.test", sympath.Options{}), query(1))
	var last sympath.Event
	for _, e := range got.events {
		if e.Kind == sympath.EventProgress {
			if e.Done < last.Done {
				t.Errorf("progress went back from %d to %d", last.Done, e.Done)
			}
			last = e
		}
	}
	if last.Done != 1<<20 || last.Total != 1<<20 || got.count(sympath.EventStart) != 1 {
		t.Errorf("last progress %+v, %d starts", last, got.count(sympath.EventStart))
	}
}
