package pdb_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/symres/symres/pdb"
)

// Lanes find in every module of real PDBs what a walk does, and are of use.
func TestCorpusLanes(t *testing.T) {
	fit, all := 0, 0
	for _, c := range corpusPDBs(t) {
		n, of, err := open(t, c[1]).LanesOf()
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(c[1]), err)
		}
		fit, all = fit+n, all+of
	}
	if fit < all*9/10 || fit == 0 {
		t.Errorf("lanes fit together in %d of %d modules", fit, all)
	}
}

// A guess where a lane begins that is wrong is found out. The records here say
// of procedures everywhere, in the middle of others too.
func TestLanes_wrongGuesses(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	fitted := 0
	for range 2000 {
		fit, err := pdb.CheckLanes(misleading(rnd), 4)
		if err != nil {
			t.Fatal(err)
		}
		if fit {
			fitted++
		}
	}
	if fitted == 0 || fitted == 2000 {
		t.Errorf("of 2000, %d fitted together: both should happen", fitted)
	}
}

// misleading returns records whose contents look like records.
func misleading(rnd *rand.Rand) []byte {
	var b []byte
	for range 40 + rnd.IntN(200) {
		size := 4 * (1 + rnd.IntN(16))
		rec := le16(le16(nil, uint16(size-2)), []uint16{0x1110, 0x110F, 0x1006, 0x110D, 6}[rnd.IntN(5)])
		for len(rec) < size {
			switch rnd.IntN(8) {
			case 0:
				rec = le16(le16(rec, uint16(4*rnd.IntN(12)+2)), 0x1110)
			case 1:
				rec = le16(le16(rec, 2), 6)
			default:
				rec = le32(rec, uint32(4*rnd.IntN(1000)))
			}
		}
		b = append(b, rec...)
	}
	if rnd.IntN(4) == 0 {
		b = b[:len(b)-4*rnd.IntN(4)]
	}
	return b
}

// On a file of any size, where SYMRES_GEN_PDB names one.
func TestLanes_generated(t *testing.T) {
	path := os.Getenv(genEnv)
	if path == "" {
		t.Skip("set " + genEnv + " to a PDB of gen_pdb.py to walk its modules in lanes")
	}
	fit, all, err := open(t, path).LanesOf()
	if err != nil || fit < all*9/10 || all == 0 {
		t.Errorf("%v, %d of %d modules", err, fit, all)
	}
}
