package target

import (
	"context"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"

	"github.com/symres/symres"
	"github.com/symres/symres/internal/container"
	"github.com/symres/symres/internal/fsx"
	"github.com/symres/symres/nt"
	"github.com/symres/symres/stack"
	"github.com/symres/symres/vadmath"
)

// Open opens a target in a file: a kernel crash dump, a user minidump, or an
// image of physical memory (raw, LiME, AVML, ELF core, VMware). The content
// decides which of these it is. One that is compressed (gzip, zstd, xz, bzip2),
// or lies in a cabinet or zip archive, is expanded first, within bounds; large
// files go to a temporary file, which is removed on Close. Name the first part of
// a file that was split (.001, .002 and so on). Unless Options.Symbols is given,
// the folder of the file is searched after the symbol path. ctx is used for
// opening only.
//
// Errors wrap [ErrFormat] for a file of another kind, [nt.ErrNoKernel] when a
// memory image has none, are a [*ProcessError] when Options.Process is not one
// process, and an [*OptionError] when an option does not fit; else they are
// those of the file and of its reader. Of a container with other files than the one
// that is wanted it lists them.
func Open(ctx context.Context, path string, opts Options) (*Target, error) {
	return open(ctx, opts, func(o *opener) error {
		f, err := container.Open(ctx, path, container.Dump)
		if err != nil {
			return err
		}
		o.closes(f)
		o.beside(path)
		o.path = path
		r, size := o.joined(f.File)
		if err := o.readDump(ctx, r, size); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return nil
	})
}

// OpenReader is [Open] for the first size bytes of r, which must be safe for
// concurrent use and readable until the target is closed. It is not closed.
func OpenReader(ctx context.Context, r io.ReaderAt, size int64, opts Options) (*Target, error) {
	return open(ctx, opts, func(o *opener) error { return o.readDump(ctx, r, size) })
}

// New makes a target from Options.Memory, for a debugger that reads memory
// itself. The debugger names the modules in Options.Modules, or later with
// [symres.Session.Add]. The memory is not closed. The error is an
// [*OptionError].
func New(opts Options) (*Target, error) {
	return open(context.Background(), opts, func(o *opener) error {
		o.target.kind = KindMemory
		o.config.Memory, o.config.Machine = opts.Memory, opts.Machine
		return nil
	})
}

// opener gathers the parts of a target.
type opener struct {
	opts      Options
	target    *Target
	config    symres.Config
	pageFiles map[int]io.ReaderAt
	path      string   // of the file; "" where there is none
	expanded  bool     // the file is what a compressed one expanded to
	opened    []func() // called when the target is open, or is not going to be
}

// open does what is the same for every kind; find is for the one.
func open(ctx context.Context, opts Options, find func(*opener) error) (*Target, error) {
	o := &opener{opts: opts, target: &Target{loading: make(chan struct{}, 1)}}
	err := o.prepare()
	if err == nil {
		err = find(o)
	}
	if err == nil {
		err = o.finish(ctx)
	}
	for _, opened := range o.opened {
		opened()
	}
	if err != nil {
		_ = o.target.Close() // what went wrong before is what counts
		return nil, err
	}
	return o.target, nil
}

func (o *opener) closes(c io.Closer) { o.target.closers = append(o.target.closers, c) }

// prepare makes what does not depend on the target.
func (o *opener) prepare() error {
	all, err := o.opts.stores(&o.config)
	if err != nil {
		return err
	}
	o.closes(all)
	o.config.Check, o.config.Logger, o.config.Files = o.opts.Check, o.opts.Logger, o.opts.Files
	o.config.Sources = o.opts.Sources
	return o.openPageFiles()
}

// openPageFiles opens the paging files, by their numbers.
func (o *opener) openPageFiles() error {
	if err := o.opts.checkPageFiles(); err != nil {
		return err
	}
	for _, n := range slices.Sorted(maps.Keys(o.opts.PageFiles)) {
		f, err := fsx.Open(o.opts.PageFiles[n])
		if err != nil {
			return err
		}
		o.closes(f)
		if o.pageFiles == nil {
			o.pageFiles = map[int]io.ReaderAt{}
		}
		o.pageFiles[n] = f
	}
	return nil
}

// finish goes into the process, and makes the session.
func (o *opener) finish(ctx context.Context) error {
	t := o.target
	if t.kernel == nil && len(o.pageFiles) > 0 {
		return &OptionError{"PageFiles", fmt.Errorf("a %v: %w", t.kind, nt.ErrNoKernel)}
	}
	t.config = o.config
	if o.opts.Process != "" {
		if err := o.openProcess(ctx); err != nil {
			return err
		}
	}
	if t.kind != KindFiles {
		given := slices.DeleteFunc(slices.Clone(o.opts.Modules), t.lists)
		t.modules = append(t.modules, given...)
	}
	return o.start()
}

// lists reports whether the target's own list has a module that was given, and was
// given with nothing more: its entry says all of that.
func (t *Target) lists(m symres.Module) bool {
	bare := symres.Module{Image: m.Image, Base: m.Base, Size: m.Size, Origin: m.Origin}
	return m == bare && slices.ContainsFunc(t.modules, func(l symres.Module) bool {
		return l.Base == m.Base && l.Size == m.Size && l.Called(m.Image)
	})
}

// start makes the session and adds the modules. One that cannot be is told of
// and left out.
func (o *opener) start() error {
	t := o.target
	t.machine = o.config.Machine
	if t.machine != 0 {
		if _, err := vadmath.PageSizeOf(t.machine); err != nil {
			o.opts.warn(fmt.Errorf("%w; taking 4 KB", err))
			o.config.Machine = 0
		}
	}
	o.config.Unloaded = t.unloaded
	session, err := symres.NewSession(o.config)
	if err != nil {
		return err
	}
	o.closes(session)
	t.config, t.session, t.stacks = o.config, session, stack.New(session)
	o.closes(t.stacks)
	for _, m := range t.modules {
		if err := session.Add(m); err != nil {
			o.opts.warn(err)
		}
	}
	if t.bits == 0 {
		t.bits = bitsOf(t.machine, t.modules)
	}
	return nil
}

// listModules takes the modules the target lists. What is wrong with it is told
// of, in one error when it leaves nothing to work with.
func (o *opener) listModules(ctx context.Context, modules iter.Seq2[symres.Module, error], problems []error) error {
	t := o.target
	if o.opts.NoModules {
		modules = func(func(symres.Module, error) bool) {}
	}
	for m, err := range modules {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			problems = append(problems, err)
		default:
			t.modules = append(t.modules, m)
		}
	}
	if len(t.modules) == 0 && len(o.opts.Modules) == 0 && !o.opts.NoModules && len(problems) > 0 {
		return fmt.Errorf("no module can be listed: %w", problems[0])
	}
	for _, problem := range problems {
		o.opts.warn(problem)
	}
	return nil
}

// bitsOf returns the address width of a target that does not say it.
func bitsOf(machine uint16, modules []symres.Module) int {
	switch machine {
	case 0x8664, 0xaa64, 0xa641, 0x0200, 0x0284:
		return 64
	case 0:
		for _, m := range modules {
			if m.Base+m.Size-1 > 0xffffffff {
				return 64
			}
		}
	}
	return 32
}
