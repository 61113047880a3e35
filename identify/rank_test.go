package identify

import (
	"slices"
	"testing"

	"github.com/symres/symres/guid"
	"github.com/symres/symres/pe"
	"github.com/symres/symres/sympath"
)

// rankable is a match as [rank] sees it: of the PDB with that age.
func rankable(age uint32, change func(*Match)) *Match {
	cv := &pe.CodeView{GUID: guid.GUID{1}, Age: age, Path: "a.pdb"}
	m := &Match{Copy: &Copy{Image: &pe.Image{CodeView: cv}}, PageMap: new(Pages)}
	if change != nil {
		change(m)
	}
	return m
}

func matchedPages(n int) *Pages { return &Pages{PageCounts: PageCounts{Matched: n}} }

// TestRank: each criterion decides before all that come after it, and the
// path decides where none does.
func TestRank(t *testing.T) {
	best := []func(*Match){ // what makes a match the better one, the criterion that counts most first
		func(m *Match) { m.Contradicted = false },
		func(m *Match) { m.Pages = VerdictConfirmed },
		func(m *Match) { m.Identity = IdentityPDB },
		func(m *Match) { m.bound = true },
		func(m *Match) { m.PageMap = matchedPages(9) },
	}
	worst := []func(*Match){
		func(m *Match) { m.Contradicted = true },
		func(m *Match) { m.Pages = VerdictLikely },
		func(m *Match) { m.Identity = IdentityChecksumSize },
		func(m *Match) { m.bound = false },
		func(m *Match) { m.PageMap = matchedPages(1) },
	}
	for i := range best {
		apply := func(at, rest []func(*Match)) func(*Match) {
			return func(m *Match) {
				for j := range best {
					switch {
					case j < i:
						best[j](m)
					case j == i:
						at[j](m)
					default:
						rest[j](m)
					}
				}
			}
		}
		good, bad := rankable(1, apply(best, worst)), rankable(2, apply(worst, best))
		for _, matches := range [][]*Match{{good, bad}, {bad, good}} {
			if notes := rank(matches, &Module{Image: "a.sys"}); matches[0] != good || len(notes) != 0 || good.Tied || bad.Tied {
				t.Errorf("criterion %d does not decide: notes %q", i, notes)
			}
		}
	}
}

// TestRank_ties: two builds that nothing tells apart are tied, and neither is
// confirmed; two copies of one build are not, and what is contradicted has no
// ties.
func TestRank_ties(t *testing.T) {
	confirmed := func(m *Match) { m.Pages = VerdictConfirmed }
	likely := func(m *Match) { m.Pages = VerdictLikely }
	differs := func(m *Match) { m.Pages, m.Contradicted = VerdictMismatch, true }
	for name, c := range map[string]struct {
		matches []*Match
		tied    []bool
		pages   Verdict
		notes   int
	}{
		"two builds":              {[]*Match{rankable(1, confirmed), rankable(2, confirmed)}, []bool{true, true}, VerdictLikely, 1},
		"one build twice":         {[]*Match{rankable(1, confirmed), rankable(1, confirmed)}, []bool{false, false}, VerdictConfirmed, 0},
		"two builds and a lesser": {[]*Match{rankable(1, likely), rankable(2, confirmed), rankable(3, confirmed)}, []bool{true, true, false}, VerdictLikely, 1},
		"contradicted":            {[]*Match{rankable(1, differs), rankable(2, differs)}, []bool{false, false}, VerdictMismatch, 0},
		"alone":                   {[]*Match{rankable(1, confirmed)}, []bool{false}, VerdictConfirmed, 0},
	} {
		first := c.matches[0]
		notes := rank(c.matches, &Module{Image: "a.sys"})
		var tied []bool
		for _, m := range c.matches {
			tied = append(tied, m.Tied)
		}
		if !slices.Equal(tied, c.tied) || c.matches[0].Pages != c.pages || c.matches[0].PageMap.Verdict != c.matches[0].Pages && c.tied[0] || len(notes) != c.notes {
			t.Errorf("%s: tied %v, pages %v, notes %q", name, tied, c.matches[0].Pages, notes)
		}
		if len(c.matches) == 2 && c.matches[0] != first {
			t.Errorf("%s: the first on the path is not the first", name)
		}
	}
	if id := rankable(1, nil).Copy.PDBID(); id == (sympath.ID{}) {
		t.Error("the PDBs of this test have no identity")
	}
}
