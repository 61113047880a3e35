package nt

import (
	"errors"
	"fmt"
	"io"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/crashdump"
	"github.com/symres/symres/memsource/paging"
	"github.com/symres/symres/pdb"
)

// fiveLevels turns to tables of five levels where only they lead to what the
// header names: no dump says how many its processor walked.
func (k *Kernel) fiveLevels() {
	if k.paging.Mode != paging.ModeX64 {
		return
	}
	five := k.paging
	five.Mode = paging.ModeLA57
	for _, addr := range []uint64{k.header.PsLoadedModuleList, k.header.KdDebuggerDataBlock} {
		if addr != 0 && !leads(k.phys, k.paging, addr) && leads(k.phys, five, addr) {
			k.paging = five
			return
		}
	}
}

// leads reports whether addr is mapped.
func leads(phys memsource.Source, cfg paging.Config, addr uint64) bool {
	space, err := paging.New(phys, cfg)
	if err == nil {
		_, err = space.Translate(addr)
	}
	return err == nil
}

// WithPageFiles returns the kernel with the target's paging files, by number.
// Pages that were written to one of these files are read from it. The files
// must be safe for concurrent use and stay open while the Kernel is used; a
// page beyond the end of its file stays paged out. The error wraps
// crashdump.ErrUnsupported for a target without page tables.
func (k *Kernel) WithPageFiles(files map[int]io.ReaderAt) (*Kernel, error) {
	if k.phys == nil {
		return nil, fmt.Errorf("paging files of a triage dump: %w", crashdump.ErrUnsupported)
	}
	swapped := *k
	swapped.paging.PageFiles = files
	if err := swapped.start(); err != nil {
		return nil, err
	}
	return &swapped, nil
}

// typePages takes the forms of page-table entries from the kernel's PDB, and
// the mask they are combined with from its memory. What is not there stays as
// it is embedded; the error says why.
func (k *Kernel) typePages(f *pdb.File) error {
	l, err := pageLayout(f, k.paging.Layout)
	if err != nil {
		return err
	}
	k.paging.Layout = l
	if size, err := sizeOfType(f, "_MMPTE"); err == nil {
		k.layouts.Section.PTE = size
	}
	if l.SwizzleBit == 0 {
		return nil
	}
	base, err := k.Base()
	if err == nil {
		l.InvalidMask, err = invalidPTEMask(f, k.plain, base)
	}
	switch {
	case errors.Is(err, pdb.ErrNotFound), errors.Is(err, memsource.ErrNotPresent), errors.Is(err, ErrMalformed):
		return nil // the usual mask is tried then
	case err != nil:
		return fmt.Errorf("mask of invalid PTEs: %w", err)
	}
	l.MaskKnown = true
	k.paging.Layout = l
	return nil
}
