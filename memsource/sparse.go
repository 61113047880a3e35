package memsource

import (
	"cmp"
	"container/heap"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sort"
	"sync"
	"sync/atomic"
)

// Sparse is a [Source] made of byte ranges: bytes in memory, parts of a file,
// and ranges known to be unreadable with their fault. If ranges overlap, the
// one added later is used. A range may end at the top of the address space.
// Reads cross from one adjacent range to the next.
//
// The zero Sparse is empty and ready to use. Adding and reading are safe for
// concurrent use; a read that runs at the same time as an Add may see either
// state. Any number of ranges in any order costs O(n log n) once, at the first
// read.
type Sparse struct {
	// Missing is the reason for addresses outside all ranges; the zero value
	// means NotMapped. Set it before the first read.
	Missing Reason

	mu     sync.Mutex // guards ranges and the making of index
	ranges []*filled  // in the order added
	index  atomic.Pointer[[]piece]
}

// filled is one range as added; immutable.
type filled struct {
	first, last uint64 // inclusive
	data        []byte // bytes in memory, or
	file        io.ReaderAt
	off         int64
	fault       *Fault // or why there are none; Addr == first, Len the whole range
}

// piece is a part of a range that no later range covers. Pieces are sorted
// and disjoint.
type piece struct {
	first, last uint64
	of          *filled
}

// Add makes data readable at addr. The slice is kept, not copied, and must not
// be changed afterwards. Adding no bytes does nothing. Returns an error that
// matches [ErrNonCanonical] when the range would wrap around.
func (s *Sparse) Add(addr uint64, data []byte) error {
	return s.add(&filled{first: addr, data: data}, uint64(len(data)))
}

// AddReader makes size bytes at offset off of r readable at addr, read on
// demand. If r ends early, reads fail with ReasonTruncated; after other errors
// of r they fail with ReasonIO. r must be safe for concurrent use. Returns an
// error when the range would wrap in memory, matching [ErrNonCanonical], or in
// the file.
func (s *Sparse) AddReader(addr, size uint64, r io.ReaderAt, off int64) error {
	if off < 0 || size > math.MaxInt64 || int64(size) > math.MaxInt64-off {
		return fmt.Errorf("range of %#x bytes at file offset %#x is out of reach", size, off)
	}
	return s.add(&filled{first: addr, file: r, off: off}, size)
}

// AddFault makes reads of the size bytes at addr fail with f. Addr and Len of f
// are ignored; PageFileOffset and FileOffset are those of the page at addr and
// advance with the address. A size that reaches beyond the top of the address
// space is cut there.
func (s *Sparse) AddFault(addr, size uint64, f Fault) {
	if size == 0 {
		return
	}
	size = min(size, span(addr, math.MaxUint64))
	f.Addr, f.Len = addr, size
	if f.Status == 0 {
		f.Status = f.Reason.Status()
	}
	last := addr + (size - 1)
	s.append(&filled{first: addr, last: last, fault: &f})
}

func (s *Sparse) add(r *filled, size uint64) error {
	if size == 0 {
		return nil
	}
	if size-1 > math.MaxUint64-r.first {
		return NewFault(ReasonNonCanonical, r.first, 0)
	}
	r.last = r.first + (size - 1)
	s.append(r)
	return nil
}

func (s *Sparse) append(r *filled) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ranges = append(s.ranges, r)
	s.index.Store(nil)
}

// ReadMemory implements [Source].
func (s *Sparse) ReadMemory(buf []byte, addr uint64) (n int, err error) {
	head, over := Clip(buf, addr)
	pieces := s.pieces()
	i := sort.Search(len(pieces), func(i int) bool { return pieces[i].last >= addr })
	for n < len(head) {
		at := addr + uint64(n)
		if i == len(pieces) || pieces[i].first > at {
			return n, s.gap(pieces[i:], at)
		}
		k, err := pieces[i].read(head[n:], at)
		n += k
		if err != nil {
			return n, err
		}
		i++
	}
	return n, over
}

// gap is the fault at an address outside every range; rest begins after it.
func (s *Sparse) gap(rest []piece, addr uint64) *Fault {
	reason := s.Missing
	if reason == ReasonUnknown {
		reason = ReasonNotMapped
	}
	last := uint64(math.MaxUint64)
	if len(rest) > 0 {
		last = rest[0].first - 1
	}
	return NewFault(reason, addr, span(addr, last))
}

// read reads from the piece, which holds addr, up to its end.
func (p piece) read(buf []byte, addr uint64) (int, error) {
	left := span(addr, p.last)
	if uint64(len(buf)) > left {
		buf = buf[:left]
	}
	r, past := p.of, addr-p.of.first
	switch {
	case r.fault != nil:
		f := r.fault.At(addr)
		f.Len = left
		return 0, f
	case r.file != nil:
		return readFile(r.file, buf, r.off+int64(past), addr, left)
	}
	return copy(buf, r.data[past:]), nil
}

// readFile fills buf from a file whose end or failure becomes a fault. What
// lies behind the end of the file is missing for the rest of the range.
func readFile(r io.ReaderAt, buf []byte, off int64, addr, left uint64) (int, error) {
	n, err := r.ReadAt(buf, off)
	n = min(max(n, 0), len(buf))
	if n == len(buf) {
		return n, nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return n, NewFault(ReasonTruncated, addr+uint64(n), left-uint64(n))
	}
	f := NewFault(ReasonIO, addr+uint64(n), 0)
	f.Err = err
	return n, f
}

// pieces returns the index, making it if ranges were added since.
func (s *Sparse) pieces() []piece {
	if p := s.index.Load(); p != nil {
		return *p
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.index.Load(); p != nil {
		return *p
	}
	p := flatten(s.ranges)
	s.index.Store(&p)
	return p
}

// flatten cuts ranges so that at every address only the latest is left. It
// sweeps upwards and keeps the ranges that reach the current address in a heap
// with the latest on top.
func flatten(ranges []*filled) []piece {
	waiting := make([]int, len(ranges))
	for i := range waiting {
		waiting[i] = i
	}
	slices.SortFunc(waiting, func(a, b int) int { return cmp.Compare(ranges[a].first, ranges[b].first) })
	var out []piece
	var open latest
	for at := uint64(0); ; {
		for len(waiting) > 0 && ranges[waiting[0]].first <= at {
			heap.Push(&open, waiting[0])
			waiting = waiting[1:]
		}
		for len(open) > 0 && ranges[open[0]].last < at {
			heap.Pop(&open)
		}
		end := uint64(math.MaxUint64)
		if len(waiting) > 0 {
			end = ranges[waiting[0]].first - 1 // above at, so at least 1
		}
		if len(open) > 0 {
			top := ranges[open[0]]
			end = min(end, top.last)
			out = extend(out, piece{at, end, top})
		}
		if end == math.MaxUint64 {
			return out
		}
		at = end + 1
	}
}

// extend appends p, joining it to the piece before when they are one range.
func extend(out []piece, p piece) []piece {
	if n := len(out); n > 0 && out[n-1].of == p.of && out[n-1].last == p.first-1 {
		out[n-1].last = p.last
		return out
	}
	return append(out, p)
}

// latest is a heap of positions in the order of adding, the highest on top.
type latest []int

func (h latest) Len() int           { return len(h) }
func (h latest) Less(i, j int) bool { return h[i] > h[j] }
func (h latest) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface.
func (h *latest) Push(x any) { *h = append(*h, x.(int)) }

// Pop implements heap.Interface.
func (h *latest) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}
