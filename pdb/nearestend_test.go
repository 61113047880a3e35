package pdb_test

import (
	"slices"
	"testing"

	"github.com/symres/symres/pdb"
)

// TestNearest_endOfFunction: within a function nothing is nearer than it,
// whatever the table of globals says; behind its last byte a variable that no
// module knows is.
func TestNearest_endOfFunction(t *testing.T) {
	p := privatePDB()
	p.globals = append(p.globals, // main is 8 bytes at 1:10
		globalData(pdb.KindGData32, "inside", 1, 0x11), globalData(pdb.KindGData32, "behind", 1, 0x18))
	f := openImage(t, p.write())
	for rva, want := range map[uint32]string{0x1010: "main", 0x1012: "main", 0x1017: "main", 0x1018: "behind", 0x101F: "behind", 0x1020: "Main"} {
		if got := names(nearest(t, f, rva)); !slices.Equal(got, []string{want}) {
			t.Errorf("Nearest(%#x) = %v, want %s", rva, got, want)
		}
	}
}
