// Package load loads the symbols of one module: by the PDB the target itself
// names, or else by copies of the image. It is what symres.Session does when the
// symbols of a module are asked for the first time.
package load

import (
	"cmp"
	"context"

	"github.com/symres/symres/identify"
	"github.com/symres/symres/internal/filepool"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/pdb"
	"github.com/symres/symres/pe"
	"github.com/symres/symres/sympath"
)

// Symbols are the loaded symbols of a module. They are immutable.
type Symbols struct {
	Held     *filepool.Held // the PDB; nil where there is none
	Image    *Image         // what the image carries itself; nil where there is a PDB
	NoPDB    error          // why there is no PDB
	Private  bool           // it has private symbols
	Lines    bool           // it has lines
	Placed   bool           // it has section headers, or was told those of the image
	Identity identify.Identity
	Proof    identify.Proof
}

// Close ends the use of the PDB, or of the image.
func (s *Symbols) Close() error {
	switch {
	case s == nil:
		return nil
	case s.Held == nil:
		return s.Image.Close()
	}
	return s.Held.Release()
}

// Loader is one attempt at loading one module: by the PDB the target itself
// names, or else by copies of the image.
type Loader struct {
	Files   *filepool.Pool
	Memory  memsource.Source // nil for none
	Check   identify.VersionCheck
	Sources Sources
	Outcome identify.Outcome // what became of it, without its error
}

// Run loads the symbols: those of a PDB, or else what the image carries itself.
func (l *Loader) Run(ctx context.Context) (*Symbols, error) {
	syms, err := l.fromPDB(ctx)
	if syms != nil || ctx.Err() != nil {
		return syms, err
	}
	l.Outcome.Err = err
	if syms = l.carried(ctx); syms == nil {
		return nil, err
	}
	syms.NoPDB = err
	return syms, nil
}

// fromPDB loads the symbols of a PDB.
func (l *Loader) fromPDB(ctx context.Context) (*Symbols, error) {
	if !l.Sources.wants(sourcePDB) {
		return nil, errNotWanted
	}
	if cv := l.Outcome.Facts.CodeView; cv != nil {
		return l.findAny(ctx, cv, l.others(), identify.Basis{Identity: identify.IdentityPDB})
	}
	syms, err := l.viaImage(ctx)
	if syms == nil && l.Check == identify.CheckOff {
		if byName := l.byName(ctx); byName != nil {
			return byName, nil
		}
	}
	return syms, err
}

// viaImage finds copies of the image and takes the PDB's identity from the one
// that agrees best with the target and whose PDB can be found. What became of a
// file that was found says more than the closing words of the search.
func (l *Loader) viaImage(ctx context.Context) (*Symbols, error) {
	copies := identify.Find(ctx, l.Outcome.Facts, l.Outcome.Search, l.Check.Screen())
	defer copies.Close()
	tried := map[sympath.ID]bool{}
	var found error
	for {
		batch, more, failed := copies.Next()
		syms, err := l.useBest(ctx, batch, tried)
		identify.CloseAll(batch)
		if syms != nil {
			return syms, nil
		}
		found = cmp.Or(err, failed, found)
		if !more {
			return nil, cmp.Or(found, copies.Err())
		}
	}
}

// useBest compares pages and tries the copies that pass, the best first. What
// the report shows of a copy is that of the last one tried.
func (l *Loader) useBest(ctx context.Context, copies []*identify.Copy, tried map[sympath.ID]bool) (syms *Symbols, err error) {
	matches, notes := identify.Weigh(l.Outcome.Facts, copies)
	if ctx.Err() != nil {
		return nil, ctx.Err() // what was compared until then is not what is resident
	}
	o := &l.Outcome
	o.Notes = append(o.Notes, notes...)
	for _, m := range matches {
		if failed := m.Accept(l.Check); failed != nil {
			m.Copy.Refuse(failed)
			if o.Refused = append(o.Refused, m); err == nil {
				o.Match, o.Taken, err = m, false, failed
			}
			continue
		}
		id := m.Copy.PDBID()
		if tried[id] {
			continue
		}
		tried[id] = true
		o.Match, o.Taken = m, true
		if syms, err = l.findAny(ctx, m.Copy.Image.CodeView, m.Copy.Image.OtherCodeViews, m.Basis); err == nil {
			return syms, nil
		}
	}
	return nil, err
}

// headers is the image a module's symbols can count in: that in memory, or the
// file the module is. It is nil where neither could be read.
func (l *Loader) headers() *pe.Image {
	facts := l.Outcome.Facts
	if h := facts.Header; h != nil && h.Missing(pe.PartNTHeaders) == nil {
		return h
	}
	return facts.Module.File
}

// others are the further records of the image the PDB's identity is from.
func (l *Loader) others() []pe.CodeView {
	h, cv := l.headers(), l.Outcome.Facts.CodeView
	if h == nil || h.CodeView == nil || cv == nil || h.CodeView.ID() != cv.ID() {
		return nil
	}
	return h.OtherCodeViews
}

// findAny looks for the PDB that an image names and, where that is missing, for
// those its other records name: an image that was processed after it was linked
// may have several.
func (l *Loader) findAny(ctx context.Context, cv *pe.CodeView, others []pe.CodeView, b identify.Basis) (*Symbols, error) {
	syms, err := l.findPDB(ctx, cv, b)
	first, build := l.Outcome.PDBID, l.Outcome.BuildID
	for i := range others {
		if syms != nil || ctx.Err() != nil {
			break
		}
		if syms, _ = l.findPDB(ctx, &others[i], b); syms == nil {
			l.Outcome.PDBID, l.Outcome.BuildID = first, build
			continue
		}
		err = nil
	}
	return syms, err
}

// imageSections are the section headers of the image, nil where they are not
// known, or not all of them: a part of the table would make values of the rest.
func (l *Loader) imageSections() []pdb.Section {
	image := l.headers()
	if o := &l.Outcome; image == nil && o.Match != nil && o.Taken {
		image = o.Match.Copy.Image
	}
	if image == nil || image.Missing(pe.PartSections) != nil {
		return nil
	}
	list := make([]pdb.Section, len(image.Sections))
	for i, s := range image.Sections {
		list[i] = pdb.Section{Name: s.Name, VirtualAddress: s.VirtualAddress, VirtualSize: s.VirtualSize,
			SizeOfRawData: s.RawSize, Characteristics: s.Characteristics}
	}
	return list
}
