package flock_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/symres/symres/internal/flock"
)

func open(t testing.TB, path string) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestTryLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first, second := open(t, path), open(t, path)
	if ok, err := flock.TryLock(first); !ok || err != nil {
		t.Fatalf("first: %v, %v", ok, err)
	}
	if ok, err := flock.TryLock(second); ok || err != nil {
		t.Fatalf("second while the first holds it: %v, %v", ok, err)
	}
	first.Close()
	if ok, err := flock.TryLock(second); !ok || err != nil {
		t.Fatalf("second after the first let go: %v, %v", ok, err)
	}
}

func ExampleTryLock() {
	f, err := os.CreateTemp("", "lock")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.Remove(f.Name())
	defer f.Close()
	fmt.Println(flock.TryLock(f))
	// Output: true <nil>
}
