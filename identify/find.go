package identify

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"
	"strings"

	"github.com/symres/symres/internal/peimage"
	"github.com/symres/symres/pe"
	"github.com/symres/symres/sympath"
)

// maxCopies bounds how many copies of an image are held against the target and
// against each other.
const maxCopies = 8

// ErrForeign means that a module is not a Windows image. It has no PDB, so no
// server was asked. errors.Is reports [io/fs.ErrNotExist] too.
var ErrForeign error = &foreignError{}

type foreignError struct{}

func (*foreignError) Error() string        { return "it has no PDB, and nothing was asked for it" }
func (*foreignError) Is(target error) bool { return target == fs.ErrNotExist }

// Screen says which copies of an image [Find] returns. The zero Screen selects
// copies that no field contradicts and that name a PDB.
type Screen struct {
	Differing bool // also copies that a field contradicts
	NoPDB     bool // also copies that name no PDB
	AnyKey    bool // also copies found by name only, although a key is known
	Singly    bool // each copy is a batch of its own
}

// Screen returns what the version check passes on.
func (v VersionCheck) Screen() Screen {
	off := v == CheckOff
	return Screen{Differing: off, Singly: off, AnyKey: off}
}

// Copies finds files that may be the module's image. It belongs to one
// goroutine.
type Copies struct {
	ctx     context.Context
	facts   *Facts
	screen  Screen
	next    func() (*Found, error, bool)
	stop    func()
	failure error
}

// Find looks for copies of the image along the paths, the image path first,
// with [Facts.ImageQueries]: by key in symbol stores, if time stamp and size
// are known, and by name in directories. Each location is returned once. The
// caller ends the search with [Copies.Close]. Copies that the screen rejects
// appear as refused in the list of attempts, with the reason.
func Find(ctx context.Context, f *Facts, s *Search, screen Screen) *Copies {
	c := &Copies{ctx: ctx, facts: f, screen: screen}
	c.failure = fmt.Errorf("no copy of the image was found: %w", fs.ErrNotExist)
	if f.Module.System != "" {
		c.failure = fmt.Errorf("an image of %s: %w", f.Module.System, ErrForeign)
	}
	queries := f.ImageQueries()
	if screen.AnyKey {
		queries = append(queries, byName(queries)...)
	}
	c.next, c.stop = iter.Pull2(s.Image(ctx, queries...))
	return c
}

// Next opens the next copies, at most 8. It stops early at a copy whose
// checksum binds it to the target, because no other copy can be better. The
// caller closes the copies. The error says why the last rejected file could not
// be used. more is false at the end of the search.
func (c *Copies) Next() (batch []*Copy, more bool, err error) {
	for len(batch) < maxCopies {
		found, failed, ok := c.next()
		if !ok {
			return batch, false, err
		}
		if failed != nil {
			c.failure = failed
			continue
		}
		opened, failed := c.facts.open(c.ctx, found, c.screen)
		if failed != nil {
			err = failed
			found.Refuse(failed)
			continue
		}
		batch = append(batch, opened)
		if opened.fields.bound || c.screen.Singly {
			break
		}
	}
	return batch, true, err
}

// Err says why the search found nothing. It wraps [io/fs.ErrNotExist] if there
// is no such file.
func (c *Copies) Err() error { return c.failure }

// Close ends the search.
func (c *Copies) Close() { c.stop() }

// Copy is an open file that may be the module's image, with the result of
// comparing its fields with the facts.
type Copy struct {
	*Found
	Image *pe.Image

	file   sympath.File
	fields comparison
}

// File returns the file of the copy, which is good until the copy is closed.
func (c *Copy) File() sympath.File { return c.file }

// Close closes the file.
func (c *Copy) Close() error { return c.file.Close() }

// CloseAll closes copies.
func CloseAll(copies []*Copy) {
	for _, c := range copies {
		c.Close()
	}
}

// PDBID is the identity of the PDB that the copy names, or zero if it names
// none.
func (c *Copy) PDBID() sympath.ID {
	if c.Image.CodeView == nil {
		return sympath.ID{}
	}
	return c.Image.CodeView.ID()
}

// open opens a copy of the image and compares its fields. The error says why
// the copy cannot be used; the file is closed then.
func (f *Facts) open(ctx context.Context, found *Found, s Screen) (*Copy, error) {
	file, err := found.Open(ctx)
	if err != nil {
		return nil, err
	}
	image, err := pe.NewImage(file, file.Size())
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	c := &Copy{Found: found, Image: image, file: file}
	c.fields = f.compareFields(c)
	if c.fields.differs && !s.Differing {
		err = mismatch(c.fields.evidence)
	} else if image.CodeView == nil && !s.NoPDB {
		err = &noPDBError{image.Missing(pe.PartCodeView), c.fields.agree || c.fields.bound}
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return c, nil
}

// noPDBError refuses a copy that names no PDB.
type noPDBError struct {
	why   error // wraps pe.ErrNoPart where it has no debug directory or record
	right bool  // its fields say that it is the image
}

func (e *noPDBError) Error() string { return "it names no PDB: " + e.why.Error() }
func (e *noPDBError) Unwrap() error { return e.why }

// comparison is what comparing the fields of a copy came to.
type comparison struct {
	evidence []Evidence
	identity Identity
	differs  bool // something known contradicts the copy
	agree    bool // fields agree that make it likely without pages
	bound    bool // its computed checksum is the target's

	// computed is evidence of the checksum computed from the copy, where it
	// says more than the field does. A copy that was altered after it was
	// linked has another one than the target; the pages decide what that means.
	computed *Evidence
	altered  bool
}

// compareFields holds the fields of a copy against the target.
func (f *Facts) compareFields(c *Copy) comparison {
	m := f.compareImage(c.Image)
	m.evidence = append([]Evidence{foundBy(c.Candidate)}, m.evidence...)
	m.evidence = append(m.evidence, otherRecords(RungCopy, c.Image)...)
	if f.CodeView != nil && c.Image.CodeView != nil {
		m.comparePDB(f.CodeView.ID(), c)
	}
	if !m.differs && f.resident.there() { // without memory, the file itself is the target
		m.compareSum(f.Fields.CheckSum, c)
	}
	return m
}

// compareImage compares the fields of a header. A loader's size is rounded up to
// a page, so there the copy's is compared rounded as well; next to
// SizeOfImageNotRounded it stands for itself.
func (f *Facts) compareImage(m *pe.Image) comparison {
	target := f.Fields
	stamp := compare(FieldTimeDateStamp, Stamp(target.TimeDateStamp), Stamp(m.TimeDateStamp))
	sum := compare(FieldCheckSum, CheckSum(target.CheckSum), CheckSum(m.CheckSum))
	size := compare(FieldSizeOfImage, Size(target.Mapped), Size(f.roundUp(uint64(m.SizeOfImage))))
	if want := target.SizeOfImage; want != 0 {
		if slices.Contains(f.sizes(), m.SizeOfImage) {
			want = m.SizeOfImage
		}
		size = compare(FieldSizeOfImage, Size(want), Size(m.SizeOfImage))
	}
	stamp.Strength, size.Strength, sum.Strength = StrengthMedium, StrengthWeak, StrengthMedium
	if m.Repro {
		stamp.Note = "a hash of the build, not a time"
	}
	c := comparison{evidence: []Evidence{stamp, size, sum}, identity: IdentityName}
	equal := func(e Evidence) bool { return e.Result == ComparisonEqual }
	differs := func(e Evidence) bool { return e.Result == ComparisonDiffers }
	c.differs = differs(stamp) || differs(size) || differs(sum)
	switch {
	case equal(stamp) && equal(size):
		c.identity = IdentityImageKey
	case equal(stamp) || equal(size) || equal(sum):
		c.identity = IdentityChecksumSize
	}
	c.agree = c.identity == IdentityImageKey || equal(sum) && equal(size)
	return c
}

// foundBy says where a copy is from, and whether a key led to it or its name.
func foundBy(c sympath.Candidate) Evidence {
	e := Evidence{Rung: RungCopy, Field: FieldFile, Copy: File(c.Location), Strength: StrengthMedium, Note: "found by key, " + c.Origin.String()}
	if c.Origin == sympath.OriginDir || c.Origin == sympath.OriginCustom {
		e.Strength, e.Note = StrengthWeak, "found by name"
	}
	return e
}

// comparePDB compares the PDB the copy names with the one the target does.
func (c *comparison) comparePDB(want sympath.ID, copied *Copy) {
	got := copied.PDBID()
	if copied.Image.Names(want) {
		got = want
	}
	c.evidence = append(c.evidence, Evidence{Rung: RungCopy, Field: FieldPDB, Target: PDBID{want}, Copy: PDBID{got},
		Result: sameID(want, got), Strength: StrengthExact})
	c.identity, c.agree = IdentityPDB, true
	c.differs = c.differs || want != got
}

func sameID(want, got sympath.ID) Comparison {
	if want == got {
		return ComparisonEqual
	}
	return ComparisonDiffers
}

// compareSum computes the copy's checksum. One that is not what its own header
// says was altered after it was linked; whether that matters depends on what
// the target knows.
func (c *comparison) compareSum(target uint32, copied *Copy) {
	if copied.Image.CheckSum == 0 {
		return
	}
	sum, err := peimage.Checksum(copied.file, copied.file.Size())
	e := compare(FieldComputedCheckSum, CheckSum(target), CheckSum(sum))
	e.Result, e.Strength = ComparisonUnknown, StrengthStrong
	switch {
	case err != nil:
		e.Note = err.Error()
	case sum == target:
		c.bound, e.Result = true, ComparisonEqual
	case sum == copied.Image.CheckSum:
		return // it says the same as the field
	default:
		e.Note = fmt.Sprintf("the copy was altered: its header says %x", copied.Image.CheckSum)
		c.altered = target != 0
	}
	c.computed = &e
}

// mismatch says which fields differ, or that none could be compared.
func mismatch(evidence []Evidence) error {
	var words []string
	for _, e := range evidence {
		if e.Result == ComparisonDiffers {
			words = append(words, e.String())
		}
	}
	if len(words) == 0 {
		return fmt.Errorf("%w: nothing known of the target to compare it with", ErrMismatch)
	}
	return fmt.Errorf("%w: %s", ErrMismatch, strings.Join(words, "; "))
}
