package nt

import (
	"errors"
	"fmt"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/paging"
	"github.com/symres/symres/pdb"
)

// pageLayout returns base with every position that the type records of the
// kernel's own PDB give: MMPTE_SOFTWARE, _PROTOTYPE, _TRANSITION and
// _SUBSECTION. What types do not tell stays as base has it: the bounds of
// pools that addresses of Windows XP are relative to, and the mark of mapped
// files without a subsection; base is [paging.LayoutFor] of the build, with
// what is known better. See [invalidPTEMask] for the mask.
//
// Errors wrap [pdb.ErrNotFound] when the PDB has not got these types, whole, and
// [pdb.ErrFormat] when it is damaged; the layout returned is then base.
func pageLayout(f *pdb.File, base paging.Layout) (paging.Layout, error) {
	size, err := sizeOfType(f, "_MMPTE")
	if err != nil {
		return base, fmt.Errorf("layout of page-table entries: %w", err)
	}
	r := pteReader{f: f}
	l := base
	l.Origin = "types of the kernel's PDB"
	l.PageFile = r.field("_MMPTE_SOFTWARE", "PageFileLow")
	l.PageFileOffset = r.field("_MMPTE_SOFTWARE", "PageFileHigh")
	l.Protection = r.field("_MMPTE_SOFTWARE", "Protection")
	l.TransitionFrame = r.field("_MMPTE_TRANSITION", "PageFrameNumber")
	l.VADMarker = l.PageFileOffset
	l.Prototype = r.field("_MMPTE_SOFTWARE", "Prototype")
	l.Transition = r.field("_MMPTE_SOFTWARE", "Transition")
	l.Proto = r.address("_MMPTE_PROTOTYPE", "ProtoAddress", base.Proto)
	l.Subsection = r.address("_MMPTE_SUBSECTION", "SubsectionAddress", base.Subsection)
	l.SwizzleBit = r.optional("_MMPTE_SOFTWARE", "SwizzleBit").Shift
	if r.err == nil && (size != 4 && size != 8 || r.end > uint(size)*8) {
		r.err = fmt.Errorf("entries of %d bytes: %w", size, ErrMalformed)
	}
	if r.err != nil {
		return base, fmt.Errorf("layout of page-table entries: %w", r.err)
	}
	return l, nil
}

func sizeOfType(f *pdb.File, name string) (uint64, error) {
	t, err := f.TypeByName(name)
	if err != nil {
		return 0, err
	}
	return t.Size()
}

// pteReader finds bit fields of page-table entries; the first error sticks.
type pteReader struct {
	f   *pdb.File
	end uint // where the last bit found ends
	err error
}

// field is a bit field that must be there.
func (r *pteReader) field(typ, name string) paging.Field {
	f, err := r.find(typ, name)
	if err != nil && r.err == nil {
		r.err = err
	}
	return f
}

// optional is a bit field not every kernel has: the zero field then.
func (r *pteReader) optional(typ, name string) paging.Field {
	f, err := r.find(typ, name)
	if err != nil && !errors.Is(err, pdb.ErrNotFound) && r.err == nil {
		r.err = err
	}
	return f
}

func (r *pteReader) find(typ, name string) (paging.Field, error) {
	t, err := r.f.TypeByName(typ)
	if err != nil {
		return paging.Field{}, err
	}
	f, err := t.Field(name)
	if err != nil {
		return paging.Field{}, err
	}
	at := f.Offset*8 + uint64(f.Bit)
	if f.Bits == 0 || f.Offset > 7 || at+uint64(f.Bits) > 64 {
		return paging.Field{}, fmt.Errorf("%s.%s is no bit field of an entry: %w", typ, name, ErrMalformed)
	}
	r.end = max(r.end, uint(at)+uint(f.Bits))
	return paging.Field{Shift: uint8(at), Width: f.Bits}, nil
}

// address is how an entry spells a kernel address. A single field holds it
// whole, of 32 bits or of 48 with the sign, or on IA-64 without the bits of the
// kernel's region, which base has. Two fields hold 31 bits of it, the
// top bit implied, or, in kernels whose entries choose a pool, an offset from
// the bounds base has.
func (r *pteReader) address(typ, name string, base paging.Address) paging.Address {
	whole := r.optional(typ, name)
	if whole.Width > 0 {
		a := paging.Address{High: paging.Move{From: whole.Shift, Width: whole.Width}}
		switch {
		case base.Base != 0 && base.Low.Width == 0:
			a.Base = base.Base
		case whole.Width > 32:
			a.SignBit = whole.Width - 1
		}
		return a
	}
	low, high := r.field(typ, name+"Low"), r.field(typ, name+"High")
	pool := r.optional(typ, "WhichPool")
	if r.err != nil {
		return base
	}
	a := paging.Address{Base: 1 << 31}
	to := 31 - int(low.Width) - int(high.Width)
	if pool.Width > 0 {
		a = base
		if a.Relative = true; typ == "_MMPTE_SUBSECTION" {
			a.PoolBit = pool.Shift
			to = 3 // subsections are aligned to the pool's 8 bytes
		} else {
			to = 2 // prototype PTEs to their size
		}
	}
	if to < 0 || to+int(low.Width)+int(high.Width) > 32 {
		r.err = fmt.Errorf("%s.%s of %d and %d bits: %w", typ, name, low.Width, high.Width, ErrMalformed)
		return base
	}
	a.Low = paging.Move{From: low.Shift, Width: low.Width, To: uint8(to)}
	a.High = paging.Move{From: high.Shift, Width: high.Width, To: uint8(to) + low.Width}
	return a
}

// invalidPTEMask reads the mask that entries which are not valid are combined
// with, out of nt!MiState of a kernel loaded at base: where it is, the kernel's
// PDB tells. It is for [paging.Layout], fields InvalidMask and MaskKnown; a
// kernel that does without has 0 there. mem is the kernel's memory.
//
// Errors wrap [pdb.ErrNotFound] for a kernel that knows of no mask, which those
// before Windows 10 1703 do not, and a [*memsource.Fault] when it cannot be read.
func invalidPTEMask(f *pdb.File, mem memsource.Source, base uint64) (uint64, error) {
	rva, off, err := maskAt(f)
	if err != nil {
		return 0, fmt.Errorf("mask of invalid PTEs: %w", err)
	}
	mask, err := memsource.U64(mem, base+uint64(rva)+off)
	if err != nil {
		return 0, fmt.Errorf("mask of invalid PTEs: %w", err)
	}
	return mask, nil
}

// maskAt returns the place of MiState in the image, and of the mask in it.
func maskAt(f *pdb.File) (rva uint32, off uint64, err error) {
	state, err := f.TypeByName("_MI_SYSTEM_INFORMATION")
	if err != nil {
		return 0, 0, err
	}
	mask, err := state.Field("Hardware.InvalidPteMask")
	if err != nil {
		return 0, 0, err
	}
	if mask.Size != 8 || mask.Bits != 0 || mask.Offset > 1<<24 {
		return 0, 0, fmt.Errorf("InvalidPteMask of %d bytes at %#x: %w", mask.Size, mask.Offset, ErrMalformed)
	}
	named, err := f.ByName("MiState")
	if err != nil {
		return 0, 0, err
	}
	for _, s := range named {
		if s.HasRVA {
			return s.RVA, mask.Offset, nil
		}
	}
	return 0, 0, fmt.Errorf("symbol MiState: %w", pdb.ErrNotFound)
}
