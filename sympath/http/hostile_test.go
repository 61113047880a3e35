package http_test

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/symres/symres/identify"
	"github.com/symres/symres/sympath"
	symhttp "github.com/symres/symres/sympath/http"
)

// T1, T2: whatever a target calls its files, every request goes to the server
// of the path, for one clean component, and every write below the cache.
func TestSecurity_hostileNames(t *testing.T) {
	srv := serve(t, false, http.NotFound)
	dir := t.TempDir()
	outside := filepath.Join(dir, "outside")
	os.Mkdir(outside, 0o700)
	p, err := sympath.Parse("srv*" + filepath.Join(dir, "cache") + "*" + srv.URL + "/base")
	if err != nil {
		t.Fatal(err)
	}
	store := p.Store(sympath.Options{HTTP: client(t, symhttp.Config{}).Store, Verify: identify.FileID})
	id := sympath.PDB20(0x80000000, 1)
	for _, name := range []string{
		`\\evil\share\x.pdb`, `\\evil@80\share\x.pdb`, `\\?\UNC\evil\share\x.pdb`, `//evil/share/x.pdb`, `\??\C:\x.pdb`,
		`http://evil/x.pdb`, `https://169.254.169.254/x.pdb`, `file:///etc/passwd`, `..\..\x.pdb`, `../../outside/x.pdb`,
		"x.pdb?q=1", "x.pdb#f", "x%2f..%2fy.pdb", "x.pdb\r\nHost: evil", "x.pdb\x00.dll", "", ".", "..", "con.pdb", "a:b.pdb",
		"file.ptr", "index2.txt", ".symres", `C:\x.pdb:stream`, "x.pdb ", "\u202ebdp.x", strings.Repeat("a", 300),
	} {
		r := run(t, store, sympath.Query{File: name, ID: id})
		var miss *sympath.NotFoundError
		if !errors.Is(r.err, sympath.ErrBadName) && !errors.As(r.err, &miss) {
			t.Errorf("%q: %v", name, r.err)
		}
	}
	for _, uri := range srv.uris() {
		parts := strings.Split(strings.TrimPrefix(uri, "/base/"), "/")
		if uri != "/base/index2.txt" && (len(parts) != 3 || parts[1] != "800000001" || strings.ContainsAny(uri, "?#\\") || strings.Contains(uri, "..")) {
			t.Errorf("request for %s", uri)
		}
	}
	if len(srv.uris()) < 4 {
		t.Errorf("only %d requests: is anything asked for?", len(srv.uris()))
	}
	top, _ := os.ReadDir(dir)
	left, _ := os.ReadDir(outside)
	if len(top) != 2 || len(left) != 0 {
		t.Errorf("written outside of the cache: %v, %v", top, left)
	}
}
