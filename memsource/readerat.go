package memsource

import (
	"fmt"
	"io"
	"math"
)

// ReaderAt presents the size bytes at base as a file, so that file parsers
// such as debug/pe can work on a memory range. Offsets are relative to base.
// The end of the range is io.EOF; a hole is an error wrapping its [*Fault],
// whose Addr is an address, not an offset, and never matches io.EOF. The result
// is safe for concurrent use.
func ReaderAt(s Source, base, size uint64) io.ReaderAt { return window{s, base, size} }

type window struct {
	src        Source
	base, size uint64
}

// ReadAt implements [io.ReaderAt].
func (w window) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("negative offset %d", off)
	}
	past := uint64(off)
	if past >= w.size {
		return 0, io.EOF
	}
	end := uint64(len(p)) > w.size-past
	if end {
		p = p[:w.size-past]
	}
	if past > math.MaxUint64-w.base {
		return 0, NewFault(ReasonNonCanonical, w.base+past, 0)
	}
	n, err := readChecked(w.src, p, w.base+past)
	if err == nil && end {
		err = io.EOF
	}
	return n, err
}
