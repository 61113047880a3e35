package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/symres/symres/identify"
	"github.com/symres/symres/sympath"
)

type fetchOptions struct {
	*pathOptions
	withImage bool
	manifest  string
	from      string
	jobs      int
}

func (a *app) fetchCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "fetch FILE...",
		Short: "get the symbol files of images, PDBs, dumps, folders and manifests, as symchk does",
		Long: "fetch gets the PDB of every FILE: a PE image, a PDB, a dump (of all its modules), a folder (of all\n" +
			"images and PDBs in it) or a manifest. Files come by way of the symbol path into its caches, verified;\n" +
			"a path without a cache gets the default one in front.\n\n" +
			"For a machine without a network: there, 'symres fetch --manifest MEMORY.DMP > need.txt'; on another,\n" +
			"'symres fetch need.txt --sympath srv*DIR*https://...'; and back there, 'symres fetch --import DIR'.",
		Example: "  symres fetch app.exe --sympath 'srv*C:\\sym*https://msdl.microsoft.com/download/symbols'\n" +
			"  symres fetch --with-image MEMORY.DMP\n  symres fetch --manifest=need.txt MEMORY.DMP\n  symres fetch --import /media/usb",
	}
	o := &fetchOptions{pathOptions: addPathFlags(cmd)}
	flags := cmd.Flags()
	flags.BoolVar(&o.withImage, "with-image", false, "get the images as well as their PDBs")
	flags.StringVar(&o.manifest, "manifest", "", "only list what is needed, one name,key,1 a line, on standard output or in `FILE`")
	flags.Lookup("manifest").NoOptDefVal = "-"
	flags.StringVar(&o.from, "import", "", "file what lies in `DIR` into the cache, under the identity read from it")
	flags.IntVar(&o.jobs, "jobs", 8, "how many files are fetched at the same time")
	_ = cmd.MarkFlagDirname("import") // fails for a flag that does not exist
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return a.fetch(cmd, o, args) }
	return cmd
}

func (a *app) fetch(cmd *cobra.Command, o *fetchOptions, files []string) error {
	switch {
	case len(files) == 0 && o.from == "":
		return usage(errors.New("fetch: name images, PDBs, dumps, folders or manifests, or give --import DIR"))
	case o.from != "" && o.manifest != "":
		return usage(errors.New("--import and --manifest exclude each other"))
	case o.jobs < 1 || o.jobs > 64:
		return usage(fmt.Errorf("--jobs %d: want 1 to 64", o.jobs))
	}
	p := &plan{app: a, cmd: cmd, opts: o, known: map[string]bool{}}
	defer p.close()
	gathered := a.each(cmd.Context(), files, func(path string) error { return p.add(cmd.Context(), path) })
	if cmd.Context().Err() != nil {
		return cmd.Context().Err()
	}
	switch {
	case o.manifest != "" && len(p.wanted) == 0 && gathered != nil:
		return gathered
	case o.manifest != "":
		return errors.Join(p.writeManifest(o.manifest), gathered)
	}
	f, err := a.newFetch(o)
	if err != nil {
		return err
	}
	if o.from != "" {
		if err := f.importDir(cmd.Context(), o.from); err != nil {
			return err
		}
	}
	if err := f.run(cmd.Context(), p.jobs, o.jobs); err != nil {
		return err
	}
	return f.finish(gathered)
}

// newFetch makes the stores. A path without a cache would have nowhere to put
// what it gets.
func (a *app) newFetch(o *fetchOptions) (*fetch, error) {
	p := a.parsePath(o.symbols(a.program.Getenv))
	given := p.String()
	all, err := a.openStores(o.pathOptions)
	if err != nil {
		return nil, err
	}
	options := all.Options()
	caches := p.Caches(options)
	if o.cache != "" && o.from != "" {
		caches = []*sympath.Cache{sympath.NewCache(o.cache, options)}
	}
	if len(caches) == 0 {
		p = defaultCache().Append(p)
		caches = p.Caches(options)
	}
	f := &fetch{app: a, store: p.Store(options), path: given}
	if images := a.parsePath(o.images(a.program.Getenv)); len(images.Elements()) > 0 {
		options.Recursive = true
		f.store = sympath.Chain(f.store, images.Store(options))
	}
	if len(caches) > 0 {
		f.cache = caches[0]
	}
	return f, nil
}

// fetch is one run of the subcommand.
type fetch struct {
	*app
	store sympath.Store
	cache *sympath.Cache // where imported files go
	good  int
	bytes int64 // of the good ones
	bad   []fetched

	path string // the symbol path, as text
}

// The states of a file that was asked for, in the words of the JSON contract.
const (
	fetchCached      = "cached"
	fetchDownloaded  = "downloaded"
	fetchMissing     = "missing"
	fetchRefused     = "refused"
	fetchUnreachable = "unreachable"
	fetchFailed      = "failed" // a server had another answer than the file or that it has none
)

// fetched is a line of fetch.
type fetched struct {
	Query  string `json:"query"`
	Status string `json:"status"`
	Path   string `json:"path,omitempty"`
	Bytes  int64  `json:"bytes,omitempty"`
	New    bool   `json:"new,omitempty"` // filed by --import, and not there before
	Reason string `json:"reason,omitempty"`

	Attempts []sympath.Attempt `json:"attempts,omitempty"` // with -v
	attempts []sympath.Attempt
	unkept   bool   // found, but there is no copy of it here
	cause    string // of a failure, without the story around it
}

// job gets one file, and what shows to be needed on the way.
type job func(ctx context.Context, f *fetch) []fetched

// run does the jobs, several at a time, and tells the results in their order.
func (f *fetch) run(ctx context.Context, jobs []job, workers int) error {
	results := make([]chan []fetched, len(jobs))
	for i := range results {
		results[i] = make(chan []fetched, 1)
	}
	next := make(chan int)
	var group sync.WaitGroup
	defer group.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for range min(workers, len(jobs)) {
		group.Go(func() {
			for i := range next {
				results[i] <- jobs[i](ctx, f)
			}
		})
	}
	group.Go(func() {
		defer close(next)
		for i := range jobs {
			select {
			case next <- i:
			case <-ctx.Done():
				return
			}
		}
	})
	for _, result := range results {
		select {
		case all := <-result:
			for _, r := range all {
				f.tell(r)
			}
		case <-ctx.Done():
			return ctx.Err()
		}
		if f.console.failed != nil {
			return f.console.failed
		}
	}
	return ctx.Err()
}

// first gets a file by the first of several queries that leads to it. What is
// told of one that none leads to is about the first.
func (f *fetch) first(ctx context.Context, queries []sympath.Query, look func(sympath.File)) fetched {
	var out fetched
	for i, q := range queries {
		got := f.file(ctx, q, look)
		if got.ok() {
			return got
		}
		if i == 0 {
			out = got
			continue
		}
		out.attempts = append(out.attempts, got.attempts...)
		if out.Status == fetchMissing && got.Status != fetchMissing {
			out.Status, out.Reason, out.unkept, out.cause = got.Status, got.Reason, got.unkept, got.cause
		}
	}
	return out
}

func (r *fetched) ok() bool { return r.Status == fetchCached || r.Status == fetchDownloaded }

// file gets one file of a known identity. look, if not nil, is shown it.
func (f *fetch) file(ctx context.Context, q sympath.Query, look func(sympath.File)) fetched {
	out := fetched{Query: q.File + "/" + q.ID.Key(), Status: fetchMissing}
	var refused error
	var kept keeping
	traced := sympath.WithTrace(ctx, &sympath.Trace{
		Attempt: func(_ sympath.Query, a sympath.Attempt) { out.attempts = append(out.attempts, a) },
		Event:   kept.event,
	})
	for c, err := range f.store.Find(traced, q) {
		if err != nil {
			out.Reason = err.Error()
			continue
		}
		size, err := verified(ctx, c, q, look)
		if err != nil {
			refused = fmt.Errorf("%s: %w", c.Location, err)
			continue
		}
		out.Status, out.Path, out.Bytes, out.Reason = fetchCached, c.Location, size, ""
		if c.Source != "" || c.Origin == sympath.OriginHTTP || c.Origin == sympath.OriginUNC {
			out.Status = fetchDownloaded
		}
		return kept.settle(out)
	}
	var failed error
	unreachable := false
	for _, a := range out.attempts {
		switch a.Status {
		case sympath.StatusRefused:
			refused = cmp.Or(refused, a.Err)
		case sympath.StatusError:
			if failed == nil {
				failed, out.cause = a.Err, causeOf(a)
			}
			unreachable = unreachable || identify.Unreachable(a)
		}
	}
	switch {
	case refused != nil:
		out.Status, out.Reason = fetchRefused, refused.Error()
	case failed != nil:
		out.Status = fetchFailed
		out.Reason += ": " + failed.Error()
	}
	if unreachable && refused == nil {
		out.Status = fetchUnreachable
	}
	return out
}

// causeOf is what an attempt failed with, and where.
func causeOf(a sympath.Attempt) string {
	return fmt.Sprintf("%v (%s)", a.Err, cmp.Or(a.Store, a.Location))
}

// keeping is what became of the copy of a file that was found elsewhere.
type keeping struct {
	mu  sync.Mutex
	in  string // the entry of the nearest cache that took it
	why error  // another did not
}

func (k *keeping) event(_ sympath.Query, e sympath.Event) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch e.Kind {
	case sympath.EventPublish:
		k.in = e.Location
	case sympath.EventWarning:
		k.why = cmp.Or(k.why, e.Err)
	}
}

// keptFiles is what became of the copies of several files, by their names.
type keptFiles struct{ files sync.Map }

func (k *keptFiles) of(file string) *keeping {
	one, _ := k.files.LoadOrStore(strings.ToLower(file), &keeping{})
	return one.(*keeping)
}

func (k *keptFiles) event(q sympath.Query, e sympath.Event) { k.of(q.File).event(q, e) }

// settle says where a file that was found is to be had from now on. One that
// is on a server or share and nowhere else was not fetched.
func (k *keeping) settle(out fetched) fetched {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case !elsewhere(out.Path):
	case k.in != "":
		out.Path = k.in
	default:
		out.Status, out.unkept, out.Reason = fetchMissing, true, "found at "+out.Path+", but no cache of the path could keep it"
		if k.why != nil {
			out.Reason += ": " + k.why.Error()
		}
		out.Path, out.Bytes = "", 0
	}
	return out
}

// elsewhere tells the place of a file on a server or share from one here.
func elsewhere(location string) bool {
	return strings.HasPrefix(location, `\\`) || strings.Contains(location, "://")
}

// verified opens a candidate and holds it against the query: what lies in a
// plain directory has only its name to speak for it.
func verified(ctx context.Context, c sympath.Candidate, q sympath.Query, look func(sympath.File)) (int64, error) {
	file, err := c.Open(ctx)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	id, err := identify.FileID(q, file, file.Size())
	if err == nil && id != q.ID {
		err = fmt.Errorf("%w: it is %v", sympath.ErrMismatch, id)
	}
	if err == nil && look != nil {
		look(file)
	}
	return file.Size(), err
}

// tell prints a result in the look of symchk.
func (f *fetch) tell(r fetched) {
	f.warnings()
	ok := r.ok()
	if ok {
		f.good++
		f.bytes += r.Bytes
	} else {
		f.bad = append(f.bad, r)
	}
	if f.noisy {
		r.Attempts = r.attempts
	}
	switch {
	case f.console.json:
		f.console.object(r)
	case ok:
		f.console.line("SYMCHK: %-20s PASSED  - %s", r.Query, passed(r))
	case r.Status == fetchRefused:
		f.console.line("SYMCHK: %-20s FAILED  - refused: %s", r.Query, r.Reason)
	case r.Status == fetchUnreachable:
		f.console.line("SYMCHK: %-20s FAILED  - not found, and a server was unreachable: %s", r.Query, r.cause)
	case r.Status == fetchFailed:
		f.console.line("SYMCHK: %-20s FAILED  - %s", r.Query, r.cause)
	case r.unkept:
		f.console.line("SYMCHK: %-20s FAILED  - not kept", r.Query)
	default:
		f.console.line("SYMCHK: %-20s FAILED  - mismatched or not found", r.Query)
	}
	if f.noisy && !f.console.json {
		for _, l := range f.attemptLines(r.attempts) {
			f.console.note("%s", l)
		}
	}
	f.console.flush()
}

func passed(r fetched) string {
	if r.Status == fetchDownloaded {
		return fmt.Sprintf("downloaded %s: %s", byteCount(r.Bytes), r.Path)
	}
	if r.New {
		return fmt.Sprintf("imported %s: %s", byteCount(r.Bytes), r.Path)
	}
	return fmt.Sprintf("cached %s: %s", byteCount(r.Bytes), r.Path)
}

// finish is the summary: how many, and why not the others. gathered is what
// became of the files of the command line.
func (f *fetch) finish(gathered error) error {
	if f.good+len(f.bad) == 0 && gathered == nil {
		return notFound(errors.New("nothing to fetch"))
	}
	for i, r := range f.bad {
		f.explain(r, i < maxDetailed)
	}
	if !f.console.json {
		if len(f.bad) > maxDetailed && !f.noisy {
			f.console.note("%d files are missing; -v tells what was tried for each", len(f.bad))
		}
		f.console.note("SYMCHK: FAILED files = %d", len(f.bad))
		f.console.note("SYMCHK: PASSED + IGNORED files = %d", f.good)
		if f.good > 0 {
			f.console.note("SYMCHK: PASSED bytes = %d", f.bytes)
		}
	}
	switch {
	case gathered != nil:
		return gathered
	case len(f.bad) > 0:
		f.hint()
		return reported(exitNotFound)
	}
	return nil
}

// hint says what to try for what is missing.
func (f *fetch) hint() {
	var attempts []sympath.Attempt
	for _, r := range f.bad {
		attempts = append(attempts, r.attempts...)
	}
	if step := identify.FetchStep(attempts, f.path); step.Kind != identify.StepNone && !f.console.json {
		f.console.note("%s", tryNext(step, identify.Step{}))
	}
}

// explain says why a file is missing, and what was tried.
func (f *fetch) explain(r fetched, detailed bool) {
	if f.console.json {
		f.console.noteObject(errorObject{Error: cmp.Or(r.Reason, r.Query), Attempts: r.attempts})
		return
	}
	f.console.note("%s", cmp.Or(r.Reason, r.Query))
	if f.noisy || !detailed {
		return
	}
	for _, l := range f.attemptLines(r.attempts) {
		f.console.note("    %s", l)
	}
}
