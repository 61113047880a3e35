package memsource

import (
	"io"
	"iter"
	"math"
)

// Extent is a run of bytes that could be read.
type Extent struct {
	Addr uint64
	Data []byte
}

// extentChunk bounds the memory a range walk holds, whatever the range's size.
const extentChunk = 64 << 10

// ReadExtents walks the size bytes at addr in ascending order and yields what
// can be read as extents of at most 64 KB and every hole as an error wrapping
// its [*Fault]; exactly one of the two is set. Extents next to each other are
// not joined. Data is reused: clone what is kept.
//
// After a hole the walk continues after Fault.Len bytes, or at the next 4 KB
// boundary if the source does not know the size of the hole. It ends at the end
// of the range, at the top of the address space, and after a Fault with reason
// [ReasonCanceled].
func ReadExtents(s Source, addr, size uint64) iter.Seq2[Extent, error] {
	return func(yield func(Extent, error) bool) {
		buf := make([]byte, min(size, extentChunk))
		for more := size > 0; more; {
			p := buf[:min(size, extentChunk)]
			n, err := readChecked(s, p, addr)
			if n > 0 && !yield(Extent{addr, p[:n:n]}, nil) {
				return
			}
			if addr, size, more = step(addr, size, uint64(n)); !more && err == nil {
				return
			}
			if err == nil {
				continue
			}
			f := faultOf(err, addr)
			if !yield(Extent{}, err) || f.Reason == ReasonCanceled || !more {
				return
			}
			addr, size, more = step(addr, size, f.after())
		}
	}
}

// step moves a range's beginning on by n bytes; more is false when it ends
// there or at the top of the address space, where the address lands on 0.
func step(addr, size, n uint64) (next, left uint64, more bool) {
	if n >= size {
		return addr + size, 0, false
	}
	return addr + n, size - n, n <= math.MaxUint64-addr
}

// readChecked reads from a source that may break the contract, and keeps it.
func readChecked(s Source, p []byte, addr uint64) (int, error) {
	n, err := s.ReadMemory(p, addr)
	n = min(max(n, 0), len(p))
	if n == len(p) {
		return n, nil
	}
	if err == nil {
		err = io.ErrUnexpectedEOF
	}
	return n, typed(err, addr+uint64(n))
}
