package nt_test

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/symres/symres/internal/fsx"
	"github.com/symres/symres/memsource/physmem"
	"github.com/symres/symres/nt"
)

// readCounter counts the bytes read of a sparse file, which tells of its holes.
type readCounter struct {
	*fsx.File
	bytes int
}

func (c *readCounter) ReadAt(p []byte, off int64) (int, error) {
	c.bytes += len(p)
	return c.File.ReadAt(p, off)
}

// blind is a reader that tells of no holes.
type blind struct{ io.ReaderAt }

// TestSparse4GB finds a kernel in a raw image of 4 GB, almost all of it a hole, by
// its debug record: what is read is what there is, and nothing in the holes.
func TestSparse4GB(t *testing.T) {
	const size = 4 << 30
	s := userSpec(t)
	s.Modules[0].Pages = nil
	r := raw(t, s)
	path := filepath.Join(t.TempDir(), "memory.raw")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		t.Skipf("NO SPARSE FILES here, so an image of 4 GB is not tried: %v", err)
	}
	for pa, page := range r.pages {
		if _, err := f.WriteAt(page, int64(pa)); err != nil {
			t.Fatal(err)
		}
	}
	sparse, err := fsx.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer sparse.Close()
	if sparse.NextData(size/2) != size {
		t.Skip("THIS FILE SYSTEM TELLS OF NO HOLES: that a scan passes over them was not tried")
	}
	count := &readCounter{File: sparse}
	for name, c := range map[string]struct {
		scan  uint64
		most  int // bytes read
		found bool
	}{
		"found":   {size, 64 * 4096 * (len(r.pages) + 1), true},
		"nothing": {0x100000, 64 * 4096 * 16, false}, // nothing but holes below the kernel
	} {
		count.bytes = 0
		image, err := physmem.New(count, size)
		if err != nil {
			t.Fatal(err)
		}
		k, err := nt.FromPhysical(nt.Physical{Memory: image, Scan: c.scan, NextData: image.NextData})
		if (err == nil) != c.found || count.bytes > c.most {
			t.Errorf("%s: %v, %#x bytes read, want at most %#x", name, err, count.bytes, c.most)
		}
		if c.found {
			if base, err := k.Base(); base != r.facts.Modules[0].Base || k.Road() != nt.KernelRoadDebugRecord && k.Road() != nt.KernelRoadDebuggerData {
				t.Errorf("base %x, %v; by the %v", base, err, k.Road())
			}
		}
	}
	// Without being told of holes the same is found.
	image, err := physmem.New(blind{sparse}, size)
	if err != nil || image.NextData(0x1234) != 0x1234 {
		t.Fatal(err)
	}
	if _, err := nt.FromPhysical(nt.Physical{Memory: image, Scan: 64 << 20, NextData: image.NextData}); err != nil {
		t.Error(err)
	}
}
