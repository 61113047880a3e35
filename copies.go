package symres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"

	"github.com/symres/symres/internal/fingerprint"
	"github.com/symres/symres/internal/pedisk"
	"github.com/symres/symres/internal/peimage"
	"github.com/symres/symres/pe"
	"github.com/symres/symres/sympath"
)

// maxCopies bounds how many copies of an image are held against the target and
// against each other.
const maxCopies = 8

// imageCopy is a file that may be the module's image. Its own fields were
// compared when it was opened.
type imageCopy struct {
	candidate sympath.Candidate
	file      sympath.File
	headers   *peimage.Headers
	image     *Image
	verdict   verdict
	bound     bool // its computed checksum is the target's
	altered   int  // index of the evidence that its computed checksum is not the target's; 0 is none
}

// pdbID is the identity of the PDB the copy names, zero where it names none.
func (c *imageCopy) pdbID() sympath.ID {
	if c.image.CodeView == nil {
		return sympath.ID{}
	}
	return c.image.CodeView.ID()
}

func (c *imageCopy) add(e Evidence) { c.verdict.evidence = append(c.verdict.evidence, e) }

// viaImage finds copies of the image and takes the PDB's identity from the one
// that agrees best with the target and whose PDB can be found.
func (l *loader) viaImage(ctx context.Context) (*symbols, error) {
	why := reason{searched: fmt.Errorf("no copy of the image was found: %w", fs.ErrNotExist)}
	tried := map[sympath.ID]bool{}
	next, stop := iter.Pull2(l.findImage(ctx))
	defer stop()
	for {
		copies, more := l.gather(ctx, next, &why)
		syms, err := l.useBest(ctx, copies, tried)
		for _, c := range copies {
			c.file.Close()
		}
		if syms != nil {
			return syms, nil
		}
		if err != nil {
			why.found = err
		}
		if !more {
			return nil, why.err()
		}
	}
}

// findImage looks for copies on the image path, then on the symbol path.
func (l *loader) findImage(ctx context.Context) iter.Seq2[sympath.Candidate, error] {
	q := sympath.Query{File: baseName(l.module.Image)}
	if l.target.timeDateStamp != 0 && l.target.sizeOfImage != 0 {
		q.ID = sympath.Image(l.target.timeDateStamp, l.target.sizeOfImage)
	}
	return l.find(ctx, q, l.session.cfg.Images, l.session.cfg.Symbols)
}

// gather opens copies whose fields pass the version check, until one is bound
// to the target by its checksum: no other can be better. Without a check the
// first one is taken as it comes. more says that the search is not over.
func (l *loader) gather(ctx context.Context, next func() (sympath.Candidate, error, bool), why *reason) (copies []*imageCopy, more bool) {
	for len(copies) < maxCopies {
		cand, err, ok := next()
		if !ok {
			return copies, false
		}
		if err != nil {
			why.searched = err
			continue
		}
		c, err := l.openCopy(ctx, cand)
		if err != nil {
			why.found = err
			l.refuse(cand, err)
			continue
		}
		copies = append(copies, c)
		if c.bound || l.session.cfg.Check == CheckOff {
			return copies, true
		}
	}
	return copies, true
}

// useBest compares pages and tries the copies that pass, the best first. What
// the report shows of a copy is that of the last one tried.
func (l *loader) useBest(ctx context.Context, copies []*imageCopy, tried map[sympath.ID]bool) (syms *symbols, err error) {
	l.comparePages(copies)
	if ctx.Err() != nil {
		return nil, ctx.Err() // what was compared until then is not what is resident
	}
	if l.session.cfg.Check != CheckOff { // which takes them as they come
		l.rank(copies)
	}
	for _, c := range copies {
		if failed := c.verdict.accepts(l.session.cfg.Check); failed != nil {
			l.refuse(c.candidate, failed)
			l.patched = l.patched || c.onlyPages()
			if l.unproven == nil && !c.verdict.differs {
				l.unproven = &c.verdict
			}
			if err == nil {
				l.accept(c)
				l.report.Image, l.report.Copy, err = "", nil, failed
			}
			continue
		}
		id := c.pdbID()
		if tried[id] {
			continue
		}
		tried[id] = true
		l.accept(c)
		if syms, err = l.findPDB(ctx, c.image.CodeView, c.verdict); err == nil {
			return syms, nil
		}
	}
	return nil, err
}

// accept puts a copy into the report, in place of the one before.
func (l *loader) accept(c *imageCopy) {
	r := l.report
	r.Image, r.Copy, r.Pages = c.candidate.Location, c.image, c.verdict.pages
	r.Evidence = append(r.Evidence[:l.ladder:l.ladder], c.verdict.evidence...)
}

// rank orders copies by how well they agree with the target; among equals the
// path decides. Where the best two agree equally well and name different PDBs,
// both are tied: neither is confirmed.
func (l *loader) rank(copies []*imageCopy) {
	if len(copies) < 2 {
		return
	}
	slices.SortStableFunc(copies, func(a, b *imageCopy) int { return -compareCopies(a, b) })
	best := copies[0]
	if best.verdict.differs {
		return
	}
	tied := 0
	for _, c := range copies[1:] {
		if compareCopies(best, c) == 0 && c.pdbID() != best.pdbID() {
			c.tie()
			tied++
		}
	}
	if tied > 0 {
		best.tie()
		l.report.Notes = append(l.report.Notes, fmt.Sprintf(
			"%d copies of %s agree equally well with the target and are different builds; the first on the path was taken",
			tied+1, baseName(l.module.Image)))
	}
}

func (c *imageCopy) tie() {
	c.verdict.tied = true
	if p := c.verdict.pages; p != nil && p.Verdict == Confirmed {
		p.Verdict = Likely
	}
}

// compareCopies compares what is known for two copies: contradictions, the
// verdict of the pages, the identity, and how many pages are equal.
func compareCopies(a, b *imageCopy) int {
	pages := func(c *imageCopy) int {
		if c.verdict.pages == nil {
			return 0
		}
		return c.verdict.pages.Matched
	}
	return cmp.Or(
		-compareBool(a.verdict.differs, b.verdict.differs),
		cmp.Compare(a.verdict.pages.verdict(), b.verdict.pages.verdict()),
		cmp.Compare(a.verdict.identity, b.verdict.identity),
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

// openCopy opens a copy of the image and holds its fields against the target.
// The error says why the copy cannot be used; the file is closed then.
func (l *loader) openCopy(ctx context.Context, cand sympath.Candidate) (*imageCopy, error) {
	c, err := l.compareCopy(ctx, cand)
	if err == nil && c.verdict.differs && l.session.cfg.Check != CheckOff {
		err = c.verdict.mismatch()
	}
	if err == nil && c.image.CodeView == nil {
		err = fmt.Errorf("it names no PDB: %w", c.image.Missing(pe.PartCodeView))
	}
	if err != nil && c != nil {
		return nil, errors.Join(err, c.file.Close())
	}
	return c, err
}

// compareCopy opens a copy of the image and compares its fields, whatever that
// comes to.
func (l *loader) compareCopy(ctx context.Context, cand sympath.Candidate) (*imageCopy, error) {
	c, err := readCopy(ctx, cand)
	if err != nil {
		return nil, err
	}
	c.verdict = l.target.compare(c.image)
	c.verdict.evidence = append([]Evidence{foundBy(cand)}, c.verdict.evidence...)
	if l.cv != nil && c.image.CodeView != nil {
		c.comparePDB(l.cv.ID())
	}
	if !c.verdict.differs && l.session.cfg.Memory != nil { // without memory, the file itself is the target
		c.checkSum(l.target.checkSum)
	}
	return c, nil
}

// foundBy says where a copy is from, and whether a key led to it or its name.
func foundBy(c sympath.Candidate) Evidence {
	e := Evidence{Rung: RungCopy, Field: FieldFile, Copy: c.Location, Strength: StrengthMedium, Note: "found by key, " + c.Origin.String()}
	if c.Origin == sympath.OriginDir || c.Origin == sympath.OriginCustom {
		e.Strength, e.Note = StrengthWeak, "found by name"
	}
	return e
}

// comparePDB compares the PDB the copy names with the one the target does.
func (c *imageCopy) comparePDB(want sympath.ID) {
	got := c.image.CodeView.ID()
	e := Evidence{Rung: RungCopy, Field: "PDB", Target: want.String(), Copy: got.String(), Result: Equal, Strength: StrengthExact}
	if c.verdict.identity = IdentityPDB; got != want {
		e.Result, c.verdict.differs = Differs, true
	}
	c.verdict.agree = true
	c.add(e)
}

// readCopy opens a candidate and reads its headers.
func readCopy(ctx context.Context, cand sympath.Candidate) (*imageCopy, error) {
	f, err := cand.Open(ctx)
	if err != nil {
		return nil, err
	}
	h, err := pedisk.ReadHeaders(f, f.Size())
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	image, err := pe.NewImage(f, f.Size())
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &imageCopy{candidate: cand, file: f, headers: h, image: image}, nil
}

// checkSum computes the copy's checksum. One that is not what its own header
// says was altered after it was linked; whether that matters depends on what
// the target knows.
func (c *imageCopy) checkSum(target uint32) {
	if c.image.CheckSum == 0 {
		return
	}
	sum, err := peimage.Checksum(c.file, c.file.Size())
	e := Evidence{Rung: RungCopy, Field: "computed CheckSum", Target: hexOf(uint64(target)), Copy: hexOf(uint64(sum)), Strength: StrengthStrong}
	switch {
	case err != nil:
		e.Note = err.Error()
	case sum == target:
		c.bound, e.Result = true, Equal
	case sum == c.image.CheckSum:
		return // it says the same as the field
	default:
		e.Note = fmt.Sprintf("the copy was altered: its header says %x", c.image.CheckSum)
		if target != 0 {
			c.altered = len(c.verdict.evidence)
		}
	}
	c.add(e)
}

// weighAltered decides what it means that the copy is not what the target's
// checksum was computed from. Files are changed after they were linked, and
// then loaded: by stripping, by patching. So a copy that is equal wherever
// there is anything to compare is what the target loaded; without such pages,
// r being nil or not complete, the checksum contradicts the copy.
func (c *imageCopy) weighAltered(r *fingerprint.Result) {
	if c.altered == 0 {
		return
	}
	e := &c.verdict.evidence[c.altered]
	if r != nil && r.Verdict(false, false) == Confirmed {
		e.Note += "; so was what the target loaded, for all its pages are equal"
		return
	}
	e.Result, c.verdict.differs = Differs, true
}
