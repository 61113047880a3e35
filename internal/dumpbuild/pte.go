package dumpbuild

import "fmt"

// Bits of an invalid PTE. Positions: type records of the kernels, public
// mirrors of them; the era switch at 17134 is that of the type records of
// Windows 10 1803.
const (
	pteSwizzle    = 1 << 4
	ptePrototype  = 1 << 10
	pteTransition = 1 << 11

	protectReadWrite = 4
	buildPageFileLow = 17134 // pagefile number moves to bits 12-15, swizzle bit appears
	buildVista       = 6000
)

// format encodes the PTEs of one kernel.
type format struct {
	wide         bool
	ia64         bool
	pae          bool
	build        uint32
	mask         uint64
	pagedPool    uint64 // base of XP's prototype addresses
	subsections  uint64 // base of XP's subsection addresses
	fileNumberAt uint
}

func newFormat(s *Spec, l layout) format {
	f := format{wide: s.Machine == X64, ia64: s.Machine == IA64, pae: s.PAE, build: s.Build, mask: s.PTEMask,
		pagedPool: l.pagedPool, subsections: l.nonPaged, fileNumberAt: 1}
	if f.wide && f.build >= buildPageFileLow {
		f.fileNumberAt = 12
	}
	return f
}

// swizzle stores an x64 PTE the way kernels with the L1TF cure do.
func (f format) swizzle(pte uint64) uint64 {
	switch {
	case !f.wide || f.build < buildPageFileLow:
		return pte
	case f.mask != 0 && pte&f.mask == 0:
		return pte | f.mask
	}
	return pte | pteSwizzle
}

// pageFile says that a page is in slot slot of pagefile n.
func (f format) pageFile(n int, slot uint32) (uint64, error) {
	if n < 0 || n > 15 || !f.wide && !f.pae && !f.ia64 && slot >= 1<<20 {
		return 0, fmt.Errorf("%w: pagefile %d slot %x", ErrSpec, n, slot)
	}
	if f.ia64 {
		return uint64(slot)<<32 | uint64(n)<<28 | protectReadWrite<<protectAtIA64, nil
	}
	pte := uint64(n)<<f.fileNumberAt | protectReadWrite<<5
	if f.wide || f.pae {
		return f.swizzle(pte | uint64(slot)<<32), nil
	}
	return pte | uint64(slot)<<12, nil
}

// transition says that a page is on its way out but still in its frame.
func (f format) transition(frame uint64) uint64 {
	if f.ia64 {
		return frame<<13 | pteTransitionIA64 | protectReadWrite<<protectAtIA64
	}
	return f.swizzle(frame<<12 | pteTransition | protectReadWrite<<5)
}

// demandZero says that a page has a protection and no contents yet.
func (f format) demandZero() uint64 {
	if f.ia64 {
		return protectReadWrite << protectAtIA64
	}
	return protectReadWrite << 5
}

// prototype says that the PTE at addr decides.
func (f format) prototype(addr uint64) (uint64, error) {
	switch {
	case f.ia64:
		return addr<<12 | ptePrototypeIA64, nil
	case f.pae:
		return addr<<32 | ptePrototype, nil
	case f.wide && f.build < buildPageFileLow:
		return addr<<16 | ptePrototype | protectReadWrite<<11, nil
	case f.wide:
		return f.swizzle(addr<<16 | ptePrototype | protectReadWrite<<5), nil
	case f.build < buildVista:
		off := addr - f.pagedPool
		if off >= 1<<30 || off%4 != 0 {
			return 0, fmt.Errorf("%w: prototype PTE at %x", ErrSpec, addr)
		}
		return off>>1&0xfe | off<<2&0xfffff800 | ptePrototype, nil
	}
	if addr>>31 != 1 || addr%4 != 0 {
		return 0, fmt.Errorf("%w: prototype PTE at %x", ErrSpec, addr)
	}
	return addr>>1&0x1ff | addr<<1&0xfffff800 | ptePrototype, nil
}

// subsection says, in a prototype PTE, that the page is in a mapped file.
func (f format) subsection(addr uint64) (uint64, error) {
	if f.ia64 {
		return addr<<12 | ptePrototypeIA64 | protectReadWrite<<protectAtIA64, nil
	}
	if f.wide {
		return f.swizzle(addr<<16 | ptePrototype | protectReadWrite<<5), nil
	}
	if f.pae {
		return addr<<32 | ptePrototype | protectReadWrite<<5, nil
	}
	off := addr - f.subsections
	if f.build >= buildVista || off >= 1<<27 || off%8 != 0 {
		return 0, fmt.Errorf("%w: subsection at %x of x86 build %d", ErrSpec, addr, f.build)
	}
	return 1<<31 | off>>2&0x1e | off<<4&0x7ffff800 | ptePrototype | protectReadWrite<<5, nil
}
