package symres

import (
	"testing"

	"github.com/symres/symres/pdb"
)

// TestLocation_near: in a part of a function that lies in front of it, the
// distance is negative, and only what is behind the part is past its end.
func TestLocation_near(t *testing.T) {
	for _, c := range []struct {
		sym  pdb.Symbol
		disp int64
		past bool
	}{
		{pdb.Symbol{Kind: pdb.KindGProc32, Displacement: 8}, 8, false},
		{pdb.Symbol{Kind: pdb.KindGProc32, Displacement: 0x20}, 0x20, true},
		{pdb.Symbol{Kind: pdb.KindSepCode, Displacement: 0x100}, 0x100, false},
		{pdb.Symbol{Kind: pdb.KindSepCode, Displacement: 0x110, Beyond: true}, 0x110, true},
		{pdb.Symbol{Kind: pdb.KindSepCode, Displacement: ^uint32(0xC0) + 1}, -0xC0, false},
	} {
		loc := Location{Symbol: Symbol{Address: 0x5000, Size: 0x20}}
		loc.near(0x5000+uint64(c.disp), &c.sym)
		if int64(loc.Displacement) != c.disp || loc.PastEnd != c.past || loc.Address+loc.Displacement != loc.Query {
			t.Errorf("%+v: %#x, past %v", c.sym, int64(loc.Displacement), loc.PastEnd)
		}
	}
}

// TestAppendName_fastcall: the names of publics are decorated, and of private
// symbols those of fastcall functions in assembly.
func TestAppendName_fastcall(t *testing.T) {
	for name, want := range map[string]bool{
		"@_EH4_CallFilterFunc@8": true, "@f@16": true, "@@8": false, "@ILT+5(_main)": false, "f@8": false, "@f": false, "@f@": false, "@f@8x": false, "": false, "8": false,
	} {
		if got := isFastcall([]byte(name)); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}
