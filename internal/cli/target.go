package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/symres/symres"
	"github.com/symres/symres/identify"
	"github.com/symres/symres/internal/demo"
	"github.com/symres/symres/internal/fsx"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/nt"
	"github.com/symres/symres/sympath"
	targets "github.com/symres/symres/target"
	"github.com/symres/symres/vadmath"
)

// target is what a command works on, and what the flags say of it.
type target struct {
	*targets.Target
	session *symres.Session
	memory  memsource.Source // nil in file mode
	bits    int              // width of its addresses
	named   bool             // its symbol file was named with --pdb
	sparse  bool             // its dump is of a kind that holds no image headers
	hint    identify.Step    // what to try when symbols are not found
	// offline returns the stores of the target's paths without those that need a
	// connection.
	offline func() (symbols, images sympath.Store)
}

func (t *target) close() { t.Close() }

// opener makes options of flags.
type opener struct {
	*app
	opts *targetOptions
	hint identify.Step

	offline func() (symbols, images sympath.Store)
}

// openTarget opens what the flags name. extra are modules in the spelling of
// --module, given in another way. The caller closes the target.
func (a *app) openTarget(ctx context.Context, cmd *cobra.Command, opts *targetOptions, extra ...string) (*target, error) {
	if !opts.any() && len(extra) == 0 {
		return nil, errNoTarget(cmd)
	}
	o := &opener{app: a, opts: opts}
	options, err := o.options(append(opts.modules[:len(opts.modules):len(opts.modules)], extra...))
	if err != nil {
		return nil, err
	}
	t, err := o.open(ctx, options)
	if err != nil {
		return nil, o.explain(ctx, err)
	}
	kind := t.Kind()
	return &target{
		Target: t, session: t.Session(), memory: t.Memory(), bits: t.Bits(), hint: o.hint, offline: o.offline, named: opts.pdb != "",
		sparse: kind == targets.KindTriage || kind == targets.KindMinidump,
	}, nil
}

// open opens the one target.
func (o *opener) open(ctx context.Context, options targets.Options) (*targets.Target, error) {
	switch {
	case o.opts.demo:
		dump, err := demo.Dump()
		if err != nil {
			return nil, err
		}
		return targets.OpenReader(ctx, bytes.NewReader(dump), int64(len(dump)), options)
	case o.opts.dump != "":
		return targets.Open(ctx, o.opts.dump, options)
	case o.opts.gdb != "":
		return targets.GDB(ctx, o.opts.gdb, options)
	case o.opts.pid != 0:
		return targets.Live(ctx, o.opts.pid, options)
	case o.opts.files():
		return targets.Files(o.opts.image, o.opts.pdb, options)
	}
	return targets.New(options)
}

// options are those of the target, from flags and environment.
func (o *opener) options(specs []string) (targets.Options, error) {
	out := targets.Options{
		Process: o.opts.process, Sources: o.opts.sources, NoModules: o.opts.bare, Warn: o.warn, Getenv: func(string) string { return "" },
	}
	var err error
	if out.Check, err = o.opts.versionCheck(); err != nil {
		return out, err
	}
	if err := o.stores(&out); err != nil {
		return out, err
	}
	if out.Modules, err = parseModules(specs, o.opts.files()); err != nil {
		return out, err
	}
	out.PageFiles, err = parsePageFiles(o.opts.pageFiles)
	return out, err
}

// explain gives an error the words of the command line, and a status.
func (o *opener) explain(ctx context.Context, err error) error {
	option, isOption := errors.AsType[*targets.OptionError](err)
	process, isProcess := errors.AsType[*targets.ProcessError](err)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case isOption:
		return o.misfit(option)
	case isProcess && len(process.Found) > 0:
		return usage(fmt.Errorf("--process %s is one of %s: give its PID or address", process.Name, process.List()))
	case isProcess:
		return notFound(err)
	case o.opts.gdb != "" && errors.Is(err, targets.ErrNoPhysical):
		err = fmt.Errorf("%w: say what is loaded with --module NAME=BASE,SIZE, or let QEMU's own stub (-gdb) serve the guest", err)
	case o.opts.gdb != "" && errors.Is(err, nt.ErrNoKernel):
		err = fmt.Errorf("%w; stop the guest while it runs in the kernel, say what is loaded with --module NAME=BASE,SIZE, "+
			"or write its memory to a file (dump-guest-memory) and give --dump FILE", err)
	}
	return unusable(err)
}

// misfit says which flags do not go together.
func (o *opener) misfit(e *targets.OptionError) error {
	switch {
	case e.Option == "Process":
		return usage(fmt.Errorf("--process: %w", errNoKernel))
	case e.Option == "PageFiles" && errors.Is(e, nt.ErrNoKernel):
		return usage(errors.New("--pagefile: paging files are those of a kernel target: give --dump FILE or --gdb HOST:PORT"))
	case e.Option == "PageFiles" && o.opts.gdb != "":
		return unusable(fmt.Errorf("GDB stub at %s: --pagefile: %w", o.opts.gdb, e.Err))
	case e.Option == "PageFiles":
		return unusable(fmt.Errorf("%s: --pagefile: %w", o.opts.dump, e.Err))
	}
	return usage(e)
}

// warn tells of what is wrong with the target. That the modules of a process
// are from elsewhere than usual is told in kd's words, and no warning.
func (o *opener) warn(err error) {
	road, ok := errors.AsType[*targets.RoadWarning](err)
	if !ok {
		o.console.warn("%v", err)
		return
	}
	tell := o.console.note
	if o.console.json {
		tell = o.console.warn
	}
	if road.Modules.PEB != nil {
		tell("%v", road.Modules.PEB)
	}
	tell("%d modules of %s taken from %v", len(road.Modules.Modules), road.Process.Name, road.Modules.Road)
}

// stores makes the symbol and the image path.
func (o *opener) stores(out *targets.Options) error {
	all, err := o.openStores(o.opts.pathOptions)
	if err != nil {
		return err
	}
	options := all.Options()
	symbols, images := o.opts.symbols(o.program.Getenv), o.opts.images(o.program.Getenv)
	if o.opts.demo {
		if options.UNC, err = demoShare(options.UNC); err != nil {
			return err
		}
		if !o.opts.cmd.Flags().Changed("sympath") {
			symbols = []pathPart{{"--demo", demo.UNC}}
		}
		if !o.opts.cmd.Flags().Changed("imagepath") {
			images = nil
		}
	}
	path, imagePath := o.parsePath(symbols), o.parsePath(images)
	o.hint = o.hintFor(path)
	along := func(options sympath.Options) (symbols, images sympath.Store) {
		symbols = o.beside(path.Store(options))
		options.Recursive = options.Recursive || len(imagePath.Elements()) > 0
		return symbols, imagePath.Store(options)
	}
	out.Symbols, out.Images = along(options) // if empty: what the environment says was read here
	o.offline = func() (symbols, images sympath.Store) {
		options.Offline, options.Trace = true, nil
		return along(options)
	}
	return nil
}

// beside looks in the folder of --image or --dump too, as dbghelp does, but not
// where the user wants no symbol path at all.
func (o *opener) beside(symbols sympath.Store) sympath.Store {
	file := cmp.Or(o.opts.image, o.opts.dump)
	if file == "" || o.opts.none() {
		return symbols
	}
	dir := filepath.Dir(file)
	return sympath.Chain(symbols, sympath.Dir(dir, fsx.Dir(dir)))
}

// parseModules reads the values of --module. With a file a module only says
// where it lies.
func parseModules(specs []string, file bool) ([]symres.Module, error) {
	var modules []symres.Module
	for _, spec := range specs {
		r, err := vadmath.ParseReload(spec)
		switch {
		case err != nil:
			return nil, usage(fmt.Errorf("module %q: %w", spec, err))
		case file && len(modules) == 1:
			return nil, usage(errors.New("--image and --pdb are one module: give --module once"))
		case r.Size == 0 && !file:
			return nil, usage(fmt.Errorf("module %s: want %[1]s=BASE,SIZE", r.Image))
		}
		modules = append(modules, symres.Module{
			Image: r.Image, Base: r.Base, Size: r.Size, TimeDateStamp: r.TimeDateStamp, Origin: "command line",
		})
	}
	return modules, nil
}

// parsePageFiles reads the values of --pagefile.
func parsePageFiles(specs []string) (map[int]string, error) {
	files := map[int]string{}
	for _, spec := range specs {
		n, path, err := parsePageFile(spec)
		if err != nil {
			return nil, err
		}
		if files[n] != "" {
			return nil, usage(fmt.Errorf("--pagefile %s: number %d is given twice", spec, n))
		}
		files[n] = path
	}
	return files, nil
}

// parsePageFile reads a value of --pagefile. Windows has 16 paging files.
func parsePageFile(spec string) (n int, path string, err error) {
	number, path, ok := strings.Cut(spec, "=")
	v, err := strconv.ParseUint(number, 10, 4)
	if !ok || err != nil || path == "" {
		return 0, "", usage(fmt.Errorf("--pagefile %q: want N=FILE, N from 0 to 15", spec))
	}
	return int(v), path, nil
}

// hintFor is what to do about the path when nothing at all was found.
func (o *opener) hintFor(path sympath.Path) identify.Step {
	if o.opts.pdb != "" {
		return identify.Step{Kind: identify.StepNameRightPDB}
	}
	return identify.PathStep(path.String(), o.opts.demo && o.opts.none())
}
