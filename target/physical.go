package target

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/paging"
	"github.com/symres/symres/memsource/physmem"
	"github.com/symres/symres/nt"
)

// minRaw is the size from which a file of no known kind may be a raw memory
// image: what the kernel leaves in low memory is in the first megabyte.
const minRaw = 1 << 20

// readPhysical takes an image of physical memory.
func (o *opener) readPhysical(ctx context.Context, r io.ReaderAt, size int64) error {
	if f := o.stateOf(r, size); f != nil {
		return o.usePhysical(ctx, f, r, size)
	}
	f, err := physmem.New(r, size)
	if err != nil {
		return err
	}
	return o.usePhysical(ctx, f, r, size)
}

// usePhysical takes the kernel in an image, or, when there is none and modules
// were named, what its first processor sees.
func (o *opener) usePhysical(ctx context.Context, f *physmem.File, r io.ReaderAt, size int64) error {
	o.target.kind = KindPhysical
	f, kernel, err := o.searchRaw(ctx, f, r, size)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil:
		return o.useKernel(ctx, kernel, f.Problems())
	case len(o.opts.Modules) == 0 || !errors.Is(err, nt.ErrNoKernel):
		return fmt.Errorf("a memory image (%v): %w", f.Format(), err)
	}
	for _, c := range f.CPUs() {
		space, spaceErr := paging.New(f, paging.Config{Mode: c.Mode, Root: c.CR3})
		if spaceErr == nil {
			o.config.Memory, o.config.Machine = space, f.Machine()
			return nil
		}
	}
	return fmt.Errorf("a memory image (%v): %w", f.Format(), err)
}

// findKernel looks for the kernel as each processor sees memory, for one of
// them may have run user code on tables that have no kernel, and at last
// through all of memory.
func findKernel(memory memsource.Source, f *physmem.File) (*nt.Kernel, error) {
	for _, c := range f.CPUs() {
		if c.Mode == 0 {
			continue
		}
		if k, err := nt.FromPhysical(nt.Physical{Memory: memory, Mode: c.Mode, Root: c.CR3, IDT: c.IDT}); err == nil {
			return k, nil
		}
	}
	top := uint64(0)
	for _, r := range f.Ranges() {
		top = max(top, r.Address+(r.Size-1))
	}
	return nt.FromPhysical(nt.Physical{Memory: memory, Mode: modeOf(f.Machine()), Scan: top, NextData: f.NextData})
}

// modeOf is the format of page tables a machine has, 0 where it has several.
func modeOf(machine uint16) paging.Mode {
	const arm64 = 0xaa64
	if machine == arm64 {
		return paging.ModeARM64
	}
	return 0
}

// during returns src limited to the life of ctx until the target is open: what is
// read later is not for the context of the opening to end.
func (o *opener) during(ctx context.Context, src memsource.Source) memsource.Source {
	s := &switched{later: src}
	now := memsource.Bind(ctx, src)
	s.now.Store(&now)
	o.opened = append(o.opened, func() { s.now.Store(nil) })
	return s
}

// switched reads from now while there is one.
type switched struct {
	now   atomic.Pointer[memsource.Source]
	later memsource.Source
}

func (s *switched) source() memsource.Source {
	if now := s.now.Load(); now != nil {
		return *now
	}
	return s.later
}

// ReadMemory implements [memsource.Source].
func (s *switched) ReadMemory(buf []byte, addr uint64) (int, error) {
	return s.source().ReadMemory(buf, addr)
}

// ReadMemoryContext implements [memsource.ContextSource].
func (s *switched) ReadMemoryContext(ctx context.Context, buf []byte, addr uint64) (int, error) {
	return memsource.Bind(ctx, s.source()).ReadMemory(buf, addr)
}
