package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/symres/symres/internal/filekind"
	"github.com/symres/symres/memsource/physmem"
	"github.com/symres/symres/sympath"
	targets "github.com/symres/symres/target"
	"github.com/symres/symres/vadmath"
)

// physical says what memory is in an image.
func (o *identityObject) physical(f *file) error {
	m, err := physmem.New(f, f.Size())
	if errors.Is(err, physmem.ErrApart) {
		o.notes = append(o.notes, physmem.ErrApart.Error())
		return nil
	}
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

// openRaw opens a file without a mark as an image of memory; nil is none.
func openRaw(ctx context.Context, f *file, warn func(error)) *targets.Target {
	if f.kind != filekind.Unknown || isText(f) {
		return nil
	}
	tg, err := targets.Open(ctx, f.path, targets.Options{Symbols: sympath.Chain(), NoModules: true, Warn: warn})
	if err != nil {
		return nil
	}
	if tg.Kernel() == nil {
		tg.Close()
		return nil
	}
	return tg
}

// raw says what kernel is in a file without a mark, and whether there is one, so
// that it is an image of memory.
func (o *identityObject) raw(ctx context.Context, f *file) bool {
	tg := openRaw(ctx, f, func(err error) { o.notes = append(o.notes, err.Error()) })
	if tg == nil {
		return false
	}
	defer tg.Close()
	k := tg.Kernel()
	o.kind, o.Format, o.Type = filekind.Raw, string(filekind.Raw), "raw"
	o.Machine, o.Build = machineName(k.Machine()), k.Build()
	if base, err := k.Base(); err == nil {
		o.notes = append(o.notes, fmt.Sprintf("Windows kernel at %s, found by the %v", vadmath.FormatAddr(base, k.Bits()), k.Road()))
	}
	return true
}

// raw checks the lists of the kernel in a file without a mark, if there is one.
func (o *checkObject) raw(ctx context.Context, f *file) bool {
	tg := openRaw(ctx, f, o.problem)
	if tg == nil {
		return false
	}
	defer tg.Close()
	o.kind, o.Format = filekind.Raw, string(filekind.Raw)
	for _, err := range tg.Kernel().Modules() {
		o.problem(err)
	}
	return true
}

// physical checks the headers of a memory image.
func (o *checkObject) physical(f *file) {
	m, err := physmem.New(f, f.Size())
	if errors.Is(err, physmem.ErrApart) {
		return // it is the saved state alone
	}
	if err != nil {
		o.problem(err)
		return
	}
	for _, err := range m.Problems() {
		o.problem(err)
	}
}
