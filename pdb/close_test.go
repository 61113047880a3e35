package pdb_test

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/symres/symres/pdb"
)

// TestCloseWhileAsked closes files that other goroutines are asking: a mapped
// file must stay until they are done.
func TestCloseWhileAsked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sample.pdb")
	p := privatePDB()
	p.blockSize = 512
	if err := os.WriteFile(path, p.write().Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		f, err := current.open(path)
		if err != nil {
			t.Fatal(err)
		}
		x, err := f.Index()
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		started := make(chan struct{}, 4)
		for i := range 4 {
			wg.Go(func() {
				var err error
				for n := 0; err == nil; n++ {
					if n == 1 {
						started <- struct{}{}
					}
					err = askAll(f, x, i)
				}
				if !errors.Is(err, pdb.ErrClosed) {
					t.Errorf("asker %d: %v", i, err)
				}
			})
		}
		for range 4 {
			<-started
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		wg.Wait()
	}
}

// askAll asks questions of one kind and touches the names of the answers
// before the file can be closed.
func askAll(f *pdb.File, x *pdb.Index, kind int) error {
	switch kind {
	case 0:
		for s, err := range f.Symbols() {
			if err != nil {
				return err
			}
			_ = s.Name()
		}
		return nil
	case 1:
		_, err := f.Nearest(0x3031)
		return err
	case 2:
		_, err := x.Nearest(0x1101)
		return err
	}
	_, err := f.GlobalsByName("main")
	return err
}

func TestClose_twice(t *testing.T) {
	f := openImage(t, privatePDB().write())
	for range 2 {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := f.ByName("main"); !errors.Is(err, pdb.ErrClosed) {
		t.Errorf("a question after Close: %v, want ErrClosed", err)
	}
}
