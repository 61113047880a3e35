//go:build unix

package sympath_test

import (
	"context"
	"errors"
	"io/fs"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/symres/symres/guid"
	"github.com/symres/symres/sympath"
)

// full is a directory in which nothing can be opened any more, and that fails so
// from the n-th time on.
type full struct {
	fstest.MapFS
	n *int
}

func (f full) Open(name string) (fs.File, error) {
	if *f.n--; *f.n < 0 {
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.EMFILE}
	}
	return f.MapFS.Open(name)
}

func (f full) Stat(name string) (fs.FileInfo, error) { return f.MapFS.Stat(name) }

// TestFind_outOfDescriptors lets the descriptors end at each step of a search.
func TestFind_outOfDescriptors(t *testing.T) {
	q := sympath.Query{File: "a.pdb", ID: sympath.PDB70(guid.GUID{1}, 1)}
	files := fstest.MapFS{"A.pdb/" + q.ID.Key() + "/A.PDB": {Data: []byte("x")}, "pingme.TXT": {}}
	makers := map[string]func(fs.FS) sympath.Store{
		"directory": func(f fs.FS) sympath.Store { return sympath.Dir("D", f) },
		"store":     func(f fs.FS) sympath.Store { return sympath.Symsrv("S", f) },
	}
	for name, makeStore := range makers {
		for after := 0; ; after++ {
			left := after
			last := lastError(t, makeStore(full{files, &left}), q)
			if left >= 0 {
				break // it was never short of any
			}
			if !errors.Is(last, sympath.ErrTooManyFiles) || errors.Is(last, fs.ErrNotExist) {
				t.Errorf("%s, after %d: %v", name, after, last)
			}
		}
	}
}

// lastError returns the error that ends a search.
func lastError(t *testing.T, s sympath.Store, q sympath.Query) (last error) {
	t.Helper()
	for _, err := range sympath.Chain(s).Find(context.Background(), q) {
		last = err
	}
	return last
}
