package serve_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/pdb"
	"github.com/symres/symres/serve"
	"github.com/symres/symres/serve/symbolicate"
	"github.com/symres/symres/sympath"
	"github.com/symres/symres/sympath/stores"
)

// sample is a PDB and its key.
type sample struct {
	name, guid string
	age        uint32
	data       []byte
}

func (s sample) path() string { return fmt.Sprintf("/%s/%s%x/%s", s.name, s.guid, s.age, s.name) }

// newSample returns the PDB of the demo's driver.
func newSample(t testing.TB) sample {
	t.Helper()
	data := fixture.Bytes(t, "demo/symbols/fs_rec.pdb")
	f, err := pdb.New(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	g, age := f.ID()
	return sample{"fs_rec.pdb", g.Key(), age, data}
}

// start serves a store.
func start(t testing.TB, cfg serve.Config) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(serve.Handler(cfg))
	t.Cleanup(server.Close)
	return server
}

// upstream is a cache that is filled from a server.
func upstream(t testing.TB, url string) (store sympath.Store, dir string) {
	t.Helper()
	dir = t.TempDir()
	all := stores.New(stores.Config{Getenv: func(string) string { return "" }})
	t.Cleanup(func() { all.Close() })
	store, err := all.Open("srv*" + dir + "*" + url)
	if err != nil {
		t.Fatal(err)
	}
	return store, dir
}

func get(t testing.TB, method, url string, header ...string) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, body
}

// TestRequests asks as the clients do, and as none should.
func TestRequests(t *testing.T) {
	s := newSample(t)
	s.age = 0x1a
	data := withAge(t, s)
	name, key := s.name, s.guid+"1a"
	server := start(t, serve.Config{
		Symbols: sympath.Symsrv("store", fstest.MapFS{name + "/" + s.guid + "1a/" + name: {Data: data}}),
	})
	for path, want := range map[string]int{
		"/" + name + "/" + key + "/" + name:                                     200,
		"/" + name + "/" + strings.ToLower(key) + "/" + name:                    200, // dotnet-symbol
		"/FS_REC.PDB/" + strings.ToUpper(key) + "/FS_REC.PDB":                   200,
		"/" + name + "/" + s.guid + "26/" + name:                                200, // LLDB: 0x1a in decimal
		"/fs/" + name + "/" + key + "/" + name:                                  200, // two tiers
		"/" + name + "/" + s.guid + "1b/" + name:                                404,
		"/" + name + "/" + key + "/fs_rec.pd_":                                  404,
		"/" + name + "/" + key + "/file.ptr":                                    404,
		"/fs_rec.pd_/" + key + "/fs_rec.pd_":                                    404,
		"/index2.txt":                                                           404,
		"/pingme.txt":                                                           404,
		"/" + name:                                                              404,
		"/" + name + "/FFFFFFFE2000/" + name:                                    404, // kd, of images without a stamp
		"/" + name + "/" + key + "/" + name + "/":                               404,
		"/xx/" + name + "/" + key + "/" + name:                                  404,
		"/" + name + "/" + key + "/..%2f..%2fetc%2fpasswd":                      404,
		"/..%2f..%2fetc%2fpasswd/" + key + "/..%2f..%2fetc%2fpasswd":            404,
		"/" + name + "/../" + name:                                              404,
		"/%00/" + key + "/%00":                                                  404,
		"/" + strings.Repeat("x", 2000) + "/1/" + strings.Repeat("x", 2000):     404,
		"/" + name + "/" + key + "/" + name + "?x=" + strings.Repeat("y", 1000): 200,
		"/symbolicate/v5":                                                       404,
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			res, body := get(t, method, server.URL+path)
			if res.StatusCode != want {
				t.Errorf("%s %.100s: %s, want %d", method, path, res.Status, want)
			}
			if method == http.MethodGet && want == 200 && !bytes.Equal(body, data) {
				t.Errorf("%.100s: other bytes", path)
			}
			if want == 404 && (res.ContentLength != 0 || res.Header.Get("Cache-Control") != "no-store") {
				t.Errorf("%.100s: a miss of %d bytes, %v", path, res.ContentLength, res.Header)
			}
		}
	}
	if res, _ := get(t, http.MethodDelete, server.URL+s.path()); res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("DELETE: %s", res.Status)
	}
}

// withAge returns the PDB with another age.
func withAge(t *testing.T, s sample) []byte {
	t.Helper()
	data := bytes.Clone(s.data)
	// The DBI header: signature -1, version 19990903, age (microsoft-pdb dbi.h).
	head := []byte{0xff, 0xff, 0xff, 0xff, 0x77, 0x09, 0x31, 0x01}
	at := bytes.Index(data, head)
	if at < 0 || bytes.Count(data, head) != 1 {
		t.Fatal("no header of a DBI stream")
	}
	data[at+8], data[at+9], data[at+10], data[at+11] = byte(s.age), 0, 0, 0
	return data
}

// TestRanges: parts of a file, and only of the same one.
func TestRanges(t *testing.T) {
	s := newSample(t)
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/fs_rec.pdb/"+s.guid+fmt.Sprintf("%x", s.age)+"/fs_rec.pdb" {
			http.NotFound(w, r)
			return
		}
		w.Write(s.data)
	}))
	defer origin.Close()
	store, _ := upstream(t, origin.URL)
	server := start(t, serve.Config{Symbols: store})
	res, body := get(t, http.MethodGet, server.URL+s.path())
	tag := res.Header.Get("ETag")
	if !bytes.Equal(body, s.data) || !strings.HasPrefix(tag, `"sha256-`) || res.Header.Get("Content-Type") != "application/octet-stream" {
		t.Fatalf("%s, %d bytes, %v", res.Status, len(body), res.Header)
	}
	for _, c := range []struct {
		status int
		want   []byte
		header []string
	}{
		{206, s.data[100:200], []string{"Range", "bytes=100-199"}},
		{206, s.data[100:200], []string{"Range", "bytes=100-199", "If-Range", tag}},
		{200, s.data, []string{"Range", "bytes=100-199", "If-Range", `"sha256-00"`}},
		{304, nil, []string{"If-None-Match", tag}},
		{416, nil, []string{"Range", "bytes=99999999-"}},
	} {
		res, body := get(t, http.MethodGet, server.URL+s.path(), c.header...)
		if res.StatusCode != c.status || c.want != nil && !bytes.Equal(body, c.want) {
			t.Errorf("%v: %s, %d bytes", c.header, res.Status, len(body))
		}
	}
}

// brokenFile cannot be read to its end.
type brokenFile struct{ *bytes.Reader }

func (brokenFile) Close() error { return nil }

func (f brokenFile) ReadAt(p []byte, off int64) (int, error) {
	if off > f.Size()/2 {
		return 0, errors.New("the disk is gone")
	}
	return f.Reader.ReadAt(p, off)
}

func brokenStore(s sample) sympath.Store {
	file := brokenFile{bytes.NewReader(append(bytes.Clone(s.data), make([]byte, 4<<20)...))}
	return sympath.NewStore("broken", func(_ context.Context, q sympath.Query) iter.Seq2[sympath.Candidate, error] {
		return func(yield func(sympath.Candidate, error) bool) {
			yield(sympath.NewCandidate("broken", sympath.OriginDir, func(context.Context) (sympath.File, error) { return file, nil }), nil)
		}
	})
}

// TestBrokenOff: an answer that cannot be finished is reset. symsrv files what ends
// as if it were whole.
func TestBrokenOff(t *testing.T) {
	s := newSample(t)
	cfg := serve.Config{Symbols: brokenStore(s), Verify: func(q sympath.Query, _ io.ReaderAt, _ int64) (sympath.ID, error) { return q.ID, nil }}
	server := start(t, cfg)
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET %s HTTP/1.0\r\n\r\n", s.path())
	if n, err := io.Copy(io.Discard, conn); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("HTTP/1: after %d bytes: %v", n, err)
	}
	secure := httptest.NewUnstartedServer(serve.Handler(cfg))
	secure.EnableHTTP2 = true
	secure.StartTLS()
	defer secure.Close()
	res, err := secure.Client().Get(secure.URL + s.path())
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if n, err := io.Copy(io.Discard, res.Body); err == nil || res.ProtoMajor != 2 {
		t.Errorf("%s: after %d bytes: %v", res.Proto, n, err)
	}
	if _, body := get(t, http.MethodGet, server.URL+"/statusz"); !strings.Contains(string(body), `"broken_off":1`) {
		t.Errorf("status: %s", body)
	}
}

// TestUpstreamFaults: whatever a server answers that is not the file is 404, and
// nothing of it is filed.
func TestUpstreamFaults(t *testing.T) {
	s := newSample(t)
	other := bytes.Clone(s.data)
	raw := guidBytes(t, s)
	rand.Read(other[bytes.Index(other, raw):][:16])
	for name, answer := range map[string]http.HandlerFunc{
		"a page":       func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<!DOCTYPE html><title>login</title>") },
		"empty":        func(http.ResponseWriter, *http.Request) {},
		"another file": func(w http.ResponseWriter, _ *http.Request) { w.Write(other) },
		"half": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(len(s.data)))
			w.Write(s.data[:len(s.data)/2])
			panic(http.ErrAbortHandler)
		},
		"403": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) },
		"500": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotImplemented) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			origin := httptest.NewServer(answer)
			defer origin.Close()
			store, dir := upstream(t, origin.URL)
			res, body := get(t, http.MethodGet, start(t, serve.Config{Symbols: store}).URL+s.path())
			if res.StatusCode != http.StatusNotFound || len(body) > 0 {
				t.Errorf("%s, %d bytes", res.Status, len(body))
			}
			if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(s.path()))); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("it is filed: %v", err)
			}
		})
	}
}

// guidBytes are those of the GUID as it lies in the file.
func guidBytes(t *testing.T, s sample) []byte {
	t.Helper()
	f, err := pdb.New(bytes.NewReader(s.data), int64(len(s.data)))
	if err != nil {
		t.Fatal(err)
	}
	g, _ := f.ID()
	return g[:]
}

// TestNotVerified: a store that has another file under a key has none.
func TestNotVerified(t *testing.T) {
	s := newSample(t)
	key := strings.Repeat("A", 32) + "1"
	server := start(t, serve.Config{Symbols: sympath.Symsrv("store", fstest.MapFS{s.name + "/" + key + "/" + s.name: {Data: s.data}})})
	if res, body := get(t, http.MethodGet, server.URL+"/"+s.name+"/"+key+"/"+s.name); res.StatusCode != http.StatusNotFound || len(body) > 0 {
		t.Errorf("%s, %d bytes", res.Status, len(body))
	}
	if _, body := get(t, http.MethodGet, server.URL+"/statusz"); !strings.Contains(string(body), `"reason":"what was found is another file"`) {
		t.Errorf("the reason is not told: %s", body)
	}
}

// TestOneFetch: a file that many want at once is fetched once.
func TestOneFetch(t *testing.T) {
	s := newSample(t)
	var asked atomic.Int64
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/fs_rec.pdb") {
			http.NotFound(w, r)
			return
		}
		asked.Add(1)
		w.Write(s.data)
	}))
	defer origin.Close()
	store, _ := upstream(t, origin.URL)
	server := start(t, serve.Config{Symbols: store})
	var clients sync.WaitGroup
	for range 200 {
		clients.Go(func() {
			if res, body := get(t, http.MethodGet, server.URL+s.path()); res.StatusCode != http.StatusOK || !bytes.Equal(body, s.data) {
				t.Errorf("%s, %d bytes", res.Status, len(body))
			}
		})
	}
	clients.Wait()
	if n := asked.Load(); n != 1 {
		t.Errorf("the server was asked %d times", n)
	}
}

// TestPage: names that were asked for are text on the page, and the page loads nothing.
func TestPage(t *testing.T) {
	server := start(t, serve.Config{Title: "A & B", Held: func(context.Context) (int, int64) { return 7, 123456789 }})
	get(t, http.MethodGet, server.URL+"/<b>'x.pdb/44E4EC8C2F41492B9369D6B9A059577C2/<b>'x.pdb")
	get(t, http.MethodGet, server.URL+"/a&b.pdb/44E4EC8C2F41492B9369D6B9A059577C2/a&b.pdb")
	res, body := get(t, http.MethodGet, server.URL+"/")
	page := string(body)
	for _, want := range []string{"A &amp; B", "a&amp;b.pdb", "123.5 MB", "no place has it", "srv*CACHE*" + server.URL, "0.0 %"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in %s", want, page)
		}
	}
	if strings.Contains(page, "<script") || strings.Contains(page, "<b>") || !strings.HasPrefix(res.Header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("%v\n%s", res.Header, page)
	}
	_, body = get(t, http.MethodGet, server.URL+"/statusz")
	var status struct {
		Misses int
		Last   []struct{ File, Reason string } `json:"last_misses"`
	}
	if err := json.Unmarshal(body, &status); err != nil || status.Misses != 1 || len(status.Last) != 1 || status.Last[0].File != "a&b.pdb" {
		t.Errorf("%v: %s", err, body)
	}
}

// TestPage_browser looks at the page in a real browser.
func TestPage_browser(t *testing.T) {
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("SKIPPED, NOT PASSED: there is no chromium (apt-get install chromium)")
	}
	server := start(t, serve.Config{Title: "Symbols of the team"})
	get(t, http.MethodGet, server.URL+"/missing.pdb/44E4EC8C2F41492B9369D6B9A059577C2/missing.pdb")
	out, err := exec.CommandContext(t.Context(), chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--user-data-dir="+t.TempDir(), "--dump-dom", server.URL).Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<h1>Symbols of the team</h1>", "<code>missing.pdb</code>", "<pre>_NT_SYMBOL_PATH=srv*CACHE*" + server.URL + "</pre>"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %s in the page as the browser has it: %s", want, out)
		}
	}
}

// TestNames: requests for names reach their handler.
func TestNames(t *testing.T) {
	s := newSample(t)
	store := sympath.Symsrv("store", fstest.MapFS{strings.TrimPrefix(s.path(), "/"): {Data: s.data}})
	server := start(t, serve.Config{Symbols: store, Names: symbolicate.Handler(symbolicate.Config{Symbols: store})})
	res, err := http.Post(server.URL+"/symbolicate/v5", "application/json", strings.NewReader(
		fmt.Sprintf(`{"memoryMap":[[%q,%q]],"stacks":[[[0,4096]]]}`, s.name, fmt.Sprintf("%s%X", s.guid, s.age))))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusOK || !strings.Contains(string(body), ":true}") {
		t.Errorf("%s: %s", res.Status, body)
	}
}

// FuzzPath: whatever is asked for, an answer is a file, or 404 without a body.
func FuzzPath(f *testing.F) {
	s := newSample(f)
	for _, path := range []string{s.path(), "/fs" + s.path(), "/index2.txt", "/a/b/a", "/..//..", "/fs_rec.pdb/" + s.guid + "10/fs_rec.pdb", "/%2e%2e/1/%2e%2e"} {
		f.Add(path, "bytes=0-99")
	}
	h := serve.Handler(serve.Config{Symbols: sympath.Symsrv("store", fstest.MapFS{strings.TrimPrefix(s.path(), "/"): {Data: s.data}})})
	f.Fuzz(func(t *testing.T, path, ranges string) {
		req := httptest.NewRequest(http.MethodGet, "/x", nil)
		req.URL.Path = path
		req.Header.Set("Range", ranges)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		switch {
		case w.Code == http.StatusNotFound && w.Body.Len() == 0:
		case path == "" || path == "/" || path == "/healthz" || path == "/statusz":
		case w.Code == http.StatusPartialContent || w.Code == http.StatusRequestedRangeNotSatisfiable:
		case w.Code != http.StatusOK || !bytes.Equal(w.Body.Bytes(), s.data):
			t.Errorf("%q: status %d, %d bytes", path, w.Code, w.Body.Len())
		}
	})
}

func ExampleHandler() {
	store := sympath.Symsrv("symbols", os.DirFS("testdata")) // or a cache that is filled from servers, see package stores
	server := httptest.NewServer(serve.Handler(serve.Config{Symbols: store}))
	defer server.Close()
	res, err := http.Get(server.URL + "/ntdll.pdb/44E4EC8C2F41492B9369D6B9A059577C2/ntdll.pdb")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer res.Body.Close()
	fmt.Println(res.Status)
	// Output: 404 Not Found
}
