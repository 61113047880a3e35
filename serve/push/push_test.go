package push_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/symres/symres/identify"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/pdb"
	"github.com/symres/symres/serve"
	"github.com/symres/symres/serve/push"
	"github.com/symres/symres/sympath"
)

// newStore serves a store that takes uploads with the token "up", and whose files are
// read with the token "read".
func newStore(t testing.TB, private bool) (*httptest.Server, *sympath.Cache) {
	t.Helper()
	dir := t.TempDir()
	cache := sympath.NewCache(dir, sympath.Options{Verify: identify.FileID})
	path, err := sympath.Parse("cache*" + dir)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(serve.Handler(serve.Config{
		Symbols: path.Store(sympath.Options{Verify: identify.FileID}), Uploads: cache, Private: private, MaxUpload: 1 << 20,
		Tokens: []serve.Token{serve.NewToken("up", serve.RightUpload, "ci"), serve.NewToken("read", serve.RightRead, "people"),
			serve.NewToken("", serve.RightRead|serve.RightUpload, "by mistake")},
	}))
	t.Cleanup(server.Close)
	return server, cache
}

// builds returns n PDBs that differ in their GUIDs.
func builds(t testing.TB, n int) [][]byte {
	t.Helper()
	data := fixture.Bytes(t, "demo/symbols/fs_rec.pdb")
	f, err := pdb.New(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	g, _ := f.ID()
	at := bytes.Index(data, g[:])
	list := make([][]byte, n)
	for i := range list {
		list[i] = bytes.Clone(data)
		rand.Read(list[i][at:][:len(g)])
	}
	return list
}

// TestPush_many: 8 clients push builds, each by two of them: all are there
// and none is replaced.
func TestPush_many(t *testing.T) {
	server, cache := newStore(t, true)
	n := 200 // SYMRES_BUILDS=1000 for as many as a large team has
	if k, err := strconv.Atoi(os.Getenv("SYMRES_BUILDS")); err == nil {
		n = k
	}
	all := builds(t, n)
	var mu sync.Mutex
	statuses := map[serve.UploadStatus]int{}
	var clients sync.WaitGroup
	for k := range 8 {
		clients.Go(func() {
			c := push.Client{URL: server.URL, Token: "up"}
			for i := k / 2; i < n; i += 4 {
				up, err := c.Push(t.Context(), "fs_rec.pdb", bytes.NewReader(all[i]), int64(len(all[i])))
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				statuses[up.Status]++
				mu.Unlock()
			}
		})
	}
	clients.Wait()
	if statuses[serve.UploadAdded] != n || statuses[serve.UploadThere] != n {
		t.Errorf("%v of %d builds pushed twice", statuses, n)
	}
	for i, data := range all {
		if body, status := read(t, server, "read", data); status != http.StatusOK || !bytes.Equal(body, data) {
			t.Fatalf("build %d: status %d, %d bytes", i, status, len(body))
		}
	}
	for f, err := range cache.Verify(t.Context()) {
		if err != nil || f.Err != nil {
			t.Error(f, err)
		}
	}
}

// read asks for the file that has the identity of data.
func read(t testing.TB, server *httptest.Server, token string, data []byte) ([]byte, int) {
	t.Helper()
	f, err := pdb.New(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	g, age := f.ID()
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("%s/fs_rec.pdb/%s%x/fs_rec.pdb", server.URL, g.Key(), age), nil)
	req.SetBasicAuth("", token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(res.Body); err != nil {
		t.Fatal(err)
	}
	return body.Bytes(), res.StatusCode
}

// TestConflict: a second, different file under a key is refused and told.
func TestConflict(t *testing.T) {
	server, _ := newStore(t, false)
	first := builds(t, 1)[0]
	second := bytes.Clone(first)
	second[len(second)-1]++ // the last byte of the last block
	c := push.Client{URL: server.URL, Token: "up"}
	if _, err := c.Push(t.Context(), "fs_rec.pdb", bytes.NewReader(first), int64(len(first))); err != nil {
		t.Fatal(err)
	}
	up, err := c.Push(t.Context(), "fs_rec.pdb", bytes.NewReader(second), int64(len(second)))
	if !errors.Is(err, push.ErrConflict) || up.Status != serve.UploadConflict {
		t.Errorf("%+v, %v", up, err)
	}
	if body, _ := read(t, server, "", first); !bytes.Equal(body, first) {
		t.Error("the first one was replaced")
	}
	res, err := http.Get(server.URL + "/statusz")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(res.Body); err != nil || !strings.Contains(body.String(), `"upload_conflicts":1`) {
		t.Errorf("%v: %s", err, &body)
	}
}

// TestCompressed: a compressed file is filed as what is in it, and is there the second
// time.
func TestCompressed(t *testing.T) {
	server, _ := newStore(t, false)
	data := builds(t, 1)[0]
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(data); err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	for _, want := range []int{http.StatusCreated, http.StatusOK} {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodPut, server.URL+"/upload/fs_rec.pdb", bytes.NewReader(packed.Bytes()))
		req.Header.Set("Auth-Token", "up")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("%s, want %d", res.Status, want)
		}
	}
	if body, _ := read(t, server, "", data); !bytes.Equal(body, data) {
		t.Error("other bytes")
	}
}

// TestRights: who may not upload uploads nothing, and who may not read cannot tell
// what is there.
func TestRights(t *testing.T) {
	server, _ := newStore(t, true)
	data := builds(t, 2)
	for _, token := range []string{"", "read", "UP", "up"} {
		c := push.Client{URL: server.URL, Token: token}
		_, err := c.Push(t.Context(), "fs_rec.pdb", bytes.NewReader(data[0]), int64(len(data[0])))
		if taken := token == "up"; taken != (err == nil) || !taken && !errors.Is(err, push.ErrRefused) {
			t.Errorf("token %q: %v", token, err)
		}
	}
	for token, want := range map[string][2]int{"": {404, 404}, "no": {404, 404}, "up": {404, 404}, "read": {200, 404}} {
		for i, data := range data {
			if body, status := read(t, server, token, data); status != want[i] || status == 404 && len(body) > 0 {
				t.Errorf("token %q, file %d: status %d", token, i, status)
			}
		}
	}
	for _, path := range []string{"/", "/statusz", "/symbolicate/v5"} {
		if res, err := http.Get(server.URL + path); err != nil || res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %v, %v", path, res.Status, err)
		}
	}
}

// TestRefused: what is no PDB or image, or too large, is not taken, whatever it is
// called, and neither is a name that leads elsewhere.
func TestRefused(t *testing.T) {
	server, cache := newStore(t, false)
	for name, body := range map[string][]byte{
		"a.pdb": []byte("no PDB"), "b.pdb": bytes.Repeat([]byte("x"), 2<<20), "..%2f..%2fc.pdb": builds(t, 1)[0], "file.ptr": builds(t, 1)[0], "": builds(t, 1)[0],
	} {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodPut, server.URL+"/upload/"+name, bytes.NewReader(body))
		req.Header.Set("Auth-Token", "up")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%q: %s", name, res.Status)
		}
	}
	c := push.Client{URL: server.URL, Token: "up"}
	if _, err := c.Push(t.Context(), "a.pdb", strings.NewReader("no PDB"), 6); !errors.Is(err, sympath.ErrMismatch) {
		t.Errorf("no PDB: %v", err)
	}
	if report, err := cache.Trim(t.Context(), sympath.TrimOptions{}); err != nil || report.Kept != 0 {
		t.Errorf("%+v, %v", report, err)
	}
}

// TestOnceMore: a request that failed is made once more.
func TestOnceMore(t *testing.T) {
	n := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n++
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer server.Close()
	c := push.Client{URL: server.URL}
	data := builds(t, 1)[0]
	if _, err := c.Push(t.Context(), "fs_rec.pdb", bytes.NewReader(data), int64(len(data))); !errors.Is(err, push.ErrRefused) || n != 4 {
		t.Errorf("%d requests, %v", n, err)
	}
	server.Close()
	if _, err := c.Push(t.Context(), "fs_rec.pdb", bytes.NewReader(data), int64(len(data))); err == nil {
		t.Error("pushed to no server")
	}
}

func ExampleClient_Push() {
	dir, err := os.MkdirTemp("", "store")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	server := httptest.NewServer(serve.Handler(serve.Config{
		Uploads: sympath.NewCache(dir, sympath.Options{Verify: identify.FileID}), Tokens: []serve.Token{serve.NewToken("secret", serve.RightUpload, "")},
	}))
	defer server.Close()
	data, err := fixture.Read("demo/symbols/fs_rec.pdb")
	if err != nil {
		fmt.Println(err)
		return
	}
	c := push.Client{URL: server.URL, Token: "secret"}
	up, err := c.Push(context.Background(), "fs_rec.pdb", bytes.NewReader(data), int64(len(data)))
	fmt.Println(up.Status, up.Key, err)
	// Output: added 14E92E589B4397134C4C44205044422E1 <nil>
}
