package pdb_test

import (
	"testing"

	"github.com/symres/symres/pdb"
)

// misplacedPDB has publics in buckets their names do not lead to, as lld hashed
// them: together with bytes behind the name.
func misplacedPDB(linker string) *testPDB {
	p := samplePDB()
	for i, name := range []string{"beta_two", "longer_than_that", "short"} {
		p.pubs = append(p.pubs, testPublic{name: name, hashed: name + "\x01", seg: 1, off: 0x200 + uint32(i)*16})
	}
	if linker != "" {
		m := newModule()
		m.add(pdb.KindCompile3, append(le16(le32(nil, 7), 0xD0, 0, 0, 0, 0, 14, 0, 0, 0), linker+"\x00"...))
		p.symbols = [][]byte{nil, nil, m.b}
	}
	return p
}

// TestByName_secondLook: a public that is not in its bucket is found all the same,
// where the linker may have put it elsewhere.
func TestByName_secondLook(t *testing.T) {
	for linker, found := range map[string]int{"LLVM Linker": 1, "": 1, "Microsoft (R) LINK": 0} {
		f := openImage(t, misplacedPDB(linker).write())
		for name, want := range map[string]int{"beta_two": found, "longer_than_that": found, "_main": 1, "no_such_name": 0, "short": 0} {
			for range 2 {
				list, err := f.ByName(name)
				if err != nil || len(list) != want {
					t.Errorf("%q, %s: %v, %v, want %d", linker, name, list, err, want)
				}
			}
		}
		if list, err := f.ByName("BETA_TWO", pdb.IgnoreCase); err != nil || len(list) != found || found == 1 && list[0].Offset != 0x200 {
			t.Errorf("%q: %v, %v", linker, list, err)
		}
		wrong := 0
		for _, err := range f.Check() {
			if wrong++; err == nil {
				t.Error("nil among the problems")
			}
		}
		if wrong < 3 {
			t.Errorf("%q: Check reports %d problems, want the wrong buckets", linker, wrong)
		}
	}
}
