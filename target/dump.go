package target

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/symres/symres"
	"github.com/symres/symres/internal/filekind"
	"github.com/symres/symres/memsource/crashdump"
	"github.com/symres/symres/memsource/minidump"
	"github.com/symres/symres/memsource/physmem"
	"github.com/symres/symres/nt"
)

// readDump takes a dump of any kind.
func (o *opener) readDump(ctx context.Context, r io.ReaderAt, size int64) error {
	kind, err := filekind.Of(r, size)
	switch {
	case err != nil:
		return err
	case kind.Compressed():
		return o.readCompressed(ctx, r, size)
	case kind == filekind.CrashDump:
		return o.readCrashDump(ctx, r, size)
	case kind == filekind.Minidump || kind == filekind.UserDump:
		return o.readMinidump(ctx, r, size)
	case kind == filekind.VMware:
		return o.readState(ctx, r, size)
	case kind == filekind.Core || kind == filekind.LiME || kind == filekind.AVML || kind == filekind.Unknown && size >= minRaw:
		return o.readPhysical(ctx, r, size)
	}
	if f, ok := physmem.ForeignKind(string(kind)); ok {
		return &physmem.ForeignError{Foreign: f}
	}
	return &formatError{notDump(kind, size)}
}

// notDump says what a file is that is no dump.
func notDump(kind filekind.Kind, size int64) string {
	switch {
	case size == 0:
		return "the file is empty"
	case kind == filekind.Unknown:
		return ErrFormat.Error()
	}
	return kind.Title() + ", " + ErrFormat.Error()
}

// formatError is [ErrFormat] in words of its own.
type formatError struct{ text string }

func (e *formatError) Error() string        { return e.text }
func (e *formatError) Is(target error) bool { return target == ErrFormat }

func (o *opener) readCrashDump(ctx context.Context, r io.ReaderAt, size int64) error {
	f, err := crashdump.New(r, size)
	if err != nil {
		return err
	}
	kernel, err := nt.FromDumpContext(ctx, f)
	if err != nil {
		return &HeaderError{f.Header(), err}
	}
	o.target.kind, o.target.dump = KindCrashDump, f
	if f.Header().Type == crashdump.TypeTriage {
		o.target.kind = KindTriage
	}
	return o.useKernel(ctx, kernel, append(f.Problems(), kernel.Problems()...))
}

// useKernel makes the kernel the target, with the paging files that were named.
func (o *opener) useKernel(ctx context.Context, kernel *nt.Kernel, problems []error) error {
	if len(o.pageFiles) > 0 {
		swapped, err := kernel.WithPageFiles(o.pageFiles)
		if err != nil {
			return &OptionError{"PageFiles", err}
		}
		kernel = swapped
	}
	t := o.target
	t.bits, t.kernel, t.unloaded = kernel.Bits(), kernel, unloadedDrivers(kernel)
	o.config.Memory, o.config.Machine, o.config.Contexts = kernel.Memory(), kernel.Machine(), kernel
	return o.listModules(ctx, drivers(kernel), problems)
}

// drivers yields the modules the kernel lists.
func drivers(kernel *nt.Kernel) iter.Seq2[symres.Module, error] {
	return func(yield func(symres.Module, error) bool) {
		for m, err := range kernel.Modules() {
			if !yield(FromLoader(m), err) {
				return
			}
		}
	}
}

// unloadedDrivers yields the drivers the kernel remembers to have unloaded.
func unloadedDrivers(k *nt.Kernel) iter.Seq2[symres.Module, error] {
	return func(yield func(symres.Module, error) bool) {
		for u, err := range k.Unloaded() {
			if !yield(symres.Module{Image: u.Name, Base: u.Start, Size: u.End - u.Start, Origin: "unloaded-driver list"}, err) {
				return
			}
		}
	}
}

// readMinidump takes a user minidump.
func (o *opener) readMinidump(ctx context.Context, r io.ReaderAt, size int64) error {
	f, err := minidump.New(r, size)
	if err != nil {
		return err
	}
	t := o.target
	t.kind, t.mini, t.bits, t.unloaded = KindMinidump, f, f.Bits(), unloadedModules(f)
	o.config.Memory, o.config.Machine = f.Memory(), f.System().Machine
	return o.listModules(ctx, loadedModules(f), f.Problems())
}

// loadedModules yields the loaded modules of a minidump. A name or a CodeView
// record that cannot be read is told of; the module is one nevertheless.
func loadedModules(f *minidump.File) iter.Seq2[symres.Module, error] {
	return func(yield func(symres.Module, error) bool) {
		for m, err := range f.Modules() {
			if err != nil {
				yield(symres.Module{}, err)
				return
			}
			for _, err := range []error{m.NameErr, m.CodeViewErr} {
				if err != nil && !yield(symres.Module{}, fmt.Errorf("module at %#x: %w", m.Base, err)) {
					return
				}
			}
			if !yield(FromMinidump(m), nil) {
				return
			}
		}
	}
}

// unloadedModules yields the unloaded modules of a minidump; most have no list.
func unloadedModules(f *minidump.File) iter.Seq2[symres.Module, error] {
	return func(yield func(symres.Module, error) bool) {
		for u, err := range f.Unloaded() {
			m := symres.Module{
				Image: fileName(u.Name), Base: u.Base, Size: uint64(u.Size), SizeOfImage: u.Size,
				TimeDateStamp: u.TimeDateStamp, CheckSum: u.CheckSum, Origin: "minidump unloaded-module list",
			}
			if errors.Is(err, minidump.ErrNoStream) || !yield(m, err) {
				return
			}
		}
	}
}
