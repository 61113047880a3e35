package symbolicate_test

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/symres/symres/serve/symbolicate"
	"github.com/symres/symres/sympath"
)

// waiting is a store that answers when it is told to, or when the request ends.
type waiting struct {
	asked chan struct{} // one for each search
	done  chan struct{}
}

func (w waiting) Find(ctx context.Context, q sympath.Query) iter.Seq2[sympath.Candidate, error] {
	return func(yield func(sympath.Candidate, error) bool) {
		w.asked <- struct{}{}
		select {
		case <-w.done:
			yield(sympath.Candidate{}, &sympath.NotFoundError{Query: q})
		case <-ctx.Done():
			yield(sympath.Candidate{}, ctx.Err())
		}
	}
}

const slow = `{"memoryMap":[["a.pdb","44E4EC8C2F41492B9369D6B9A059577C2"],["b.pdb","44E4EC8C2F41492B9369D6B9A059577C2"]],"stacks":[[[0,1],[1,1]]]}`

// TestTooMany: who comes when all places are taken is told to come again.
func TestTooMany(t *testing.T) {
	store := waiting{make(chan struct{}, 9), make(chan struct{})}
	server := newServer(t, "", func(cfg *symbolicate.Config) { cfg.Symbols, cfg.Requests = store, 1 })
	first := make(chan int)
	go func() {
		res, err := http.Post(server.URL+"/symbolicate/v5", "application/json", strings.NewReader(slow))
		if err != nil {
			first <- 0
			return
		}
		res.Body.Close()
		first <- res.StatusCode
	}()
	<-store.asked
	if status, _ := post(t, server.URL+"/v1/nearest", `{}`); status != http.StatusServiceUnavailable {
		t.Errorf("the second request has status %d", status)
	}
	close(store.done)
	if status := <-first; status != http.StatusOK {
		t.Errorf("the first request has status %d", status)
	}
	if status, _ := post(t, server.URL+"/v1/nearest", `{}`); status != http.StatusOK {
		t.Errorf("a request after it has status %d", status)
	}
}

// TestTimeout: what could not be answered in time is told, in a whole answer.
func TestTimeout(t *testing.T) {
	store := waiting{make(chan struct{}, 9), make(chan struct{})}
	server := newServer(t, "", func(cfg *symbolicate.Config) { cfg.Symbols, cfg.Timeout = store, 50*time.Millisecond })
	status, answer := post(t, server.URL+"/symbolicate/v5", slow)
	if status != http.StatusOK || !json.Valid(answer) || strings.Count(string(answer), `"name":"Timeout"`) != 2 {
		t.Errorf("status %d: %s", status, answer)
	}
}

// TestOrigins: pages of the configured origins may ask, others may not.
func TestOrigins(t *testing.T) {
	const mine = "https://profiler.firefox.com"
	server := newServer(t, t.TempDir(), func(cfg *symbolicate.Config) { cfg.Origins = []string{mine} })
	for origin, want := range map[string]string{mine: mine, "https://other.example": "", "": ""} {
		for _, method := range []string{http.MethodOptions, http.MethodPost} {
			req, _ := http.NewRequestWithContext(t.Context(), method, server.URL+"/symbolicate/v5", strings.NewReader(`{}`))
			req.Header.Set("Origin", origin)
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if got := res.Header.Get("Access-Control-Allow-Origin"); got != want || res.StatusCode >= 300 {
				t.Errorf("%s of %q: %q, %s", method, origin, got, res.Status)
			}
		}
	}
}

// FuzzRequest: whatever is sent, the answer is JSON, a refusal repeats nothing of
// the request, and an answer has as many frames as were asked for.
func FuzzRequest(f *testing.F) {
	f.Add("/symbolicate/v5", slow)
	f.Add("/symbolicate/v5", `{"jobs":[`+slow+`,{}],"version":5}`)
	f.Add("/symbolicate/v5", `{"memoryMap":[["a",""]],"stacks":[[[0,1],[-1,9223372036854775807]],[]]}`)
	f.Add("/v1/nearest", `{"modules":[{"pdb":"a.pdb","id":"44E4EC8C2F41492B9369D6B9A059577C2","base":"ffffffffffff0000"}],"addresses":["ffffffffffffffff","0"]}`)
	dir := f.TempDir()
	h := symbolicate.Handler(symbolicate.Config{Symbols: sympath.Symsrv(dir, os.DirFS(dir))})
	f.Fuzz(func(t *testing.T, path, body string) {
		req := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		req.URL.Path = path
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		if w.Code == http.StatusNotFound || w.Code >= 300 && w.Code < 400 {
			return
		}
		if !json.Valid(w.Body.Bytes()) {
			t.Errorf("status %d, no JSON: %q", w.Code, w.Body)
		}
		if w.Code == http.StatusOK && path == "/symbolicate/v5" {
			asked, told := frames(body), strings.Count(w.Body.String(), `"module_offset":`)
			if asked != told {
				t.Errorf("%d frames asked, %d told: %s", asked, told, body)
			}
		}
	})
}

// frames counts the frames of a request.
func frames(body string) (n int) {
	type job struct{ Stacks [][]json.RawMessage }
	var all struct {
		Jobs []job
		job
	}
	if err := json.Unmarshal([]byte(body), &all); err != nil {
		return 0
	}
	if all.Jobs == nil {
		all.Jobs = []job{all.job}
	}
	for _, j := range all.Jobs {
		for _, s := range j.Stacks {
			n += len(s)
		}
	}
	return n
}

func ExampleHandler() {
	dir, err := os.MkdirTemp("", "symbols")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	server := httptest.NewServer(symbolicate.Handler(symbolicate.Config{Symbols: sympath.Symsrv(dir, os.DirFS(dir))}))
	defer server.Close()
	res, err := http.Post(server.URL+"/symbolicate/v5", "application/json",
		strings.NewReader(`{"memoryMap": [["xul.pdb", "44E4EC8C2F41492B9369D6B9A059577C2"]], "stacks": [[[0, 11723767]]]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer res.Body.Close()
	var answer struct {
		Results []struct {
			Found map[string]bool `json:"found_modules"`
		}
	}
	fmt.Println(json.NewDecoder(res.Body).Decode(&answer), answer.Results[0].Found)
	// Output: <nil> map[xul.pdb/44E4EC8C2F41492B9369D6B9A059577C2:false]
}
