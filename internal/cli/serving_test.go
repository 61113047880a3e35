package cli_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/symres/symres/internal/cli"
	"github.com/symres/symres/internal/fixture"
)

// TestServe: a server is filled from a folder, a second one from the first, and the
// command and curl fetch from that. Both end when they are told to.
func TestServe(t *testing.T) {
	files := t.TempDir()
	dir, err := fixture.Dir()
	if err == nil {
		err = os.CopyFS(files, os.DirFS(filepath.Join(dir, "demo/store")))
	}
	if err != nil {
		t.Fatal(err)
	}
	first, endFirst := startServe(t, "--store", t.TempDir(), "--upstream", files)
	second, endSecond := startServe(t, "--store", t.TempDir(), "--upstream", first)
	image := fixture.Path(t, "fs_rec/x86/good/fs_rec.sys")
	out, errs, status := run(t, "", "lookup", "fs_rec!*", "--image", image, "--sympath", "srv*"+t.TempDir()+"*"+second)
	if status != 0 || !strings.Contains(out, "FsRec") {
		t.Errorf("status %d: %s%s", status, out, errs)
	}
	checkPage(t, second)
	withCurl(t, second, files)
	for _, end := range []func() int{endSecond, endFirst} {
		if status := end(); status != 0 {
			t.Errorf("exit status %d", status)
		}
	}
}

// startServe runs the command until end is called.
func startServe(t *testing.T, args ...string) (url string, end func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	status := make(chan int, 1)
	go func() {
		args := append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)
		status <- cli.Main(ctx, args, strings.NewReader(""), io.Discard, w, nil)
		w.Close()
	}()
	lines := bufio.NewReader(r)
	line, err := lines.ReadString('\n')
	if err != nil {
		t.Fatal(line, err)
	}
	go io.Copy(io.Discard, lines)
	return strings.TrimSpace(strings.TrimPrefix(line, "serving at ")), func() int { cancel(); return <-status }
}

// checkPage wants the page to tell of the files.
func checkPage(t *testing.T, url string) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if page, err := io.ReadAll(res.Body); err != nil || !strings.Contains(string(page), "Files held<td class=\"n\">1") {
		t.Errorf("%v: %s", err, page)
	}
}

// withCurl fetches the files of a folder that is laid out as a store.
func withCurl(t *testing.T, url, files string) {
	t.Helper()
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Log("SKIPPED, NOT PASSED: there is no curl")
		return
	}
	paths, err := filepath.Glob(filepath.Join(files, "*", "*", "*.pdb"))
	if err != nil || len(paths) == 0 {
		t.Fatal(paths, err)
	}
	for _, path := range paths {
		rel, _ := filepath.Rel(files, path)
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := exec.CommandContext(t.Context(), curl, "-sf", url+"/"+filepath.ToSlash(rel)).Output()
		if err != nil || string(got) != string(want) {
			t.Errorf("%s: %v, %d bytes", rel, err, len(got))
		}
	}
}

// TestPush: files of a folder are uploaded once, by who has the token.
func TestPush(t *testing.T) {
	dir, tokens := t.TempDir(), filepath.Join(t.TempDir(), "tokens")
	fixture.Unpack(t, "demo/symbols", dir)
	sum := sha256.Sum256([]byte("secret"))
	if err := os.WriteFile(tokens, fmt.Appendf(nil, "# tokens\n\n%x upload,read ci of the team\n", sum), 0o600); err != nil {
		t.Fatal(err)
	}
	url, end := startServe(t, "--store", t.TempDir(), "--uploads", "--private", "--tokens", tokens)
	defer end()
	ask := func(auth string) (string, int) {
		var out, errs bytes.Buffer
		status := cli.Main(t.Context(), []string{"push", "--server", url, dir}, strings.NewReader(""), &out, &errs, func(name string) string {
			if name == "SYMRES_AUTH" {
				return auth
			}
			return ""
		})
		return out.String() + errs.String(), status
	}
	for _, c := range []struct {
		auth, want string
		status     int
	}{{"", "401", 1}, {url + "=:wrong", "401", 1}, {url + "=:secret", "added", 0}, {url + "=:secret", "there", 0}} {
		if out, status := ask(c.auth); status != c.status || strings.Count(out, c.want) < 3 {
			t.Errorf("%q: status %d: %s", c.auth, status, out)
		}
	}
}

// TestServe_refused: what cannot be served ends at once.
func TestServe_refused(t *testing.T) {
	for _, args := range [][]string{
		{}, {"--store", "a*b"}, {"--store", "d", "--upstream", "a;b"}, {"--store", "d", "--tls-cert", "none.pem"}, {"--store", "d", "--listen", "nowhere"}, {"--store", "d", "--upstream", ""}, {"--store", "d", "--uploads"}, {"--store", "d", "--tokens", "none"},
	} {
		out, errs, status := run(t, "", append([]string{"serve"}, args...)...)
		if status != 2 && status != 3 || out != "" || errs == "" {
			t.Errorf("%v: status %d, %q, %q", args, status, out, errs)
		}
	}
}
