package peimage_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/internal/peimage"
)

// scanned returns what a scanner finds in pieces of n bytes.
func scanned(b []byte, n int) []peimage.Hit {
	var s peimage.Scanner
	for at := 0; at < len(b); at += n {
		s.Add(uint64(at), b[at:min(at+n, len(b))])
	}
	return s.Hits()
}

func TestScanner(t *testing.T) {
	good, nb10 := record("RSDS", "a.pdb\x00"), record("NB10", "a.pdb\x00")
	at := func(off int, rec []byte) []byte {
		return append(append(make([]byte, off), rec...), make([]byte, 32)...)
	}
	zero, old := bytes.Clone(good), bytes.Clone(good)
	clear(zero[4:20])
	binary.LittleEndian.PutUint32(old[20:], 0x10000)
	stampless, embedded := bytes.Clone(nb10), bytes.Clone(nb10)
	clear(stampless[8:12])
	embedded[4] = 8
	for _, c := range []struct {
		name string
		b    []byte
		hits int
		path string
	}{
		{"at a multiple of four", at(0x44, good), 1, "a.pdb"},
		{"at an odd place", at(0x45, good), 0, ""},
		{"no GUID", at(0x44, zero), 0, ""},
		{"age beyond reason", at(0x44, old), 0, ""},
		{"no path, as in the decoy of a real dump", at(0x44, record("RSDS", "\x00\x00")), 0, ""},
		{"another extension", at(0x44, record("RSDS", "a.exe\x00")), 0, ""},
		{"unprintable", at(0x44, record("RSDS", "a\x01.pdb\x00")), 0, ""},
		{"upper case", at(0x44, record("RSDS", "A.PDB\x00")), 1, "A.PDB"},
		{"two", append(at(0x44, good), at(2, record("RSDS", "b.pdb\x00"))...), 2, "a.pdb"},
		{"NB10", at(0x44, nb10), 1, "a.pdb"},
		{"NB10 at an odd place", at(0x46, nb10), 0, ""},
		{"NB10 without a time stamp", at(0x44, stampless), 0, ""},
		{"NB10 of symbols inside the image", at(0x44, embedded), 0, ""},
		{"NB10, then RSDS", append(at(0x44, nb10), at(2, record("RSDS", "b.pdb\x00"))...), 2, "a.pdb"},
		{"a signature inside of one that is none", at(0x40, append([]byte("RSDS"), good...)), 1, "a.pdb"},
	} {
		for _, n := range []int{1, 7, 4096} {
			hits := scanned(c.b, n)
			if len(hits) != c.hits || c.hits > 0 && (hits[0].CodeView.Path != c.path || hits[0].CodeView.Partial) {
				t.Errorf("%s, in pieces of %d: %+v", c.name, n, hits)
			}
		}
	}
}

// TestScanner_hole cuts a record at every byte.
func TestScanner_hole(t *testing.T) {
	cutAnywhere(t, record("RSDS", "fs_rec.pdb\x00"), 24)
	cutAnywhere(t, record("NB10", "fs_rec.pdb\x00"), 16)
}

func cutAnywhere(t *testing.T, rec []byte, fixed int) {
	for n := range len(rec) {
		var s peimage.Scanner
		s.Add(0x1000, rec[:n])
		s.Add(0x3000, make([]byte, 64)) // the page between is out
		hits := s.Hits()
		if want := n >= fixed; (len(hits) == 1) != want {
			t.Errorf("%d bytes: %+v", n, hits)
		} else if want && (!hits[0].CodeView.Partial || hits[0].RVA != 0x1000 || hits[0].CodeView.Path != "fs_rec.pdb"[:n-fixed]) {
			t.Errorf("%d bytes: %+v, want a partial path", n, hits[0])
		}
	}
}

// FuzzScanner finds the same in one piece and in pieces.
func FuzzScanner(f *testing.F) {
	f.Add(append(make([]byte, 8), record("RSDS", "a.pdb\x00")...), uint8(5))
	f.Add(append(make([]byte, 8), record("NB10", "a.pdb\x00")...), uint8(5))
	f.Add([]byte("RSDSRSDSRSDSRSDSRSDSRSDSRSDSRSDSRSDSRSDSRSDS.pdb\x00"), uint8(3))
	f.Fuzz(func(t *testing.T, b []byte, piece uint8) {
		whole, parts := scanned(b, len(b)+1), scanned(b, int(piece)+1)
		if len(whole) != len(parts) {
			t.Fatalf("%d records in one piece, %d in pieces of %d", len(whole), len(parts), int(piece)+1)
		}
		for i := range whole {
			if whole[i] != parts[i] {
				t.Fatalf("record %d: %+v and %+v", i, whole[i], parts[i])
			}
			if cv := whole[i].CodeView; cv.Age == 0 || cv.GUID.IsZero() == (cv.Signature == 0) || whole[i].RVA+cv.Size() > uint64(len(b)) {
				t.Fatalf("%+v", whole[i])
			}
		}
	})
}

// TestChecksum computes what lld wrote into the headers.
func TestChecksum(t *testing.T) {
	for _, name := range []string{"fs_rec/x86/good", "fs_rec/x86/bigger", "fs_rec/x64/samets", "wide/x64", "wide/arm"} {
		file := "/fs_rec.sys"
		if name[:4] == "wide" {
			file = "/wide.sys"
		}
		b := bytes.Clone(fixture.Bytes(t, name+file))
		want := peimage.ReadHeaders(bytes.NewReader(b)).CheckSum
		if got, err := peimage.Checksum(bytes.NewReader(b), int64(len(b))); err != nil || got != want || want == 0 {
			t.Errorf("%s: %x, %v, want %x", name, got, err, want)
		}
		b[len(b)/2] ^= 1
		if got, err := peimage.Checksum(bytes.NewReader(b), int64(len(b))); err != nil || got == want {
			t.Errorf("%s, one bit changed: %x, %v", name, got, err)
		}
		b = append(b, 0x17) // an odd size, as installers have
		if got, err := peimage.Checksum(bytes.NewReader(b), int64(len(b))); err != nil || got == want {
			t.Errorf("%s, one byte more: %x, %v", name, got, err)
		}
	}
	if _, err := peimage.Checksum(bytes.NewReader([]byte("MZ")), 2); err == nil {
		t.Error("two bytes have a checksum")
	}
}
