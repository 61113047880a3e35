package symres

import (
	"context"
	"fmt"
	"io/fs"
)

// Verify compares the copies of a module's image that are found along the
// paths with what of the module is in memory: fields, and every resident page.
// Unlike [Session.Load] it refuses none and needs no PDB; the report is about
// the copy that agrees best, with Report.Pages and its verdict. Nothing of it
// is kept. The error wraps [ErrNoModule], or [io/fs.ErrNotExist] when there is
// no copy; the report is there in the second case too. When ctx ends there is
// no report, and the error wraps what ended it. Safe for concurrent use.
func (s *Session) Verify(ctx context.Context, name string) (*Report, error) {
	m, err := s.find(name)
	if err != nil {
		return nil, err
	}
	l := s.newLoader(ctx, m)
	ctx = l.traced(ctx)
	l.identify(ctx, m)
	copies, err := l.allCopies(ctx)
	defer func() {
		for _, c := range copies {
			c.file.Close()
		}
	}()
	if ctx.Err() != nil {
		return nil, canceled(ctx, m)
	}
	if len(copies) == 0 {
		l.report.Next = "append a share that holds " + l.wanted()
		return l.report, fmt.Errorf("%s: no copy of its image: %w", m.Name, err)
	}
	l.comparePages(copies)
	if ctx.Err() != nil { // what was compared until then is not what is resident
		return nil, canceled(ctx, m)
	}
	l.rank(copies)
	l.settle(copies[0])
	return l.report, nil
}

// allCopies opens the copies of the image whatever they say of themselves.
func (l *loader) allCopies(ctx context.Context) (copies []*imageCopy, err error) {
	err = fs.ErrNotExist
	for cand, failed := range l.findImage(ctx) {
		if failed != nil {
			err = failed
			continue
		}
		c, failed := l.compareCopy(ctx, cand)
		if failed != nil {
			err = failed
			l.refuse(cand, failed)
			continue
		}
		if copies = append(copies, c); len(copies) == maxCopies || c.bound {
			break
		}
	}
	return copies, err
}

// settle puts the copy verified into the report.
func (l *loader) settle(c *imageCopy) {
	v := &c.verdict
	if v.pages == nil {
		v.pages = &Pages{}
		switch {
		case v.differs:
			v.pages.Verdict = Mismatch
		case v.agree:
			v.pages.Verdict = Likely
		}
	}
	l.accept(c)
	r := l.report
	r.Identity, r.Proof = v.identity, v.proof()
	r.PDBID = c.pdbID()
	if v.differs {
		r.Next = "the copy is of another build; append a share that holds " + l.wanted()
		if c.onlyPages() {
			r.Next = patchedPages + "; look at them"
		}
	}
}

// patchedPages is what to think of a copy that only some pages contradict.
const patchedPages = "all else agrees, so these pages may have been patched in memory, or the copy is of a sibling build"

// onlyPages reports whether nothing but pages contradicts a copy.
func (c *imageCopy) onlyPages() bool {
	for _, e := range c.verdict.evidence {
		if e.Result == Differs && e.Rung != RungPages {
			return false
		}
	}
	return c.verdict.agree && c.verdict.differs
}
