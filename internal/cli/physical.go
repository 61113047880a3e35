package cli

import (
	"errors"
	"fmt"

	"github.com/symres/symres/memsource/physmem"
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
