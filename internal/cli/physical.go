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

// raw says what kernel is in a file without a mark, and whether there is one, so
// that it is an image of memory.
func (o *identityObject) raw(ctx context.Context, f *file) bool {
	if f.kind != filekind.Unknown || isText(f) {
		return false
	}
	tg, err := targets.Open(ctx, o.File, targets.Options{Symbols: sympath.Chain(), NoModules: true, Warn: func(err error) {
		o.notes = append(o.notes, err.Error())
	}})
	if err != nil {
		return false
	}
	defer tg.Close()
	k := tg.Kernel()
	if k == nil {
		return false
	}
	o.kind, o.Format, o.Type = filekind.Raw, string(filekind.Raw), "raw"
	o.Machine, o.Build = machineName(k.Machine()), k.Build()
	if base, err := k.Base(); err == nil {
		o.notes = append(o.notes, fmt.Sprintf("Windows kernel at %s, found by the %v", vadmath.FormatAddr(base, k.Bits()), k.Road()))
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
