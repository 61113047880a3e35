package pdb_test

import (
	"path/filepath"
	"testing"
)

// TestCorpusSites: the code of every inline site lies inside the code of the
// one around it. That holds in real files under the right reading of their
// annotations only.
func TestCorpusSites(t *testing.T) {
	total := 0
	for _, c := range corpusPDBs(t) {
		t.Run(filepath.Base(c[0]), func(t *testing.T) {
			n, err := open(t, c[1]).CheckSites()
			if err != nil {
				t.Error(err)
			}
			total += n
		})
	}
	if total < 4000 {
		t.Errorf("only %d inline sites in the corpus", total)
	}
}
