package sympath_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/symres/symres/sympath"
	symhttp "github.com/symres/symres/sympath/http"
)

// Some tests run this binary again as one of several processes that use one
// cache, or as one that is killed: it then searches the path for f.pdb.
const childPath = "SYMPATH_TEST_CHILD_PATH"

func TestMain(m *testing.M) {
	if path := os.Getenv(childPath); path != "" {
		os.Exit(child(path))
	}
	goleak.VerifyTestMain(m)
}

func child(path string) int {
	client, err := symhttp.New(symhttp.Config{HeaderTimeout: time.Minute}) // a slow machine is no failure
	if err != nil {
		fmt.Println(err)
		return 1
	}
	p, err := sympath.Parse(path)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	got := search(context.Background(), p.Store(sympath.Options{Verify: verify, HTTP: client.Store}), query(1))
	warnings := 0
	for _, e := range got.events {
		if e.Kind == sympath.EventWarning {
			warnings++
			fmt.Println("warning:", e.Err)
		}
	}
	if got.err != nil {
		fmt.Printf("%+v\n", got.err)
		return 1
	}
	fmt.Println("read", len(got.data), "warnings", warnings, "from", got.location)
	return 0
}
