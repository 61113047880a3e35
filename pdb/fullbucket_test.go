package pdb_test

import (
	"fmt"
	"testing"

	"github.com/symres/symres/pdb"
)

// TestFullBuckets: a table with 0x3FFFF buckets (/DEBUG:FASTLINK) has a name in
// the bucket of its hash, or in that number cut to 16 bits, as Microsoft's
// linker writes it. Both are found, whoever wrote the file.
func TestFullBuckets(t *testing.T) {
	const buckets = 0x3FFFF
	cut, full := "", ""
	for i := 0; cut == "" || full == ""; i++ {
		name := fmt.Sprintf("_name%d", i)
		switch b := testHash(name) % buckets; {
		case cut == "" && b > 0xFFFF && b&0xFFFF < 0x8000:
			cut = name
		case full == "" && b > 0xFFFF && b&0xFFFF >= 0x8000:
			full = name
		}
	}
	p := samplePDB()
	p.buckets, p.features = buckets, []uint32{pdb.FeatureVC140, pdb.FeatureMinimal}
	p.pubs = []testPublic{{name: cut, seg: 1, off: 0x10}, {name: full, seg: 1, off: 0x20}}
	p.edit = func(s *testStreams) { // which is what the writer of the tests does not do
		bitmap, b := s.list[numPSI][s.bitmap:], testHash(full)%buckets
		bitmap[b&0xFFFF/8] &^= 1 << (b & 7)
		bitmap[b/8] |= 1 << (b & 7)
	}
	f := openImage(t, p.write())
	for name, rva := range map[string]uint32{cut: 0x1010, full: 0x1020} {
		if got := byName(t, f, name); len(got) != 1 || got[0].RVA != rva {
			t.Errorf("%s, bucket %#x: %v, want one at %#x", name, testHash(name)%buckets, got, rva)
		}
	}
	if problems := f.Check(); len(problems) != 0 {
		t.Errorf("Check: %v", problems)
	}
}
