package identify

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/symres/symres/internal/fingerprint"
	"github.com/symres/symres/internal/pedisk"
)

// Match says how well a copy agrees with the target, with the evidence.
type Match struct {
	Basis
	Copy     *Copy
	Evidence []Evidence // the origin of the copy, its fields, its pages
	PageMap  *Pages     // its pages compared with the resident ones; nil if none was compared

	agree, bound bool // see comparison
}

// Weigh compares copies with the facts and with the resident pages, in one
// walk, and sorts them by how well they agree; the order on the path decides
// between equals. If the best copies agree equally well but name different
// PDBs, they are tied: none is confirmed, and the notes say so. When the
// context the facts were gathered with has ended, what was compared until then
// is not what is resident: the caller looks at the context.
func Weigh(f *Facts, copies []*Copy) (matches []*Match, notes []string) {
	comparers := make([]*fingerprint.Comparer, len(copies))
	failures := make([]error, len(copies))
	for i, c := range copies {
		comparers[i], failures[i] = c.comparer(f.Module.Base)
	}
	f.resident.each(func(rva uint64, data []byte) {
		for _, c := range comparers {
			if c != nil {
				c.Add(rva, data)
			}
		}
	})
	for i, c := range copies {
		m := c.match()
		if failures[i] != nil {
			m.cannotCompare(failures[i], f.Module.Base)
		} else {
			m.judge(comparers[i].Result(), f.Module.Base)
		}
		matches = append(matches, m)
	}
	return matches, rank(matches, &f.Module)
}

func (c *Copy) comparer(base uint64) (*fingerprint.Comparer, error) {
	headers, err := pedisk.ReadHeaders(c.file, c.file.Size())
	if err != nil {
		return nil, err
	}
	image, err := fingerprint.Load(c.file, headers, base)
	if err != nil {
		return nil, err
	}
	return fingerprint.NewComparer(image), nil
}

// match is what the fields show.
func (c *Copy) match() *Match {
	f := c.fields
	return &Match{
		Copy: c, Evidence: slices.Clone(f.evidence), agree: f.agree, bound: f.bound,
		Basis: Basis{Identity: f.identity, Contradicted: f.differs},
	}
}

// cannotCompare takes the reason why the pages of a copy are of no use. A copy
// that cannot be where the module is, is not the module's.
func (m *Match) cannotCompare(err error, base uint64) {
	m.weighSum(nil)
	e := compare(FieldBase, Address(base), Address(m.Copy.Image.ImageBase))
	e.Rung, e.Result, e.Note = RungPages, ComparisonUnknown, err.Error()
	if errors.Is(err, fingerprint.ErrBase) {
		e.Result, m.Contradicted = ComparisonDiffers, true
	}
	m.Evidence = append(m.Evidence, e)
}

// judge takes the result of the page comparison.
func (m *Match) judge(r *fingerprint.Result, base uint64) {
	m.weighSum(r)
	m.PageMap = newPages(r, base)
	e := Evidence{Rung: RungPages, Field: FieldCodePages, Target: m.PageMap.PageCounts, Strength: StrengthStrong}
	switch {
	case r.Differing > 0:
		e.Result, m.Contradicted = ComparisonDiffers, true
	case r.Matched > 0:
		e.Result = ComparisonEqual
	default:
		e.Result = ComparisonNotResident
	}
	m.setVerdict(verdictOf(r.Verdict(m.bound, m.agree)))
	if m.Contradicted {
		m.setVerdict(VerdictMismatch)
	}
	m.Evidence = append(m.Evidence, e)
}

func (m *Match) setVerdict(v Verdict) { m.Pages, m.PageMap.Verdict = v, v }

// weighSum decides what it means that the copy is not what the target's
// checksum was computed from. Files are changed after they were linked, and
// then loaded: by stripping, by patching. So a copy that is equal wherever
// there is anything to compare is what the target loaded; without such pages,
// r being nil or not complete, the checksum contradicts the copy.
func (m *Match) weighSum(r *fingerprint.Result) {
	if m.Copy.fields.computed == nil {
		return
	}
	e := *m.Copy.fields.computed
	switch {
	case !m.Copy.fields.altered:
	case r != nil && r.Verdict(false, false) == fingerprint.Confirmed:
		e.Note += "; so was what the target loaded, for all its pages are equal"
	default:
		e.Result, m.Contradicted = ComparisonDiffers, true
	}
	m.Evidence = append(m.Evidence, e)
}

// Verdict is that of the fields and pages together; where no pages could be
// compared, the fields alone decide.
func (m *Match) Verdict() Verdict {
	switch {
	case m.PageMap != nil:
		return m.Pages
	case m.Contradicted:
		return VerdictMismatch
	case m.agree:
		return VerdictLikely
	}
	return VerdictUnverified
}

// Accept applies a version check. The error wraps [ErrMismatch] and says what
// differs, or that too little is known.
func (m *Match) Accept(c VersionCheck) error {
	proof := m.Proof()
	switch {
	case c == CheckOff:
		return nil
	case proof == ProofNameOnly:
		return mismatch(m.Evidence)
	case c == CheckStrict && proof < ProofImage:
		return fmt.Errorf("%w: only proof %v, and the version check is strict", ErrMismatch, proof)
	}
	return nil
}

// onlyPages reports whether nothing but pages contradicts a copy.
func (m *Match) onlyPages() bool {
	field := func(e Evidence) bool { return e.Result == ComparisonDiffers && e.Rung != RungPages }
	return m.agree && m.Contradicted && !slices.ContainsFunc(m.Evidence, field)
}

// rank orders the matches, and says where several are equally good.
func rank(matches []*Match, of *Module) (notes []string) {
	if len(matches) < 2 {
		return nil
	}
	slices.SortStableFunc(matches, func(a, b *Match) int { return -compareMatches(a, b) })
	best := matches[0]
	if best.Contradicted {
		return nil
	}
	tied := 0
	for _, m := range matches[1:] {
		if compareMatches(best, m) == 0 && m.Copy.PDBID() != best.Copy.PDBID() {
			m.tie()
			tied++
		}
	}
	if tied == 0 {
		return nil
	}
	best.tie()
	return []string{fmt.Sprintf("%d copies of %s agree equally well with the target and are different builds; the first on the path was taken",
		tied+1, baseName(of.Image))}
}

func (m *Match) tie() {
	m.Tied = true
	if m.PageMap != nil && m.Pages == VerdictConfirmed {
		m.setVerdict(VerdictLikely)
	}
}

// compareMatches compares what is known for two copies: contradictions, the
// verdict of the pages, the identity, and how many pages are equal.
func compareMatches(a, b *Match) int {
	pages := func(m *Match) int {
		if m.PageMap == nil {
			return 0
		}
		return m.PageMap.Matched
	}
	return cmp.Or(
		-compareBool(a.Contradicted, b.Contradicted),
		cmp.Compare(a.Pages, b.Pages),
		cmp.Compare(a.Identity, b.Identity),
		compareBool(a.bound, b.bound),
		cmp.Compare(pages(a), pages(b)),
	)
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}
