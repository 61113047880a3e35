package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/symres/symres/identify"
	"github.com/symres/symres/pdb"
	"github.com/symres/symres/pe"
	"github.com/symres/symres/sympath"
)

// findPDB looks for the PDB a CodeView record names. A PDB of another identity
// is used only under identify.CheckOff, and only when no exact one is on the path.
func (l *Loader) findPDB(ctx context.Context, cv *pe.CodeView, b identify.Basis) (*Symbols, error) {
	queries := l.Outcome.Facts.PDBQueries(cv)
	q := queries[0]
	l.Outcome.PDBID, l.Outcome.BuildID = q.ID, cv.Path == "" && !cv.Partial
	if l.Check == identify.CheckOff {
		queries = append(queries, l.Outcome.Facts.PDBsByName(cv)...)
	}
	var mismatch *identify.Found
	searched := fmt.Errorf("%s %v was not found: %w", q.File, q.ID, fs.ErrNotExist)
	var refused error
	for found, err := range l.Outcome.Search.PDB(ctx, queries...) {
		if err != nil {
			searched = err
			continue
		}
		syms, err := l.openPDB(ctx, found, cv)
		if err == nil {
			return l.use(syms, found, q.ID, b), nil
		}
		refused = err
		found.Refuse(err)
		if errors.Is(err, identify.ErrMismatch) && mismatch == nil {
			mismatch = found
		}
	}
	if mismatch == nil || l.Check != identify.CheckOff {
		return nil, cmp.Or(refused, searched)
	}
	syms, err := l.openPDB(ctx, mismatch, nil)
	if err != nil {
		return nil, err
	}
	b.Contradicted = true
	guid, age := syms.Held.ID()
	return l.use(syms, mismatch, sympath.PDB70(guid, age), b), nil
}

// byName is the manual cure of the debugger's documentation: a PDB of the
// module's name, with nothing to say that it belongs to the image.
func (l *Loader) byName(ctx context.Context) *Symbols {
	for found, err := range l.Outcome.Search.PDB(ctx, l.Outcome.Facts.PDBsByName(nil)...) {
		if err != nil {
			continue
		}
		syms, err := l.openPDB(ctx, found, nil)
		if err == nil {
			return l.use(syms, found, sympath.ID{}, identify.Basis{Identity: identify.IdentityName})
		}
		found.Refuse(err)
	}
	return nil
}

// use takes a PDB; got is its identity, where one was wanted.
func (l *Loader) use(syms *Symbols, f *identify.Found, got sympath.ID, b identify.Basis) *Symbols {
	syms.Identity, syms.Proof = b.Identity, b.Proof()
	l.Outcome.PDB = &identify.PDB{Location: f.Location, Private: syms.Private, Got: got, Basis: b}
	return syms
}

// openPDB opens a PDB and checks its identity; want nil checks nothing.
func (l *Loader) openPDB(ctx context.Context, c *identify.Found, want *pe.CodeView) (*Symbols, error) {
	traced := sympath.NewCandidate(c.Location, c.Origin, c.Open)
	traced.Store, traced.Source = c.Store, c.Source
	held, p, err := l.Files.HoldPDB(ctx, traced)
	if err != nil {
		return nil, err
	}
	syms := &Symbols{Held: held}
	if want != nil {
		err = checkPDB(p, want)
	}
	if err == nil {
		err = l.measure(syms, p, want != nil)
	}
	if err != nil {
		return nil, errors.Join(err, syms.Close())
	}
	held.Used()
	return syms, nil
}

// measure finds out what the PDB can answer. One without section headers is told
// those of the image it is known to belong to.
func (l *Loader) measure(syms *Symbols, p *pdb.File, exact bool) error {
	sections, err := p.Sections()
	if err != nil && !errors.Is(err, pdb.ErrFormat) {
		return err
	}
	syms.Placed = len(sections) > 0
	if list := l.imageSections(); !syms.Placed && exact && len(list) > 0 {
		if p, err = syms.Held.UseSections(list); err != nil {
			return err
		}
		syms.Placed = true
	}
	status, err := p.Status()
	syms.Private = status.Detail == pdb.DetailPrivate
	syms.Lines = syms.Private || status.Detail == pdb.DetailFastlink
	return err
}

// checkPDB compares the PDB's GUID (or signature) and its DBI age with what
// the image wants.
func checkPDB(p *pdb.File, want *pe.CodeView) error {
	guid, age := p.ID()
	got := sympath.PDB70(guid, age)
	if want.Kind == pe.CodeViewNB10 {
		got = sympath.PDB20(p.Info().Signature, age)
	}
	if got == want.ID() {
		return nil
	}
	return &identify.PDBMismatch{Want: want.ID(), Got: got}
}
