package vadmath

import (
	"errors"
	"fmt"
	"math/bits"
)

var (
	// ErrOverflow is wrapped by the errors for results that leave the 64-bit
	// address space.
	ErrOverflow = errors.New("beyond the 64-bit address space")
	// ErrReversed is wrapped by the error for a range that ends before it starts.
	ErrReversed = errors.New("the end is before the start")
	// ErrPageSize is wrapped by the errors for a page size that is not a power
	// of two, and for a machine whose page size is not known.
	ErrPageSize = errors.New("unknown page size")
)

// VPN is a virtual page number: an address divided by the page size. It is
// unsigned; kd sign-extends literals from 80000000 to ffffffff in kernel mode,
// which breaks the same arithmetic when it is typed there.
type VPN uint64

// PageSize is the size of a page in bytes, a power of two.
type PageSize uint64

// The page sizes of the architectures Windows has run on.
const (
	Page4K PageSize = 0x1000 // x86, x64, ARM, ARM64
	Page8K PageSize = 0x2000 // IA-64, Alpha
)

// PageSizeOf returns the page size of a machine, given as the
// IMAGE_FILE_MACHINE_ value of winnt.h. The error wraps [ErrPageSize].
func PageSizeOf(machine uint16) (PageSize, error) {
	switch machine {
	case 0x14c, 0x8664, 0x1c0, 0x1c2, 0x1c4, 0xaa64: // I386, AMD64, ARM, THUMB, ARMNT, ARM64
		return Page4K, nil
	case 0x200, 0x184, 0x284: // IA64, ALPHA, ALPHA64
		return Page8K, nil
	}
	return 0, fmt.Errorf("machine %#x: %w", machine, ErrPageSize)
}

// Addr returns the address of the first byte of page v. The error wraps
// [ErrOverflow] or [ErrPageSize].
func (p PageSize) Addr(v VPN) (uint64, error) {
	if !p.valid() {
		return 0, fmt.Errorf("%#x bytes: %w", uint64(p), ErrPageSize)
	}
	high, low := bits.Mul64(uint64(v), uint64(p))
	if high != 0 {
		return 0, fmt.Errorf("VPN %x times %#x: %w", uint64(v), uint64(p), ErrOverflow)
	}
	return low, nil
}

func (p PageSize) valid() bool { return p != 0 && p&(p-1) == 0 }

// Pages is a range of pages, both ends inclusive as !vad prints them.
type Pages struct{ Start, End VPN }

// Bytes returns the address of the first byte and the length in bytes. The
// last byte may be the last one of the address space. The error wraps
// [ErrReversed], [ErrOverflow] or [ErrPageSize].
func (p Pages) Bytes(s PageSize) (base, size uint64, err error) {
	if p.End < p.Start {
		return 0, 0, fmt.Errorf("VPNs %x to %x: %w", uint64(p.Start), uint64(p.End), ErrReversed)
	}
	if base, err = s.Addr(p.Start); err != nil {
		return 0, 0, err
	}
	last, err := s.Addr(p.End)
	if err != nil {
		return 0, 0, err
	}
	// last is a multiple of s, so adding s-1 cannot wrap; size can, for the whole space.
	size = last - base + uint64(s)
	if size == 0 {
		return 0, 0, fmt.Errorf("VPNs %x to %x: %w", uint64(p.Start), uint64(p.End), ErrOverflow)
	}
	return base, size, nil
}
