package nt

import (
	"cmp"
	"fmt"
	"math"

	"github.com/symres/symres/internal/hexaddr"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/paging"
	"github.com/symres/symres/vadmath"
)

const sectorSize = 512 // unit of StartingSector in the subsections of images

// subsectionFile returns a resolver for [paging.Config]: it follows a
// SUBSECTION to the file it maps. The name is the one the file object holds,
// such as \Windows\System32\drivers\null.sys, without a volume; the offset is
// that of the page in the file. The resolver is safe for concurrent use.
//
// Errors wrap a [*memsource.Fault] when a structure cannot be read and
// [ErrMalformed] when one makes no sense. The name is returned also when only
// the offset cannot be told, and the offset when only the name cannot.
func subsectionFile(l sectionLayout) paging.FileResolver {
	return func(virt memsource.Source, subsection, protoPTE uint64) (string, uint64, error) {
		w, size := width(l.Bits/8), int(max(l.SubsectionBase, l.StartingSector, l.PtesInSubsection))+8
		if w == 0 {
			return "", 0, fmt.Errorf("subsection: no layout for this machine: %w", ErrMalformed)
		}
		b, err := structure(virt, "subsection", subsection, size)
		if err != nil {
			return "", 0, err
		}
		off, offErr := l.offset(b, subsection, protoPTE)
		name, err := l.fileName(virt, w.of(b, 0))
		if err == nil {
			err = offErr
		}
		return name, off, err
	}
}

// offset is the place in the file of the page whose prototype PTE is at proto.
func (l *sectionLayout) offset(b []byte, subsection, proto uint64) (uint64, error) {
	base := width(l.Bits/8).of(b, l.SubsectionBase)
	i := (proto - base) / l.PTE
	if n := u32(b, l.PtesInSubsection); proto < base || (proto-base)%l.PTE != 0 || i >= uint64(n) {
		return 0, malformed(subsection, "prototype PTE %#x is not one of the %d of this subsection", proto, n)
	}
	return i*uint64(cmp.Or(l.Page, vadmath.Page4K)) + uint64(u32(b, l.StartingSector))*sectorSize, nil
}

// errNoFile is the error for a section that maps no file but paging space.
var errNoFile = fmt.Errorf("control area without a file: %w", ErrMalformed)

// fileName follows CONTROL_AREA.FilePointer to FILE_OBJECT.FileName.
func (l *sectionLayout) fileName(virt memsource.Source, controlArea uint64) (string, error) {
	w := width(l.Bits / 8)
	file, err := w.read(virt, controlArea+uint64(l.FilePointer))
	if err != nil {
		return "", fmt.Errorf("control area: %w", err)
	}
	if file &^= l.ReferenceBits; file == 0 {
		return "", fmt.Errorf("%s: %w", hexaddr.Addr(controlArea), errNoFile)
	}
	at := file + uint64(l.FileName)
	b, err := structure(virt, "file object", at, int(w.stringSize()))
	if err != nil {
		return "", err
	}
	return w.text(virt, b, 0, at)
}

// structure reads size bytes at addr.
func structure(virt memsource.Source, what string, addr uint64, size int) ([]byte, error) {
	if addr > math.MaxUint64-uint64(size) {
		return nil, malformed(addr, "%s beyond the top of memory", what)
	}
	b := make([]byte, size)
	if err := memsource.ReadFull(virt, b, addr); err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return b, nil
}
