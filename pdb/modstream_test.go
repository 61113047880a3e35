package pdb_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/symres/symres/pdb"
)

// TestCorpusModules: every module record of a real PDB leads to a stream whose
// parts fill it and whose symbol records end where they should.
func TestCorpusModules(t *testing.T) {
	records := 0
	for _, c := range corpusPDBs(t) {
		t.Run(filepath.Base(c[0]), func(t *testing.T) {
			f := open(t, c[1])
			n := 0
			for m, err := range f.Modules() {
				if err != nil {
					t.Fatal(err)
				}
				got, err := f.ModuleRecordsOf(n)
				if err != nil {
					t.Errorf("module %d, %s: %v", n, m.Name, err)
				}
				if m.HasStream && got.Records == 0 && got.Symbols > 0 {
					t.Errorf("module %d, %s: no records: %+v", n, m.Name, got)
				}
				records += got.Records
				n++
			}
			if _, err := f.ModuleRecordsOf(n); n > 0 && err == nil {
				t.Errorf("there is a module %d", n)
			}
		})
	}
	if records < 100_000 {
		t.Errorf("only %d records in the corpus", records)
	}
}

// TestModuleListDamage: a list that is cut off is good up to there.
func TestModuleListDamage(t *testing.T) {
	p := samplePDB()
	p.edit = func(s *testStreams) {
		b := s.list[numDBI]
		for i := s.contribs - 8; i < s.contribs; i++ {
			b[i] = 'x'
		}
	}
	f := openImage(t, p.write())
	var got []string
	var last error
	for m, err := range f.Modules() {
		if last = err; err == nil {
			got = append(got, m.Name)
		}
	}
	if len(got) != 2 || !errors.Is(last, pdb.ErrFormat) {
		t.Errorf("%q, then %v; want two modules and a FormatError", got, last)
	}
}
