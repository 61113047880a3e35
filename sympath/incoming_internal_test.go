package sympath

import (
	"os"
	"sync"
	"testing"
)

// TestCreate_swept creates temporary files while others sweep: a file that a
// sweep took between its creation and its lock must not be the one that is used.
func TestCreate_swept(t *testing.T) {
	c := &Cache{dir: t.TempDir()}
	var sweepers, creators sync.WaitGroup
	done := make(chan struct{})
	for range 4 {
		sweepers.Go(func() {
			root, err := os.OpenRoot(c.dir)
			if err != nil {
				t.Error(err)
				return
			}
			defer root.Close()
			for {
				select {
				case <-done:
					return
				default:
					sweep(root)
				}
			}
		})
	}
	for range 4 {
		creators.Go(func() {
			for range 200 {
				createOne(t, c)
			}
		})
	}
	creators.Wait()
	close(done)
	sweepers.Wait()
}

// createOne makes a file, which must have its name until it is discarded.
func createOne(t *testing.T, c *Cache) {
	root, err := os.OpenRoot(c.dir)
	if err != nil {
		t.Error(err)
		return
	}
	in := &incoming{cache: c, root: root}
	if err := in.create(); err != nil {
		root.Close() // taken away four times in a row: an error, and no file
		return
	}
	if _, err := root.Lstat(local(in.name)); err != nil {
		t.Errorf("a file in use was swept: %v", err)
	}
	in.discard()
}
