package http_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/symres/symres/guid"
	"github.com/symres/symres/sympath"
	symhttp "github.com/symres/symres/sympath/http"
)

// recorder is a real server on loopback that notes what it is asked.
type recorder struct {
	*httptest.Server
	mu       sync.Mutex
	requests []*http.Request
}

func serve(t testing.TB, tls bool, h http.HandlerFunc) *recorder {
	t.Helper()
	rec := &recorder{}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec.mu.Lock()
		rec.requests = append(rec.requests, r)
		rec.mu.Unlock()
		h(w, r)
	})
	if tls {
		rec.Server = httptest.NewTLSServer(handler)
	} else {
		rec.Server = httptest.NewServer(handler)
	}
	t.Cleanup(rec.Close)
	return rec
}

func (r *recorder) uris() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for _, q := range r.requests {
		out = append(out, q.RequestURI)
	}
	return out
}

// client is a client of this package's own transport. A slow machine is no
// failure: answers may take minutes.
func client(t testing.TB, cfg symhttp.Config) *symhttp.Client {
	t.Helper()
	cfg.HeaderTimeout, cfg.ProgressTimeout = 5*time.Minute, 5*time.Minute
	c, err := symhttp.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdle)
	return c
}

// file serves a sample below base and nothing else.
func file(base string, s sample) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != base+s.path {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Write(s.data)
	}
}

func wantURIs(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("requests\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestServer_order(t *testing.T) {
	srv := serve(t, false, http.NotFound)
	store := open(t, client(t, symhttp.Config{}), "srv*"+t.TempDir()+"*"+srv.URL+"/download/symbols/")
	q := sympath.Query{File: `C:\obj\Café +{1}.pdb`, ID: sympath.PDB70(guid.GUID{1}, 0)}
	r := run(t, store, q)
	const base, key = "/download/symbols", "/00000001000000000000000000000000"
	want := []string{base + "/index2.txt"}
	for _, name := range []string{"/Caf%C3%A9%20%2B%7B1%7D.pd", "/caf%C3%A9%20%2B%7B1%7D.pd"} {
		for _, key := range []string{key, key + "0"} {
			dir := base + name + "b" + key
			want = append(want, dir+name+"b", dir+name+"_")
			if name[1] == 'C' {
				want = append(want, dir+"/file.ptr")
			}
		}
	}
	wantURIs(t, srv.uris(), want...)
	if r.found || len(r.attempts) != 12 || r.last().Status != sympath.StatusNotFound {
		t.Errorf("attempts %v", r.attempts)
	}
	if h := srv.requests[1].Header; h.Get("User-Agent") != symhttp.DefaultUserAgent || len(h["Accept-Encoding"]) != 0 || len(h["Accept"]) != 0 || srv.requests[1].Method != "GET" {
		t.Errorf("%s with headers %v", srv.requests[1].Method, h)
	}
}

func TestServer_forms(t *testing.T) {
	s := symbol(t)
	for name, c := range map[string]struct {
		files  map[string]string
		found  bool
		status sympath.Status
		words  string
	}{
		"two tiers":       {map[string]string{"/index2.txt": "", "/fs" + s.path: string(s.data)}, true, sympath.StatusFound, ""},
		"compressed":      {map[string]string{strings.TrimSuffix(s.path, "b") + "_": string(zipped(s.data))}, true, sympath.StatusFound, ""},
		"message":         {map[string]string{pointer(s): "MSG: withdrawn \x1b[31m"}, false, sympath.StatusNotFound, "withdrawn"},
		"pointer":         {map[string]string{pointer(s): `PATH:\\evil\share\fs_rec.pdb`}, false, sympath.StatusRefused, "not followed"},
		"login page":      {map[string]string{"/index2.txt": "<html>", s.path: string(s.data)}, true, sympath.StatusFound, ""},
		"other file":      {map[string]string{s.path: string(sampleOf(t, "fs_rec/x86/good/fs_rec.pdb").data)}, false, sympath.StatusRefused, "not the file asked for"},
		"compressed page": {map[string]string{s.path: string(zipped([]byte("<html>")))}, false, sympath.StatusRefused, "not the file asked for"},
	} {
		t.Run(name, func(t *testing.T) {
			srv := serve(t, false, func(w http.ResponseWriter, r *http.Request) {
				if body, ok := c.files[r.URL.Path]; ok {
					w.Header().Set("Content-Type", "application/octet-stream")
					fmt.Fprint(w, body)
					return
				}
				http.NotFound(w, r)
			})
			r := run(t, open(t, client(t, symhttp.Config{}), srv.URL), s.query)
			if r.found != c.found || r.last().Status != c.status {
				t.Errorf("found %v, %v; want %v, %s", r.found, r.last(), c.found, c.status)
			}
			if line := r.last().String(); !strings.Contains(line, c.words) || strings.Contains(line, "\x1b") {
				t.Errorf("%q, want %q in it and no escapes", line, c.words)
			}
			if c.found && r.content != string(s.data) {
				t.Error("other content")
			}
		})
	}
}

func pointer(s sample) string { return s.path[:strings.LastIndexByte(s.path, '/')] + "/file.ptr" }

func TestServer_noKey(t *testing.T) {
	srv := serve(t, false, http.NotFound)
	r := run(t, open(t, client(t, symhttp.Config{}), srv.URL), sympath.Query{File: "x.pdb"})
	if len(srv.uris()) != 0 || r.last().Status != sympath.StatusNoKey {
		t.Errorf("%v, %d requests; want none without a key", r.last(), len(srv.uris()))
	}
}

func TestServer_index2Once(t *testing.T) {
	srv := serve(t, false, http.NotFound)
	c := client(t, symhttp.Config{})
	// The symbol path and the image path often name the same server.
	stores := []sympath.Store{open(t, c, srv.URL), open(t, c, srv.URL+"/")}
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			run(t, stores[i%2], sympath.Query{File: fmt.Sprintf("f%d.pdb", i), ID: sympath.PDB20(1<<31, 1)})
		})
	}
	wg.Wait()
	n := 0
	for _, u := range srv.uris() {
		if u == "/index2.txt" {
			n++
		}
	}
	if n != 1 || len(srv.uris()) != 301 {
		t.Errorf("index2.txt asked for %d times, %d requests; want 1 and 301", n, len(srv.uris()))
	}
}

// A server that tells cases apart and was filled by a tool that writes lower
// case is asked the right way first once that worked.
func TestServer_letterCase(t *testing.T) {
	s := symbol(t)
	s.query.File = "Fs_Rec.PDB"
	low := sample{s.query, s.data, strings.ToLower(s.path)}
	srv := serve(t, false, file("", low))
	c := client(t, symhttp.Config{CaseProbe: true})
	key := s.query.ID.Key()
	up, lowName, lowBoth := "/Fs_Rec.PDB/"+key, "/fs_rec.pdb/"+key, strings.ToLower(s.path)
	for round, want := range [][]string{
		{"/index2.txt", up + "/Fs_Rec.PDB", up + "/Fs_Rec.PD_", up + "/file.ptr", lowName + "/fs_rec.pdb", lowName + "/fs_rec.pd_", lowBoth},
		{"/index2.txt", up + "/Fs_Rec.PDB", up + "/Fs_Rec.PD_", up + "/file.ptr", lowName + "/fs_rec.pdb", lowName + "/fs_rec.pd_", lowBoth, lowBoth},
	} {
		if r := run(t, open(t, c, srv.URL), s.query); !r.found {
			t.Fatalf("round %d: %v", round, r.last())
		}
		if round == 1 { // a store of its own; the host is known
			want = []string{lowBoth}
			wantURIs(t, srv.uris()[7:], want...)
			continue
		}
		wantURIs(t, srv.uris(), want...)
	}
}

func TestServer_caseNotProbed(t *testing.T) {
	srv := serve(t, false, http.NotFound)
	run(t, open(t, client(t, symhttp.Config{}), srv.URL), symbol(t).query)
	if n := len(srv.uris()); n != 4 {
		t.Errorf("%d requests, want index2.txt and three forms", n)
	}
}

func TestServer_encodedBomb(t *testing.T) {
	bomb := zipped(append([]byte("Microsoft C/C++ MSF 7.00\r\n\x1aDS"), make([]byte, 18<<20)...))
	srv := serve(t, false, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".pdb") {
			w.Header().Set("Content-Encoding", "gzip")
			w.Write(bomb)
			return
		}
		http.NotFound(w, r)
	})
	r := run(t, open(t, client(t, symhttp.Config{}), srv.URL), symbol(t).query)
	wantErr(t, r, sympath.ErrTooLarge)
}

func TestServer_claimsTooMuch(t *testing.T) {
	srv := serve(t, false, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".pdb") {
			w.Header().Set("Content-Length", "5000000000")
			w.Write([]byte("Microsoft C/C++ MSF 7.00"))
			return
		}
		http.NotFound(w, r)
	})
	wantErr(t, run(t, open(t, client(t, symhttp.Config{}), srv.URL), symbol(t).query), sympath.ErrTooLarge)
}

func TestServer_offline(t *testing.T) {
	srv := serve(t, false, http.NotFound)
	p, err := sympath.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	r := run(t, p.Store(sympath.Options{HTTP: client(t, symhttp.Config{}).Store, Offline: true}), symbol(t).query)
	if len(srv.uris()) != 0 || r.last().Status != sympath.StatusOffline {
		t.Errorf("%v and %d requests, want none", r.last(), len(srv.uris()))
	}
}

func TestNew_environment(t *testing.T) {
	dir := t.TempDir()
	gpg := filepath.Join(dir, "netrc.GPG")
	os.WriteFile(gpg, nil, 0o600)
	for name, c := range map[string]symhttp.Config{
		"encrypted netrc": {Netrc: gpg},
		"missing netrc":   {Netrc: filepath.Join(dir, "none")},
		"netrc of NETRC":  {Getenv: env("NETRC=" + gpg)},
		"SYMRES_AUTH":     {Getenv: env("SYMRES_AUTH=https://h=u:p secret")},
		"proxy":           {Getenv: env("_NT_SYMBOL_PROXY=:::secret")},
	} {
		if _, err := symhttp.New(c); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// env is a Getenv that knows nothing but what it is told.
func env(vars ...string) func(string) string {
	return func(name string) string {
		for _, v := range vars {
			if value, ok := strings.CutPrefix(v, name+"="); ok {
				return value
			}
		}
		return ""
	}
}

// A login that is wanted says where it goes, one that is not accepted that it
// was made; neither shows it.
func TestServer_login(t *testing.T) {
	s := symbol(t)
	srv := serve(t, false, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
	for url, want := range map[string]string{
		srv.URL: "no credential for the server: set SYMRES_AUTH=",
		strings.Replace(srv.URL, "://", "://me:hunter2@", 1): "the credential is not accepted",
	} {
		got := run(t, open(t, client(t, symhttp.Config{}), url), s.query).last().Err
		if !errors.Is(got, symhttp.ErrPermission) || !strings.Contains(got.Error(), want) || strings.Contains(got.Error(), "hunter2") {
			t.Errorf("%v, want %q", got, want)
		}
	}
}

// A signed URL is sent with its signature and shown without.
func TestServer_signedURL(t *testing.T) {
	s := symbol(t)
	srv := serve(t, false, file("/sym", s))
	r := run(t, open(t, client(t, symhttp.Config{}), srv.URL+"/sym?sig=hunter2"), s.query)
	if !r.found || strings.Contains(fmt.Sprint(r.attempts), "hunter2") {
		t.Errorf("found %v: %v", r.found, r.attempts)
	}
	wantURIs(t, srv.uris(), "/sym/index2.txt?sig=hunter2", "/sym"+s.path+"?sig=hunter2")
}
