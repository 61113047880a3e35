package pdb_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/pdb"
)

// TestIndexAllocs: an index takes at most 16 bytes a symbol, and answers cost no
// memory.
func TestIndexAllocs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fs_rec.pdb")
	if err := os.WriteFile(path, fixture.Bytes(t, "fs_rec/x64/private/fs_rec.pdb"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := pdb.OpenMapped(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	x, err := f.Index()
	if err != nil || x.Len() < 20 {
		t.Fatal(x, err)
	}
	if table := x.Bytes() - 16*len(sectionsOf(t, f)); table > 16*x.Len() {
		t.Errorf("%d bytes for %d symbols", table, x.Len())
	}
	secs := sectionsOf(t, f)
	dst := make([]pdb.Symbol, 0, 8)
	found := 0
	each := func() {
		for _, s := range secs {
			for rva := s.VirtualAddress; rva < s.VirtualAddress+s.VirtualSize; rva += 8 {
				if dst, err = x.AppendNearest(dst[:0], rva); err != nil {
					t.Fatal(err)
				}
				found += len(dst)
			}
		}
	}
	if n := testing.AllocsPerRun(5, each); n != 0 || found == 0 {
		t.Errorf("%v allocations for %d answers", n, found)
	}
}
