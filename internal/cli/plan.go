package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/symres/symres"
	"github.com/symres/symres/identify"
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

// want plans to get a file, once, under the first of several names and keys that
// leads to it. Of an image that is looked for only because it names its PDB, the PDB comes next.
func (p *plan) want(queries []sympath.Query, thenPDB bool) {
	queries = slices.DeleteFunc(queries, func(q sympath.Query) bool { return q.ID.Key() == "" })
	if len(queries) == 0 || p.plans(queries[0]) {
		return
	}
	if _, err := sympath.CleanName(queries[0].File); err != nil {
		refused := fetched{Query: lastPart(queries[0].File) + "/" + queries[0].ID.Key(), Status: fetchRefused, Reason: err.Error()}
		p.jobs = append(p.jobs, func(context.Context, *fetch) []fetched { return []fetched{refused} })
		return
	}
	p.wanted = append(p.wanted, queries[0])
	for _, q := range listed(queries[1:]) {
		if !p.plans(q) {
			p.wanted = append(p.wanted, q)
		}
	}
	p.jobs = append(p.jobs, func(ctx context.Context, f *fetch) []fetched {
		if !thenPDB {
			return []fetched{f.first(ctx, queries, nil)}
		}
		return f.imageAndPDB(ctx, queries)
	})
}

// plans reports whether a query is in the plan already, and puts it there.
func (p *plan) plans(q sympath.Query) bool {
	id := strings.ToLower(q.File) + "/" + strings.ToUpper(q.ID.Key())
	was := p.known[id]
	p.known[id] = true
	return was
}

// listed are the queries that go into a manifest: those of which only the store
// can say which is right. The kernel calls the second copy of a driver by a name that no store has.
func listed(queries []sympath.Query) []sympath.Query {
	return slices.DeleteFunc(slices.Clone(queries), func(q sympath.Query) bool {
		return !strings.EqualFold(identify.ImageNames(q.File)[0], q.File)
	})
}

// imageAndPDB gets an image and the PDB it names.
func (f *fetch) imageAndPDB(ctx context.Context, queries []sympath.Query) []fetched {
	var next []sympath.Query
	image := f.first(ctx, queries, func(file sympath.File) {
		if m, err := symres.NewImage(file, file.Size()); err == nil && m.CodeView != nil {
			next = pdbQueries(byImage(queries[0].File), m.CodeView, m)
		}
	})
	if next == nil {
		return []fetched{image}
	}
	return []fetched{image, f.first(ctx, next, nil)}
}

// pdbQueries ask for the PDB that a record names, and then for those of the other
// records of the image it is from: one that was processed after it was linked has some.
func pdbQueries(ask func(*pe.CodeView) []sympath.Query, cv *pe.CodeView, image *pe.Image) []sympath.Query {
	queries := ask(cv)
	if image == nil || image.CodeView == nil || image.CodeView.ID() != cv.ID() {
		return queries
	}
	for i := range image.OtherCodeViews {
		queries = append(queries, ask(&image.OtherCodeViews[i])...)
	}
	return queries
}

// byImage asks for the PDBs of an image of that name.
func byImage(name string) func(*pe.CodeView) []sympath.Query {
	return func(cv *pe.CodeView) []sympath.Query { return identify.PDBQueries(name, cv) }
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
	f, err := openPacked(ctx, path)
	if err != nil {
		return err
	}
	defer f.Close()
	if done, err := p.addFile(f); done {
		return err
	}
	if f.kind.Compressed() && f.unopened == nil {
		return p.addDump(ctx, path)
	}
	switch f.kind {
	case filekind.CrashDump, filekind.Minidump, filekind.UserDump, filekind.Core, filekind.LiME, filekind.AVML, filekind.VMware:
		return p.addDump(ctx, path)
	case filekind.Unknown, filekind.Path:
		if f.kind == filekind.Unknown && !isText(f) { // raw memory looks like nothing at all
			return p.addDump(ctx, path)
		}
		return p.addManifest(ctx, f)
	}
	if f.unopened != nil {
		return unusable(fmt.Errorf("%s: %w", path, f.unopened))
	}
	return unusable(fmt.Errorf("%s: %s: not a file that needs symbols", path, f.kind.Title()))
}

// isText reports whether a file can be a manifest: it begins without a NUL, and
// is not too large.
func isText(f *file) bool {
	first := make([]byte, min(f.Size(), 4<<10))
	_, err := f.ReadAt(first, 0)
	return f.Size() <= maxManifest && (err != nil && err != io.EOF || !bytes.Contains(first, []byte{0}))
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
	name := filepath.Base(f.name())
	if p.opts.withImage {
		p.want([]sympath.Query{{File: name, ID: image.ID()}}, false)
	}
	if image.CodeView == nil {
		p.console.warn("%s: it names no PDB (%v)", f.path, image.Missing(pe.PartCodeView))
		return nil
	}
	p.want(pdbQueries(byImage(name), image.CodeView, image), false)
	return nil
}

func (p *plan) addPDB(f *file) error {
	d, err := pdb.New(f, f.Size())
	if err != nil {
		return unusable(fmt.Errorf("%s: %w", f.path, err))
	}
	defer d.Close()
	guid, age := d.ID()
	p.want([]sympath.Query{{File: filepath.Base(f.name()), ID: sympath.PDB70(guid, age)}}, false)
	return nil
}

func (p *plan) addPortable(f *file) error {
	guid, err := pdb.PortableID(f, f.Size())
	if err != nil {
		return unusable(fmt.Errorf("%s: %w", f.path, err))
	}
	name := filepath.Base(f.name())
	p.want(identify.PDBQueries(name, &symres.CodeView{Kind: pe.CodeViewRSDS, GUID: guid, Path: name, Portable: true}), false)
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
	foreign := 0
	for _, r := range t.session.Modules() {
		if r.Module.System != "" {
			foreign++
			continue
		}
		facts, err := t.session.Identify(ctx, r.Module.Name)
		if err := cmp.Or(ctx.Err(), err); err != nil {
			return err
		}
		p.addModule(t, facts)
	}
	if foreign > 0 {
		p.console.warn("%s: %s of %s, which have no PDBs", path, plural(foreign, "module"), t.Info().System)
	}
	return nil
}

// addModule plans for a module by what its target says of it: by the PDB that its image
// names, or else by the image, which names its PDB.
func (p *plan) addModule(t *target, facts *identify.Facts) {
	m := facts.Module
	images := slices.DeleteFunc(facts.ImageQueries(), func(q sympath.Query) bool { return q.ID.IsZero() })
	name := lastPart(cmp.Or(m.Image, m.Name))
	if p.opts.withImage && len(images) == 0 {
		p.console.warn("%s: its time stamp or size is not in the dump, so that no server can be asked for the image", name)
	}
	switch {
	case facts.CodeView != nil:
		if p.opts.withImage {
			p.want(images, false)
		}
		p.want(pdbQueries(facts.PDBQueries, facts.CodeView, cmp.Or(facts.Header, m.File)), false)
	case len(images) > 0:
		p.want(images, true)
	case p.opts.manifest == "":
		p.jobs = append(p.jobs, func(ctx context.Context, _ *fetch) []fetched { return loadByName(ctx, t, m) })
	case !p.opts.withImage:
		p.console.warn("%s: its image header is not in the dump and nothing else identifies it; it needs a copy of the image", name)
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
	if fi, err := os.Stat(r.PDB); err == nil {
		out.Bytes = fi.Size()
	}
	for _, a := range r.Attempts {
		if a.Status == sympath.StatusFound && a.Origin == sympath.OriginHTTP {
			out.Status = fetchDownloaded
		}
	}
	return []fetched{kept.of(lastPart(r.PDB)).settle(out)}
}

var errNoManifest = errors.New("neither a file that needs symbols nor a manifest")
