package pdb_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/symres/symres/pdb"
)

// deadPDB has an address map that lists a dead public too, at its place or at
// another one.
func deadPDB(at int) *testPDB {
	p := samplePDB()
	p.edit = func(s *testStreams) {
		psi := s.list[numPSI]
		put32(psi, 4, uint32(len(psi)-s.addrMap)+4)
		s.list[numPSI] = slices.Insert(psi, s.addrMap+4*at, le32(nil, s.offsets[1])...)
	}
	return p
}

// TestCheck_dead: what a link with /DEBUG:FASTLINK or an incremental one leaves in
// the address map is no damage; anywhere else, and where the map is wrong in
// another way, it is.
func TestCheck_dead(t *testing.T) {
	incremental := func(p *testPDB) *testPDB {
		edit := p.edit
		p.edit = func(s *testStreams) { edit(s); put32(s.list[numDBI], 56, pdb.DBIIncremental|0x8664<<16) }
		return p
	}
	fastlink := func(p *testPDB) *testPDB {
		p.features = []uint32{pdb.FeatureVC140, pdb.FeatureMinimal}
		return p
	}
	other := deadPDB(2)
	edit := other.edit
	other.edit = func(s *testStreams) { // a live one is missing instead
		edit(s)
		copy(s.list[numPSI][s.addrMap+4:], s.list[numPSI][s.addrMap+8:s.addrMap+12])
	}
	for name, c := range map[string]struct {
		p    *testPDB
		want string // "": sound
	}{
		"incremental":  {incremental(deadPDB(2)), ""},
		"fastlink":     {fastlink(deadPDB(2)), ""},
		"neither":      {deadPDB(2), "address map of 10 entries for 9 hash records"},
		"out of order": {fastlink(deadPDB(4)), "out of order"},
		"missing":      {incremental(other), "does not list the same records"},
	} {
		f := openImage(t, c.p.write())
		problems := f.Check()
		if c.want == "" && len(problems) != 0 || c.want != "" && (len(problems) == 0 || !strings.Contains(problems[0].Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, problems, c.want)
		}
		if got := nearest(t, f, 0x1019); len(got) != 1 || got[0].Name() != "_main" { // the dead one lies nearer
			t.Errorf("%s: %v", name, got)
		}
	}
}
