package fsx_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/symres/symres/internal/fsx"
)

// TestNextData: data is never passed over; where the file system has holes, they
// are.
func TestNextData(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sparse")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const size, data = 64 << 20, 32 << 20
	if _, err := f.WriteAt([]byte{1}, data); err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(size); err != nil {
		t.Skipf("no sparse file can be made here (%v); set TMPDIR to a file system that has them", err)
	}
	s, err := fsx.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, off := range []int64{-1, 0, data, data + 1, size, size + 1} {
		next := s.NextData(off)
		if next < off || off <= data && next > data || off < size && next > size {
			t.Errorf("from %#x to %#x", off, next)
		}
	}
	if s.NextData(0) == 0 {
		t.Log("THIS FILE SYSTEM TELLS OF NO HOLES: that they are passed over was not tried")
	}
	s.Close()
	if next := s.NextData(7); next != 7 {
		t.Errorf("closed: %d", next)
	}
}
