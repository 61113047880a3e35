package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/symres/symres"
	"github.com/symres/symres/internal/filekind"
	"github.com/symres/symres/pdb"
	"github.com/symres/symres/pe"
	"github.com/symres/symres/sympath"
)

// plan gathers what there is to fetch from the files of the command line.
type plan struct {
	*app
	cmd     *cobra.Command
	opts    *fetchOptions
	known   map[string]bool // queries that are in the plan
	wanted  []sympath.Query
	jobs    []job
	targets []*target // of dumps, open until the jobs are done
}

func (p *plan) close() {
	for _, t := range p.targets {
		t.close()
	}
}

// want plans to get a file, once. Of an image that is looked for only because
// it names its PDB, the PDB comes next.
func (p *plan) want(q sympath.Query, thenPDB bool) {
	id := strings.ToLower(q.File) + "/" + strings.ToUpper(q.ID.Key())
	if q.ID.Key() == "" || p.known[id] {
		return
	}
	p.known[id] = true
	if _, err := sympath.CleanName(q.File); err != nil {
		refused := fetched{Query: lastPart(q.File) + "/" + q.ID.Key(), Status: fetchRefused, Reason: err.Error()}
		p.jobs = append(p.jobs, func(context.Context, *fetch) []fetched { return []fetched{refused} })
		return
	}
	p.wanted = append(p.wanted, q)
	p.jobs = append(p.jobs, func(ctx context.Context, f *fetch) []fetched {
		if !thenPDB {
			return []fetched{f.file(ctx, q, nil)}
		}
		return f.imageAndPDB(ctx, q)
	})
}

// imageAndPDB gets an image and the PDB it names.
func (f *fetch) imageAndPDB(ctx context.Context, q sympath.Query) []fetched {
	var next sympath.Query
	image := f.file(ctx, q, func(file sympath.File) {
		if m, err := symres.NewImage(file, file.Size()); err == nil {
			next = pdbQuery(m.CodeView, q.File)
		}
	})
	if next.File == "" {
		return []fetched{image}
	}
	return []fetched{image, f.file(ctx, next, nil)}
}

// pdbQuery asks for the PDB of an image. It is zero when the image names none.
func pdbQuery(cv *symres.CodeView, image string) sympath.Query {
	if cv == nil {
		return sympath.Query{}
	}
	ext := filepath.Ext(image)
	name := lastPart(cv.Path)
	if name == "" || cv.Partial {
		name = strings.TrimSuffix(image, ext) + ".pdb"
	}
	return sympath.Query{File: name, ID: cv.ID(), ImageExt: strings.TrimPrefix(ext, ".")}
}

// add plans what a file of the command line needs.
func (p *plan) add(ctx context.Context, path string) error {
	fi, err := os.Stat(path)
	if err != nil {
		return unusable(err)
	}
	if fi.IsDir() {
		return p.addDir(ctx, path)
	}
	f, err := openFile(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if done, err := p.addFile(f); done {
		return err
	}
	switch f.kind {
	case filekind.Unknown, filekind.Path:
		return p.addManifest(ctx, f)
	case filekind.CrashDump, filekind.Minidump, filekind.ELF:
		return p.addDump(ctx, path)
	}
	return unusable(fmt.Errorf("%s: %s: not a file that needs symbols", path, f.kind.Title()))
}

// addDir plans for every image and PDB below a folder.
func (p *plan) addDir(ctx context.Context, dir string) error {
	worst := error(nil)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			worst = cmp.Or(worst, reported(exitUnusable))
			p.report(err)
			return nil
		case d.IsDir() && strings.HasPrefix(d.Name(), ".symres"):
			return fs.SkipDir
		case !d.Type().IsRegular():
			return nil
		}
		if err := p.addEntry(path); err != nil {
			worst = cmp.Or(worst, reported(exitUnusable))
			p.report(err)
		}
		return nil
	})
	return cmp.Or(err, worst)
}

// addEntry plans for a file of a folder; those of other kinds need nothing.
func (p *plan) addEntry(path string) error {
	f, err := openFile(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = p.addFile(f)
	return err
}

// addFile plans for an image or a PDB. done is false for any other file.
func (p *plan) addFile(f *file) (done bool, err error) {
	switch f.kind {
	case filekind.PE:
		return true, p.addImage(f)
	case filekind.PDB:
		return true, p.addPDB(f)
	case filekind.Portable:
		return true, p.addPortable(f)
	}
	return false, nil
}

func (p *plan) addImage(f *file) error {
	image, err := symres.NewImage(f, f.Size())
	if err != nil {
		return unusable(fmt.Errorf("%s: %w", f.path, err))
	}
	name := filepath.Base(f.path)
	if p.opts.withImage {
		p.want(sympath.Query{File: name, ID: image.ID()}, false)
	}
	q := pdbQuery(image.CodeView, name)
	if q.File == "" {
		p.console.warn("%s: it names no PDB (%v)", f.path, image.Missing(pe.PartCodeView))
	}
	p.want(q, false)
	return nil
}

func (p *plan) addPDB(f *file) error {
	d, err := pdb.New(f, f.Size())
	if err != nil {
		return unusable(fmt.Errorf("%s: %w", f.path, err))
	}
	defer d.Close()
	guid, age := d.ID()
	p.want(sympath.Query{File: filepath.Base(f.path), ID: sympath.PDB70(guid, age)}, false)
	return nil
}

func (p *plan) addPortable(f *file) error {
	guid, err := pdb.PortableID(f, f.Size())
	if err != nil {
		return unusable(fmt.Errorf("%s: %w", f.path, err))
	}
	name := filepath.Base(f.path)
	p.want(pdbQuery(&symres.CodeView{Kind: pe.CodeViewRSDS, GUID: guid, Path: name, Portable: true}, name), false)
	return nil
}

// addDump plans for the modules of a dump.
func (p *plan) addDump(ctx context.Context, path string) error {
	opts := &targetOptions{pathOptions: p.opts.pathOptions, dump: path, check: symres.CheckKnown.String()}
	t, err := p.openTarget(ctx, p.cmd, opts)
	if err != nil {
		return err
	}
	p.targets = append(p.targets, t)
	for _, r := range t.session.Modules() {
		p.addModule(ctx, t, r.Module)
	}
	return nil
}

// addModule plans for a module by the best identity its target gives: the PDB
// that the image in memory names, or else the image.
func (p *plan) addModule(ctx context.Context, t *target, m symres.Module) {
	cv, stamp, size := m.CodeView, m.TimeDateStamp, m.SizeOfImage
	if t.memory != nil {
		image, err := symres.ReadImage(ctx, t.memory, m.Base)
		if image.CodeView != nil {
			cv = image.CodeView
		}
		if err == nil || image.SizeOfImage != 0 {
			stamp, size = cmp.Or(image.TimeDateStamp, stamp), cmp.Or(image.SizeOfImage, size)
		}
	}
	name := lastPart(cmp.Or(m.Image, m.Name))
	image := sympath.Query{File: name, ID: sympath.Image(stamp, size)}
	switch pdb := pdbQuery(cv, name); {
	case pdb.File != "":
		if p.opts.withImage {
			p.want(image, false)
		}
		p.want(pdb, false)
	case image.ID.Key() != "":
		p.want(image, true)
	case p.opts.manifest != "":
		p.console.warn("%s: its image header is not in the dump and nothing else identifies it; it needs a copy of the image", name)
	default:
		p.jobs = append(p.jobs, func(ctx context.Context, _ *fetch) []fetched { return loadByName(ctx, t, m) })
	}
}

// loadByName has the session look for a copy of an image that no server can be
// asked for, and for its PDB.
func loadByName(ctx context.Context, t *target, m symres.Module) []fetched {
	out := fetched{Query: lastPart(cmp.Or(m.Image, m.Name)), Status: fetchMissing}
	kept := keptFiles{}
	r, err := t.session.Load(sympath.WithTrace(ctx, &sympath.Trace{Event: kept.event}), m.Name)
	if r != nil {
		out.attempts = r.Attempts
	}
	if err != nil {
		out.Reason = err.Error()
		return []fetched{out}
	}
	out.Query, out.Status, out.Path = lastPart(r.PDB)+"/"+r.PDBID.Key(), fetchCached, r.PDB
	for _, a := range r.Attempts {
		if a.Status == sympath.StatusFound && a.Origin == sympath.OriginHTTP {
			out.Status = fetchDownloaded
		}
	}
	return []fetched{kept.of(lastPart(r.PDB)).settle(out)}
}

var errNoManifest = errors.New("neither a file that needs symbols nor a manifest")
