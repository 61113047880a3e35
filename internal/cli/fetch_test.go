package cli_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/symres/symres/internal/cli"
)

// An interrupted fetch ends at once with its own status, and leaves neither
// goroutines nor files behind.
func TestFetch_interrupted(t *testing.T) {
	before := goleak.IgnoreCurrent()
	asked := make(chan struct{}, 100)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".txt") {
			http.NotFound(w, r)
			return
		}
		io.WriteString(w, "Microsoft C/C++ MSF 7.00\r\n\x1aDS\x00\x00\x00")
		w.(http.Flusher).Flush()
		asked <- struct{}{}
		<-r.Context().Done()
	}))
	defer srv.Close()
	dir := t.TempDir()
	need, cache := filepath.Join(dir, "need.txt"), filepath.Join(dir, "cache")
	list := strings.Repeat("a.pdb,3B7D82D31,1\n", 2) + "b.pdb,3B7D82D31,1\nc.pdb,3B7D82D31,1\n"
	if err := os.WriteFile(need, []byte(list), 0o666); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan int)
	var out, errs strings.Builder
	go func() {
		done <- cli.Main(ctx, []string{"fetch", need, "--jobs", "2", "--sympath", "srv*" + cache + "*" + srv.URL}, nil, &out, &errs, nil)
	}()
	<-asked
	<-asked
	cancel()
	if status := <-done; status != 130 || out.Len() != 0 {
		t.Errorf("status %d, want 130 and no results: %s%s", status, &out, &errs)
	}
	srv.Close()
	goleak.VerifyNone(t, before) // a fetch that was called off ends a moment later
	left, err := os.ReadDir(filepath.Join(cache, ".symres", "tmp"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
