package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/symres/symres"
	"github.com/symres/symres/memsource/minidump"
	"github.com/symres/symres/nt"
	targets "github.com/symres/symres/target"
)

// readMinidump takes a user minidump.
func (o *opener) readMinidump(ctx context.Context, r io.ReaderAt, size int64) error {
	f, err := minidump.New(r, size)
	if err != nil {
		return err
	}
	o.target.bits, o.target.sparse = f.Bits(), true
	o.target.unloaded = unloadedModules(f)
	o.config.Memory, o.config.Machine = f.Memory(), f.System().Machine
	return o.listModules(ctx, fromMinidump(f), f.Problems())
}

// fromMinidump yields the loaded modules. A name or a CodeView record that
// cannot be read is told of; the module is one nevertheless.
func fromMinidump(f *minidump.File) iter.Seq2[symres.Module, error] {
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
			if !yield(targets.FromMinidump(m), nil) {
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
				Image: lastPart(u.Name), Base: u.Base, Size: uint64(u.Size), SizeOfImage: u.Size,
				TimeDateStamp: u.TimeDateStamp, CheckSum: u.CheckSum, Origin: "minidump unloaded-module list",
			}
			if errors.Is(err, minidump.ErrNoStream) || !yield(m, err) {
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
