package filepool_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"testing"

	"github.com/symres/symres/internal/filepool"
	"github.com/symres/symres/sympath"
)

// candidate is the file "a.pdb" of a directory, as a pool gives it.
func candidate(t *testing.T, pool *filepool.Pool, dir string) sympath.Candidate {
	t.Helper()
	for c, err := range pool.Store(sympath.Dir("dir", os.DirFS(dir))).Find(context.Background(), sympath.Query{File: "a.pdb"}) {
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	t.Fatal("nothing was found")
	return sympath.Candidate{}
}

func openIt(t *testing.T, c sympath.Candidate) sympath.File {
	t.Helper()
	f, err := c.Open(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestPool_Close: a closed pool opens nothing, files it gave out read nothing
// any more, and a file that was closed does not read either.
func TestPool_Close(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.pdb"), []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	pool := filepool.New(filepool.Config{})
	c := candidate(t, pool, dir)
	f, second := openIt(t, c), openIt(t, c)
	if s := pool.Stats(); s.Files != 1 || s.Shared != 1 {
		t.Errorf("%+v, want one file that is shared", s)
	}
	if err := errors.Join(second.Close(), second.Close()); err != nil {
		t.Error(err)
	}
	if n, err := second.ReadAt(make([]byte, 7), 0); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("a file that was closed: %d bytes, %v", n, err)
	}
	buf := make([]byte, 7)
	if _, err := f.ReadAt(buf, 0); err != nil && err != io.EOF || string(buf) != "content" {
		t.Errorf("the other use of it: %q, %v", buf, err)
	}
	if err := errors.Join(pool.Close(), pool.Close()); err != nil {
		t.Error(err)
	}
	if n, err := f.ReadAt(buf, 0); !errors.Is(err, filepool.ErrClosed) {
		t.Errorf("after Close: %d bytes, %v", n, err)
	}
	if _, err := c.Open(context.Background()); !errors.Is(err, filepool.ErrClosed) {
		t.Errorf("opened after Close: %v", err)
	}
	if s := pool.Stats(); s.Files != 0 || s.Descriptors != 0 || s.Bytes != 0 {
		t.Errorf("after Close it holds %+v", s)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

// TestPool_seenOnce: a search that is made again, because there was no
// descriptor, offers no file twice.
func TestPool_seenOnce(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.pdb", "b.pdb"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool := filepool.New(filepool.Config{})
	defer pool.Close()
	searches := 0
	store := sympath.NewStore("test", func(context.Context, sympath.Query) iter.Seq2[sympath.Candidate, error] {
		searches++
		return func(yield func(sympath.Candidate, error) bool) {
			give := func(name string) bool {
				return yield(sympath.NewCandidate(name, sympath.OriginCustom, func(context.Context) (sympath.File, error) {
					return sympath.BytesFile([]byte(name)), nil
				}), nil)
			}
			if !give("a.pdb") {
				return
			}
			if searches == 1 {
				yield(sympath.Candidate{}, sympath.ErrTooManyFiles)
				return
			}
			give("b.pdb")
		}
	})
	held := openIt(t, candidate(t, pool, dir)) // whose descriptor can be taken
	defer held.Close()
	var got []string
	for c, err := range pool.Store(store).Find(context.Background(), sympath.Query{File: "a.pdb"}) {
		if err == nil {
			got = append(got, c.Location)
		} else if !errors.Is(err, fs.ErrNotExist) { // which ends a search that goes on to the end
			t.Fatal(err)
		}
	}
	if searches != 2 || len(got) != 2 || got[0] != "a.pdb" || got[1] != "b.pdb" {
		t.Errorf("%q after %d searches", got, searches)
	}
}
