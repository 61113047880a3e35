package symres

import (
	"context"

	"github.com/symres/symres/identify"
	"github.com/symres/symres/pdb"
	"github.com/symres/symres/pe"
)

// headers is the image a module's symbols can count in: that in memory, or the
// file the module is. It is nil where neither could be read.
func (l *loader) headers() *Image {
	facts := l.outcome.Facts
	if h := facts.Header; h != nil && h.Missing(pe.PartNTHeaders) == nil {
		return h
	}
	return facts.Module.File
}

// others are the further records of the image the PDB's identity is from.
func (l *loader) others() []CodeView {
	h, cv := l.headers(), l.outcome.Facts.CodeView
	if h == nil || h.CodeView == nil || cv == nil || h.CodeView.ID() != cv.ID() {
		return nil
	}
	return h.OtherCodeViews
}

// findAny looks for the PDB that an image names and, where that is missing, for
// those its other records name: an image that was processed after it was linked
// may have several.
func (l *loader) findAny(ctx context.Context, cv *CodeView, others []CodeView, b identify.Basis) (*symbols, error) {
	syms, err := l.findPDB(ctx, cv, b)
	first := l.outcome.PDBID
	for i := range others {
		if syms != nil || ctx.Err() != nil {
			break
		}
		if syms, _ = l.findPDB(ctx, &others[i], b); syms == nil {
			l.outcome.PDBID = first
			continue
		}
		err = nil
	}
	return syms, err
}

// imageSections are the section headers of the image, nil where they are not
// known, or not all of them: a part of the table would make values of the rest.
func (l *loader) imageSections() []pdb.Section {
	image := l.headers()
	if o := &l.outcome; image == nil && o.Match != nil && o.Taken {
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
