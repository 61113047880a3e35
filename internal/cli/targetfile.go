package cli

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"strings"

	"github.com/symres/symres"
	"github.com/symres/symres/internal/fsx"
	"github.com/symres/symres/pdb"
	"github.com/symres/symres/sympath"
)

// openFiles makes the one module of file mode out of --image, --pdb or both.
// A --module that was given says where it lies.
func (o *opener) openFiles(listed []symres.Module) error {
	if len(listed) > 1 {
		return usage(errors.New("--image and --pdb are one module: give --module once"))
	}
	var m symres.Module
	var err error
	if o.opts.image != "" {
		m, err = o.imageModule(o.opts.image)
	} else {
		m, err = o.pdbModule(o.opts.pdb)
	}
	if err == nil && o.opts.pdb != "" {
		err = o.usePDB(o.opts.pdb)
	}
	if err != nil {
		return err
	}
	if len(listed) == 1 {
		m.Base, m.Name = listed[0].Base, symres.ModuleName(listed[0].Image)
		m.Size = max(m.Size, listed[0].Size)
	}
	o.modules = []symres.Module{m}
	return nil
}

const filePage = 0x1000 // sections are mapped by pages of this size at least

func roundUp(n uint64) uint64 { return (n + filePage - 1) &^ (filePage - 1) }

// imageModule is the image at its preferred base. Its symbols are also looked
// for beside it, after the symbol path, as dbghelp does.
func (o *opener) imageModule(path string) (symres.Module, error) {
	image, err := symres.OpenImage(path)
	if err != nil {
		return symres.Module{}, unusable(err)
	}
	if o.opts.pdb == "" && !o.opts.none() {
		dir := filepath.Dir(path)
		o.config.Symbols = sympath.Chain(o.config.Symbols, sympath.Dir(dir, fsx.Dir(dir)))
	}
	o.config.Machine, o.target.bits = image.Machine, 32
	if image.Is64 {
		o.target.bits = 64
	}
	return symres.Module{
		Image: lastPart(filepath.ToSlash(path)), Path: path, Base: image.ImageBase, Size: roundUp(uint64(image.SizeOfImage)),
		SizeOfImage: image.SizeOfImage, TimeDateStamp: image.TimeDateStamp, CheckSum: image.CheckSum,
		CodeView: image.CodeView, Origin: "image file",
	}, nil
}

// pdbModule is a module of which only the PDB is known: at base 0, addresses
// are RVAs.
func (o *opener) pdbModule(path string) (symres.Module, error) {
	f, p, err := openPDB(path)
	if err != nil {
		return symres.Module{}, err
	}
	defer f.Close()
	defer p.Close()
	sections, err := p.Sections()
	if err != nil {
		return symres.Module{}, unusable(fmt.Errorf("%s: %w", path, err))
	}
	guid, age := p.ID()
	o.config.Machine = p.Machine()
	o.target.bits = machineBits(p.Machine())
	name := lastPart(filepath.ToSlash(path))
	return symres.Module{
		Name: symres.ModuleName(name), Image: strings.TrimSuffix(name, filepath.Ext(name)), Size: sizeOf(sections),
		CodeView: &symres.CodeView{Kind: "RSDS", GUID: guid, Age: age, Path: name}, Origin: "PDB file",
	}, nil
}

func openPDB(path string) (*file, *pdb.File, error) {
	f, err := openFile(path)
	if err != nil {
		return nil, nil, err
	}
	p, err := pdb.New(f, f.Size())
	if err != nil {
		f.Close()
		return nil, nil, unusable(fmt.Errorf("%s: %w", path, err))
	}
	return f, p, nil
}

// sizeOf is the size of an image with these sections: one page when there are
// none, so that there is a module at all.
func sizeOf(sections []pdb.Section) uint64 {
	size := uint64(filePage)
	for _, s := range sections {
		size = max(size, roundUp(uint64(s.VirtualAddress)+uint64(max(s.VirtualSize, s.SizeOfRawData))))
	}
	return min(size, 1<<32-filePage)
}

// usePDB makes the PDB the only place with symbols. It is opened here already,
// so that a file of another kind is told of as such.
func (o *opener) usePDB(path string) error {
	f, p, err := openPDB(path)
	if err != nil {
		return err
	}
	o.config.Symbols, o.target.named = onePDB(path), true
	o.target.hint = "name the PDB that was linked with the image, or use this one anyway with --version-check off"
	return errors.Join(p.Close(), f.Close())
}

// onePDB is a store that has one PDB, whatever name it is asked for by; the
// session holds its identity against the one that is wanted.
type onePDB string

// Find implements [sympath.Store].
func (s onePDB) Find(ctx context.Context, q sympath.Query) iter.Seq2[sympath.Candidate, error] {
	return func(yield func(sympath.Candidate, error) bool) {
		miss := &sympath.NotFoundError{Query: q}
		if s.has(q) {
			c := sympath.NewCandidate(string(s), sympath.OriginCustom, s.open)
			c.Store = string(s)
			miss.Attempts = []sympath.Attempt{{Store: c.Store, Location: c.Location, Origin: c.Origin, Status: sympath.StatusFound}}
			if !yield(c, nil) {
				return
			}
		}
		if err := ctx.Err(); err != nil {
			yield(sympath.Candidate{}, fmt.Errorf("%s: %w", q, err))
			return
		}
		yield(sympath.Candidate{}, miss)
	}
}

// has reports whether a PDB is asked for, and not a copy of the image.
func (s onePDB) has(q sympath.Query) bool {
	kind := q.ID.Kind()
	return kind == sympath.IDPDB70 || kind == sympath.IDPDB20 || strings.EqualFold(filepath.Ext(q.File), ".pdb")
}

// open maps the PDB: it is a file the user named.
func (s onePDB) open(context.Context) (sympath.File, error) {
	f, err := fsx.Map(string(s))
	if err != nil {
		return nil, err
	}
	return f, nil
}
