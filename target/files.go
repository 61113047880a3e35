package target

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"strings"

	"github.com/symres/symres"
	"github.com/symres/symres/internal/container"
	"github.com/symres/symres/internal/fsx"
	"github.com/symres/symres/pdb"
	"github.com/symres/symres/pe"
	"github.com/symres/symres/sympath"
)

// Files makes a target without memory from an image, a PDB or both; leave a
// name empty to omit the file. Its one module is the image at its preferred
// base. With a PDB alone the base is 0, so that addresses are RVAs. If a PDB is
// named, symbols come from it alone. Otherwise they are looked for along the
// symbol path and, unless Options.Symbols is given, beside the image, as in
// dbghelp. Either may lie in a cabinet or a zip archive, or be compressed.
//
// A module in Options.Modules overrides name and base; more than one is an
// [*OptionError]. Other errors are returned as by [symres.OpenImage] and
// [pdb.Open].
func Files(image, pdbFile string, opts Options) (*Target, error) {
	return open(context.Background(), opts, func(o *opener) error {
		o.target.kind = KindFiles
		if len(opts.Modules) > 1 {
			return &OptionError{"Modules", errors.New("an image and its PDB are one module")}
		}
		m, err := o.fileModule(image, pdbFile)
		if err != nil {
			return err
		}
		if len(opts.Modules) == 1 {
			listed := opts.Modules[0]
			m.Base, m.Name = listed.Base, symres.ModuleName(listed.Image)
			m.Size = max(m.Size, listed.Size)
		}
		o.target.modules = []symres.Module{m}
		return nil
	})
}

// fileModule makes the module, and finds its symbols.
func (o *opener) fileModule(image, pdbFile string) (m symres.Module, err error) {
	switch {
	case image == "" && pdbFile == "":
		return m, errors.New("neither an image nor a PDB is named")
	case image != "":
		m, err = o.imageModule(image)
	default:
		m, err = o.pdbModule(pdbFile)
	}
	if err != nil {
		return m, err
	}
	if pdbFile != "" {
		return m, o.usePDB(pdbFile)
	}
	o.beside(image)
	return m, nil
}

// beside has the folder of a file searched after the symbol path, as dbghelp does.
func (o *opener) beside(file string) {
	if o.opts.Symbols == nil {
		dir := filepath.Dir(file)
		o.config.Symbols = sympath.Chain(o.config.Symbols, sympath.Dir(dir, fsx.Dir(dir)))
	}
}

const filePage = 0x1000 // sections are mapped by pages of this size at least

func roundUp(n uint64) uint64 { return (n + filePage - 1) &^ (filePage - 1) }

// imageModule is the image at its preferred base.
func (o *opener) imageModule(path string) (symres.Module, error) {
	f, err := container.Open(context.Background(), path, container.Image)
	if err != nil {
		return symres.Module{}, err
	}
	defer f.Close() // what is needed is read
	image, err := symres.NewImage(f, f.Size())
	if err != nil {
		return symres.Module{}, fmt.Errorf("%s: %w", path, err)
	}
	if f.Member != "" {
		path = f.Member
	}
	o.config.Machine, o.target.bits = image.Machine, 32
	if image.Is64 {
		o.target.bits = 64
	}
	return symres.Module{
		Image: fileName(filepath.ToSlash(path)), Path: path, Base: image.ImageBase, Size: roundUp(uint64(image.SizeOfImage)),
		SizeOfImage: image.SizeOfImage, TimeDateStamp: image.TimeDateStamp, CheckSum: image.CheckSum,
		CodeView: image.CodeView, File: image, Origin: "image file",
	}, nil
}

// pdbModule is a module of which only the PDB is known.
func (o *opener) pdbModule(path string) (symres.Module, error) {
	p, f, err := o.openPDB(path)
	if err != nil {
		return symres.Module{}, err
	}
	defer p.Close()
	if f.Member != "" {
		path = f.Member
	}
	sections, err := p.Sections()
	if err != nil {
		return symres.Module{}, fmt.Errorf("%s: %w", path, err)
	}
	size := sizeOf(sections)
	if st, err := p.Status(); err == nil && st.Rearranged {
		size = maxImage // the sections are those it was linked with
	}
	guid, age := p.ID()
	o.config.Machine = p.Info().DBI.Machine
	o.target.bits = bitsOf(p.Info().DBI.Machine, nil)
	name := fileName(filepath.ToSlash(path))
	return symres.Module{
		Name: symres.ModuleName(name), Image: strings.TrimSuffix(name, filepath.Ext(name)), Size: size,
		CodeView: &symres.CodeView{Kind: pe.CodeViewRSDS, GUID: guid, Age: age, Path: name}, Origin: "PDB file",
	}, nil
}

// sizeOf is the size of an image with these sections: one page when there are
// none, so that there is a module at all.
func sizeOf(sections []pdb.Section) uint64 {
	size := uint64(filePage)
	for _, s := range sections {
		size = max(size, roundUp(uint64(s.VirtualAddress)+uint64(max(s.VirtualSize, s.SizeOfRawData))))
	}
	return min(size, maxImage)
}

// maxImage is the size of the largest image whose every address has an RVA.
const maxImage = 1<<32 - filePage

// usePDB makes the PDB the only place with symbols. It is opened here already,
// so that a file of another kind is told of as such.
func (o *opener) usePDB(path string) error {
	p, f, err := o.openPDB(path)
	if err != nil {
		return err
	}
	o.config.Symbols = onePDB(path, f)
	if f.Container == "" { // it is opened when it is wanted
		return errors.Join(p.Close(), f.Close())
	}
	return p.Close()
}

// openPDB opens a PDB, which may lie in a container; the file is closed with the
// target.
func (o *opener) openPDB(path string) (*pdb.File, *container.File, error) {
	f, err := container.Open(context.Background(), path, container.PDB)
	if err != nil {
		return nil, nil, err
	}
	o.closes(f)
	p, err := pdb.New(f, f.Size())
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return p, f, nil
}

// kept is a file that somebody else closes.
type kept struct{ *fsx.File }

func (kept) Close() error { return nil }

// onePDB is a store that has one PDB, whatever name it is asked for by, and has
// nothing to say of images; the session holds its identity against the one that
// is wanted.
func onePDB(path string, packed *container.File) sympath.Store {
	found := sympath.NewCandidate(path, sympath.OriginCustom, func(context.Context) (sympath.File, error) {
		if packed.Container != "" {
			return kept{packed.File}, nil
		}
		f, err := fsx.OpenSteady(path)
		if err != nil {
			return nil, err
		}
		return f, nil
	})
	return sympath.NewStore(path, func(_ context.Context, q sympath.Query) iter.Seq2[sympath.Candidate, error] {
		kind := q.ID.Kind()
		if kind != sympath.IDPDB70 && kind != sympath.IDPDB20 && !strings.EqualFold(filepath.Ext(q.File), ".pdb") {
			return nil
		}
		return func(yield func(sympath.Candidate, error) bool) { yield(found, nil) }
	})
}
