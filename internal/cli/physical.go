package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/symres/symres/internal/fsx"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/paging"
	"github.com/symres/symres/memsource/physmem"
	"github.com/symres/symres/nt"
)

// minRaw is the size from which a file of no known kind may be a raw memory
// image: what the kernel leaves in low memory is in the first megabyte.
const minRaw = 1 << 20

// readPhysical takes an image of physical memory: the kernel in it, or, when
// there is none and modules were named, what its first processor sees.
func (o *opener) readPhysical(ctx context.Context, r io.ReaderAt, size int64) error {
	f, err := physmem.New(r, size)
	if err != nil {
		return err
	}
	kernel, err := findKernel(memsource.Bind(ctx, f), f)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil:
		return o.useKernel(ctx, kernel, f.Problems())
	case !o.named || !errors.Is(err, nt.ErrNoKernel):
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
	return nt.FromPhysical(nt.Physical{Memory: memory, Mode: modeOf(f.Machine()), Scan: top})
}

// modeOf is the format of page tables a machine has, 0 where it has several.
func modeOf(machine uint16) paging.Mode {
	const arm64 = 0xaa64
	if machine == arm64 {
		return paging.ARM64
	}
	return 0
}

// useKernel makes the kernel the target, with the paging files that were named.
func (o *opener) useKernel(ctx context.Context, kernel *nt.Kernel, problems []error) error {
	if len(o.pageFiles) > 0 {
		swapped, err := kernel.WithPageFiles(o.pageFiles)
		if err != nil {
			return fmt.Errorf("--pagefile: %w", err)
		}
		kernel = swapped
	}
	o.target.bits, o.target.kernel, o.target.unloaded = kernel.Bits(), kernel, unloadedDrivers(kernel)
	o.config.Memory, o.config.Machine, o.config.Contexts = kernel.Memory(), kernel.Machine(), kernel
	if !o.opts.bare {
		return o.listModules(ctx, fromLoader(kernel), problems)
	}
	for _, problem := range problems {
		o.console.warn("%v", problem)
	}
	return nil
}

// openPageFiles opens the files of --pagefile.
func (o *opener) openPageFiles() error {
	for _, spec := range o.opts.pageFiles {
		n, path, err := parsePageFile(spec)
		if err != nil {
			return err
		}
		if o.pageFiles[n] != nil {
			return usage(fmt.Errorf("--pagefile %s: number %d is given twice", spec, n))
		}
		f, err := fsx.Open(path)
		if err != nil {
			return unusable(err)
		}
		o.target.closers = append(o.target.closers, f)
		if o.pageFiles == nil {
			o.pageFiles = map[int]io.ReaderAt{}
		}
		o.pageFiles[n] = f
	}
	return nil
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

// physical says what memory is in an image.
func (o *identityObject) physical(f *file) error {
	m, err := physmem.New(f, f.Size())
	if err != nil {
		return err
	}
	if m.Machine() != 0 {
		o.Machine = machineName(m.Machine())
	}
	o.Type = m.Format().String()
	total, ranges := uint64(0), m.Ranges()
	for _, r := range ranges {
		total += r.Size
	}
	o.notes = append(o.notes, fmt.Sprintf("%d ranges of physical memory, %#x bytes", len(ranges), total))
	for i, c := range m.CPUs() {
		if c.Mode != 0 {
			o.notes = append(o.notes, fmt.Sprintf("processor %d: page tables (%v) at %x", i, c.Mode, c.CR3))
		}
	}
	return nil
}

// physical checks the headers of a memory image.
func (o *checkObject) physical(f *file) {
	m, err := physmem.New(f, f.Size())
	if err != nil {
		o.problem(err)
		return
	}
	for _, err := range m.Problems() {
		o.problem(err)
	}
}
