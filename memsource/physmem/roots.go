package physmem

import (
	"encoding/binary"
	"fmt"
	"iter"
	"math"

	"github.com/symres/symres/memsource/paging"
)

// Root is a page-table root that the image names, or seems to.
type Root struct {
	Mode   paging.Mode
	CR3    uint64 // as [paging.Config] takes it
	Kernel uint64 // a virtual address in the kernel's code or data, 0 if not known
	Origin string // where it was found, for reports
}

const (
	pageSize  = 0x1000
	lowMemory = 1 << 20
)

// Roots looks for page-table roots, the surest first: those of the processors
// in the notes of the image; that of the block in the first megabyte by which
// Windows starts processors on x64; and, by reading all of memory, pages of
// tables that map themselves as those of Windows do. They may be stale, forged,
// or of something else: take the first through which a kernel is found, and
// stop. Candidates that several ways lead to come more than once. Errors of
// reading do not end the sequence; each wraps a [*memsource.Fault].
func (f *File) Roots() iter.Seq2[Root, error] {
	return func(yield func(Root, error) bool) {
		for i, c := range f.cpus {
			if m := f.mode(c); m != 0 && !yield(Root{m, c.CR3, f.kernelIP(c), fmt.Sprintf("note of processor %d", i)}, nil) {
				return
			}
		}
		if f.machine == machineARM64 { // what follows are forms of x86
			return
		}
		if f.scan(lowMemory, startBlock, yield) {
			f.scan(math.MaxUint64, selfMap, yield)
		}
	}
}

// kernelIP is the instruction pointer if it is one of the kernel.
func (f *File) kernelIP(c CPU) uint64 {
	if f.machine == machineAMD64 && c.IP>>47 == 1<<17-1 || f.machine == machineI386 && c.IP>>31 == 1 {
		return c.IP
	}
	return 0
}

// scan gives every whole page below end to find. Of ranges that overlap no more
// is read than the file is long.
func (f *File) scan(end uint64, find func([]byte, uint64) (Root, bool), yield func(Root, error) bool) bool {
	buf, budget := make([]byte, 64*pageSize), f.size
	for _, r := range f.ranges {
		at := (r.Address + pageSize - 1) &^ (pageSize - 1)
		for at >= r.Address && at < end && at <= r.last() && budget > 0 {
			want := min(uint64(len(buf)), (r.last()-at+1)&^(pageSize-1), end-at)
			n, err := f.ReadMemory(buf[:want], at)
			budget -= min(budget, want)
			for p := buf[:n]; len(p) >= pageSize; p, at = p[pageSize:], at+pageSize {
				if root, ok := find(p[:pageSize], at); ok && !yield(root, nil) {
					return false
				}
			}
			if err != nil && !yield(Root{}, err) {
				return false
			}
			if err != nil || want == 0 {
				break // the rest of a range that cannot be read, or less than a page
			}
		}
	}
	return true
}

// startBlock recognises the page a processor begins in, of x64 Windows from
// Vista on: a jump of three known bytes at its start, the kernel's entry point
// at 70 and CR3 at a0.
func startBlock(p []byte, at uint64) (Root, bool) {
	le := binary.LittleEndian
	if at >= lowMemory || le.Uint64(p)&0xffffffffffff00ff != 0x00000001000600e9 {
		return Root{}, false
	}
	kernel, cr3 := le.Uint64(p[0x70:]), le.Uint64(p[0xa0:])
	if kernel>>47 != 1<<17-1 || kernel&3 != 0 || cr3 == 0 || cr3&0xfff0000000000fff != 0 {
		return Root{}, false
	}
	return Root{paging.X64, cr3, kernel, fmt.Sprintf("processor start block at %#x", at)}, true
}

// selfMap recognises a topmost table by the one entry in its upper half that
// leads to itself, with the lower bits all such entries have. That of x86
// without PAE has it in a fixed place.
func selfMap(p []byte, at uint64) (Root, bool) {
	const present = 0x63 // valid, writable, accessed, dirty; not large, not of the user
	const bits = 0xfff &^ (1<<8 | 1<<9 | 1<<10 | 1<<11)
	le := binary.LittleEndian
	if i := 0xc0000000 >> 22; at>>32 == 0 && uint64(le.Uint32(p[4*i:])) == at|present {
		return Root{paging.X86, at, 0, fmt.Sprintf("table at %#x that maps itself at c0000000", at)}, true
	}
	for i := 256; i < 512; i++ {
		if e := le.Uint64(p[8*i:]); e&0xffffffffff000 == at && e&bits == present {
			return Root{paging.X64, at, 0, fmt.Sprintf("table at %#x that maps itself by entry %#x", at, i)}, true
		}
	}
	return Root{}, false
}
