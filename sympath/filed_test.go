package sympath_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/symres/symres/sympath"
)

// verifyHead is a Verify that looks at the first line alone, as the real one
// reads headers and directories.
func verifyHead(q sympath.Query, r io.ReaderAt, size int64) (sympath.ID, error) {
	head := make([]byte, 60)
	if _, err := r.ReadAt(head, 0); err != nil && err != io.EOF {
		return sympath.ID{}, err
	}
	for _, id := range []sympath.ID{idOf(1), idOf(2)} {
		if bytes.Contains(head, []byte(" "+id.Key()+"\n")) {
			return id, nil
		}
	}
	return sympath.ID{}, errors.New("no symbol file")
}

// tampered fills a cache with file 1 and changes a byte in the middle of it,
// which leaves its size and its identity.
func tampered(t *testing.T, size int) (dir, path string) {
	t.Helper()
	dir = t.TempDir()
	o := &origin{}
	o.files.Store(idOf(1).Key(), symbolFile(idOf(1), size))
	mustFind(t, o.store(t, "srv*"+dir+"*https://symbols.test", sympath.Options{Verify: verifyHead}), query(1))
	path = filepath.Join(dir, "f.pdb/A00000011/f.pdb")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[size/2] ^= 1
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir, path
}

// first opens the first candidate.
func first(t *testing.T, store sympath.Store, events *[]sympath.Event) sympath.File {
	t.Helper()
	ctx := sympath.WithTrace(context.Background(), &sympath.Trace{Event: func(_ sympath.Query, e sympath.Event) { *events = append(*events, e) }})
	for c, err := range store.Find(ctx, query(1)) {
		if err != nil {
			t.Fatal(err)
		}
		f, err := c.Open(ctx)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	return nil
}

// An entry whose bytes changed is noticed by who reads all of it, and put away;
// who reads parts of it is not held up.
func TestFiled_wholeRead(t *testing.T) {
	for _, size := range []int{5000, 3 << 20} { // hashed at once, and beside
		dir, path := tampered(t, size)
		var events []sympath.Event
		f := first(t, mustParse(t, "cache*"+dir).Store(sympath.Options{Verify: verifyHead}), &events)
		if _, err := f.ReadAt(make([]byte, 100), 40); err != nil {
			t.Errorf("a part: %v", err)
		}
		if _, err := f.ReadAt(make([]byte, 10), 0); err != nil {
			t.Errorf("the head: %v", err)
		}
		n, err := io.Copy(io.Discard, io.NewSectionReader(f, 0, f.Size()))
		if !errors.Is(err, sympath.ErrMismatch) || !strings.Contains(err.Error(), "changed") {
			t.Errorf("%d bytes, %v; want that it changed", n, err)
		}
		if len(events) != 1 || events[0].Kind != sympath.EventQuarantine {
			t.Errorf("events %+v", events)
		}
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("it is still there: %v", err)
		}
	}
}

// What did not change is read as it always was, in whatever order.
func TestFiled_unchanged(t *testing.T) {
	dir := t.TempDir()
	const size = 3 << 20
	o := &origin{}
	o.files.Store(idOf(1).Key(), symbolFile(idOf(1), size))
	mustFind(t, o.store(t, "srv*"+dir+"*https://symbols.test", sympath.Options{}), query(1))
	var events []sympath.Event
	f := first(t, mustParse(t, "cache*"+dir).Store(sympath.Options{Verify: verify, Rehash: true}), &events)
	for range 2 {
		data, err := io.ReadAll(io.NewSectionReader(f, 0, f.Size()))
		if err != nil || len(data) != size {
			t.Errorf("%d bytes, %v", len(data), err)
		}
	}
	if _, err := f.ReadAt(make([]byte, 1), size-1); err != nil || len(events) > 0 {
		t.Errorf("%v, %v", err, events)
	}
	if err := sympath.CheckFiled(context.Background(), filepath.Join(dir, "f.pdb/A00000011/f.pdb")); err != nil {
		t.Error(err)
	}
}

// With Rehash an entry that changed is put away before it is used, and the
// file comes from the server again.
func TestFiled_rehash(t *testing.T) {
	dir, _ := tampered(t, 5000)
	o := serving(1)
	got := mustFind(t, o.store(t, "srv*"+dir+"*https://symbols.test", sympath.Options{Verify: verifyHead, Rehash: true}), query(1))
	if o.fetches.Load() != 1 || len(got.data) == 0 {
		t.Errorf("%d fetches", o.fetches.Load())
	}
}

// A changed entry of one cache is not copied into another.
func TestFiled_notCopied(t *testing.T) {
	far, _ := tampered(t, 5000)
	near := t.TempDir()
	o := serving(1)
	store := o.store(t, "cache*"+near+";cache*"+far+";srv*"+t.TempDir()+"*https://symbols.test", sympath.Options{Verify: verifyHead})
	var bad error
	for c, err := range store.Find(context.Background(), query(1)) {
		if err != nil {
			break
		}
		f, err := c.Open(context.Background())
		if err != nil {
			bad = err
			continue
		}
		data, err := io.ReadAll(io.NewSectionReader(f, 0, f.Size()))
		f.Close()
		if err != nil || !bytes.Equal(data, symbolFile(idOf(1), 10000)) {
			t.Errorf("served %d bytes, %v", len(data), err)
		}
		break
	}
	if !errors.Is(bad, sympath.ErrMismatch) {
		t.Errorf("the changed entry was opened: %v", bad)
	}
	if entries := listing(t, near); len(entries) != 2 || o.fetches.Load() != 1 {
		t.Errorf("the near cache holds %q after %d fetches, want what came from the server", entries, o.fetches.Load())
	}
}

func TestCheckFiled(t *testing.T) {
	_, path := tampered(t, 5000)
	if err := sympath.CheckFiled(context.Background(), path); !errors.Is(err, sympath.ErrMismatch) {
		t.Errorf("%v, want that it changed", err)
	}
	loose := filepath.Join(t.TempDir(), "f.pdb")
	if err := os.WriteFile(loose, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := sympath.CheckFiled(context.Background(), loose); err != nil {
		t.Errorf("a file of no cache: %v", err)
	}
}
