package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/spf13/cobra"

	"github.com/symres/symres"
	"github.com/symres/symres/internal/demo"
	"github.com/symres/symres/internal/filekind"
	"github.com/symres/symres/internal/fsx"
	"github.com/symres/symres/memsource/crashdump"
	"github.com/symres/symres/nt"
	"github.com/symres/symres/sympath"
	targets "github.com/symres/symres/target"
	"github.com/symres/symres/vadmath"
)

// target is what a command works on: the session with its modules, and the
// memory behind it.
type target struct {
	session *symres.Session
	memory  symres.MemorySource // nil in file mode
	bits    int                 // width of its addresses
	kernel  *nt.Kernel          // nil where the target has none
	view    *nt.View            // of the process of --process
	named   bool                // its symbol file was named with --pdb
	sparse  bool                // its dump is of a kind that holds no image headers

	unloaded iter.Seq2[symres.Module, error] // nil where no such list is kept
	hint     string                          // what to try when symbols are not found
	closers  []io.Closer

	typesErr error // why the kernel's structures are read without its own PDB
}

func (t *target) close() {
	for i := len(t.closers) - 1; i >= 0; i-- {
		t.closers[i].Close()
	}
}

// opener gathers the parts of a target.
type opener struct {
	*app
	opts    *targetOptions
	target  *target
	config  symres.Config
	modules []symres.Module
	named   bool // --module gives modules besides those of the dump

	pageFiles map[int]io.ReaderAt // of --pagefile
}

// openTarget opens what the flags name. extra are modules in the spelling of
// --module, given in another way. The caller closes the target.
func (a *app) openTarget(ctx context.Context, cmd *cobra.Command, opts *targetOptions, extra ...string) (*target, error) {
	if !opts.any() && len(extra) == 0 {
		return nil, errNoTarget(cmd)
	}
	o := &opener{app: a, opts: opts, target: &target{}}
	err := o.open(ctx, append(opts.modules[:len(opts.modules):len(opts.modules)], extra...))
	if err != nil {
		o.target.close()
		return nil, err
	}
	return o.target, nil
}

func (o *opener) open(ctx context.Context, specs []string) error {
	var err error
	if o.config.Check, err = o.opts.versionCheck(); err != nil {
		return err
	}
	if err := o.stores(); err != nil {
		return err
	}
	listed, err := parseModules(specs)
	if err != nil {
		return err
	}
	o.named = len(listed) > 0
	if err := o.openPageFiles(); err != nil {
		return err
	}
	switch {
	case o.opts.demo:
		err = o.openDemo(ctx)
	case o.opts.dump != "":
		err = o.openDump(ctx, o.opts.dump)
	case o.opts.gdb != "":
		err = o.openGDB(ctx)
	case o.opts.pid != 0:
		err = o.openLive(ctx)
	case o.opts.image != "" || o.opts.pdb != "":
		listed, err = nil, o.openFiles(listed)
	}
	if err == nil && len(o.pageFiles) > 0 && o.target.kernel == nil {
		err = usage(errors.New("--pagefile: paging files are those of a kernel target: give --dump FILE or --gdb HOST:PORT"))
	}
	if err == nil {
		err = o.context(ctx)
	}
	if err == nil {
		err = o.listed(listed)
	}
	if err != nil {
		return err
	}
	return o.start()
}

// context goes into the process that was asked for, or prepares for all.
func (o *opener) context(ctx context.Context) error {
	switch {
	case o.opts.process != "":
		return o.openProcess(ctx, o.opts.process)
	case o.opts.bare && o.target.kernel != nil:
		return o.useTypes(ctx)
	}
	return nil
}

// listed adds the modules of the command line.
func (o *opener) listed(modules []symres.Module) error {
	for _, m := range modules {
		if m.Size == 0 {
			return usage(fmt.Errorf("module %s: want %[1]s=BASE,SIZE", m.Image))
		}
		o.modules = append(o.modules, m)
	}
	return nil
}

// start makes the session and adds the modules. One that cannot be is told of
// and left out.
func (o *opener) start() error {
	if o.config.Machine != 0 {
		if _, err := vadmath.PageSizeOf(o.config.Machine); err != nil {
			o.console.warn("%v; taking 4 KB", err)
			o.config.Machine = 0
		}
	}
	o.config.Unloaded = o.target.unloaded
	session, err := symres.NewSession(o.config)
	if err != nil {
		return unusable(err)
	}
	o.target.session, o.target.memory = session, o.config.Memory
	o.target.closers = append(o.target.closers, session)
	for _, m := range o.modules {
		if err := session.Add(m); err != nil {
			o.console.warn("%v", err)
		}
	}
	if o.target.bits == 0 {
		o.target.bits = bitsOf(o.config.Machine, o.modules)
	}
	return nil
}

// bitsOf returns the address width of a target that does not say it.
func bitsOf(machine uint16, modules []symres.Module) int {
	if machine != 0 {
		return machineBits(machine)
	}
	for _, m := range modules {
		if m.Base+m.Size-1 > 0xffffffff {
			return 64
		}
	}
	return 32
}

// stores makes the symbol and the image path.
func (o *opener) stores() error {
	options, err := o.storeOptions(o.opts.pathOptions)
	if err != nil {
		return err
	}
	symbols, images := o.opts.symbols(o.program.Getenv), o.opts.images(o.program.Getenv)
	if o.opts.demo {
		if options.UNC, err = demoShare(options.UNC); err != nil {
			return err
		}
		if !o.opts.cmd.Flags().Changed("sympath") {
			symbols = demo.UNC
		}
		if !o.opts.cmd.Flags().Changed("imagepath") {
			images = ""
		}
	}
	path, err := parsePath("--sympath", symbols)
	if err != nil {
		return err
	}
	o.config.Symbols = path.Store(options)
	o.target.hint = o.hint(path)
	if images == "" {
		return nil
	}
	if path, err = parsePath("--imagepath", images); err == nil {
		options.Recursive = true
		o.config.Images = path.Store(options)
	}
	return err
}

// hint is what to try when nothing at all was found.
func (o *opener) hint(path sympath.Path) string {
	switch {
	case o.opts.demo && o.opts.none():
		return "leave --sympath out to use the demo's own share, or name a folder with copies of the image and its PDB: --sympath DIR"
	case len(path.Elements()) == 0:
		return "name the folder that holds copies of the images and their PDBs: --sympath DIR"
	}
	return "put copies of the image and its PDB into a folder and append it to the path: --sympath '" + path.String() + ";DIR'"
}

func (o *opener) openDump(ctx context.Context, path string) error {
	f, err := fsx.Open(path)
	if err != nil {
		return unusable(err)
	}
	o.target.closers = append(o.target.closers, f)
	if err := o.readDump(ctx, f, f.Size()); err != nil {
		return unusable(fmt.Errorf("%s: %w", path, err))
	}
	return nil
}

// openDemo takes the built-in bytes through the very same door.
func (o *opener) openDemo(ctx context.Context) error {
	dump, err := demo.Dump()
	if err == nil {
		err = o.readDump(ctx, bytes.NewReader(dump), int64(len(dump)))
	}
	if err != nil {
		return unusable(fmt.Errorf("demo: %w", err))
	}
	return nil
}

// readDump takes a dump of any kind.
func (o *opener) readDump(ctx context.Context, r io.ReaderAt, size int64) error {
	kind, err := filekind.Of(r, size)
	switch {
	case err != nil:
		return err
	case kind == filekind.CrashDump:
		return o.readKernelDump(ctx, r, size)
	case kind == filekind.Minidump:
		return o.readMinidump(ctx, r, size)
	case kind == filekind.Core || kind == filekind.LiME || kind == filekind.Unknown && size >= minRaw:
		return o.readPhysical(ctx, r, size)
	}
	return notDump(kind, size)
}

func (o *opener) readKernelDump(ctx context.Context, r io.ReaderAt, size int64) error {
	f, err := crashdump.New(r, size)
	if err != nil {
		return err
	}
	kernel, err := nt.FromDump(f)
	if err != nil {
		return err
	}
	o.target.sparse = f.Header().Type == crashdump.Triage
	return o.useKernel(ctx, kernel, f.Problems())
}

// fromLoader yields the modules the kernel lists.
func fromLoader(kernel *nt.Kernel) iter.Seq2[symres.Module, error] {
	return func(yield func(symres.Module, error) bool) {
		for m, err := range kernel.Modules() {
			if !yield(targets.FromLoader(m), err) {
				return
			}
		}
	}
}

// listModules takes the modules the target lists. What is wrong with the dump
// is told of, in one error when it leaves nothing to work with.
func (o *opener) listModules(ctx context.Context, modules iter.Seq2[symres.Module, error], problems []error) error {
	for m, err := range modules {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			problems = append(problems, err)
		default:
			o.modules = append(o.modules, m)
		}
	}
	if len(o.modules) == 0 && !o.named && len(problems) > 0 {
		return fmt.Errorf("no module can be listed: %w", problems[0])
	}
	for _, problem := range problems {
		o.console.warn("%v", problem)
	}
	return nil
}

// notDump says what a file is that is no dump.
func notDump(kind filekind.Kind, size int64) error {
	switch {
	case size == 0:
		return errors.New("the file is empty")
	case kind == filekind.Unknown:
		return errors.New("not a crash dump, a minidump or a memory image")
	}
	return fmt.Errorf("%s, not a crash dump, a minidump or a memory image", kind.Title())
}

// parseModules reads the values of --module.
func parseModules(specs []string) ([]symres.Module, error) {
	var modules []symres.Module
	for _, spec := range specs {
		r, err := vadmath.ParseReload(spec)
		if err != nil {
			return nil, usage(fmt.Errorf("module %q: %w", spec, err))
		}
		modules = append(modules, symres.Module{
			Image: r.Image, Base: r.Base, Size: r.Size, TimeDateStamp: r.TimeDateStamp, Origin: "command line",
		})
	}
	return modules, nil
}
