package crashdump

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"sort"

	"github.com/symres/symres/memsource"
)

// maxBlocks bounds the index of data blocks at 24 MB; real dumps have fewer
// than 2000.
const maxBlocks = 1 << 20

// block is a piece of virtual memory in a triage dump. The last address is
// kept instead of the end, which may be 2^64.
type block struct {
	first, last uint64
	off         uint64 // file offset of the byte at first
}

// Blocks returns a source over the pieces of virtual memory in a triage dump:
// the data blocks, the stack of the crashing thread, the debugger data block
// and the data page. Pieces may begin and end at any address, and a read can
// cross from one to an adjacent one. In a 32-bit dump addresses are cut to 32
// bits, because some are stored sign-extended. Reads outside all pieces fail
// with [memsource.ReasonNotInDump], with Len up to the next piece; reads of a
// piece beyond the end of the file fail with [memsource.ReasonTruncated]. If
// pieces overlap, the one with the lower address is used. The source is safe
// for concurrent use.
//
// Errors wrap [ErrNoBlocks] for a page dump and [ErrUnsupported] for the types
// not read.
func (f *File) Blocks() (memsource.Source, error) {
	if err := f.needTriage(); err != nil {
		return nil, err
	}
	// A list that breaks off is among the Problems; what was read of it is used.
	list, _ := f.blockOnce()
	return &blocks{file: f, list: list, top: f.header.address(math.MaxUint64)}, nil
}

// loadBlocks builds the sorted, disjoint index of all pieces. It returns what
// it has together with the error of a list that breaks off.
func (f *File) loadBlocks() ([]block, error) {
	list, err := f.readBlocks()
	t := &f.triage
	list = f.addBlock(list, t.TopOfStack, uint64(t.CallStackOffset), uint64(t.SizeOfCallStack))
	list = f.addBlock(list, t.DataPageAddress, uint64(t.DataPageOffset), uint64(t.DataPageSize))
	list = f.addBlock(list, f.header.KdDebuggerDataBlock, uint64(t.DebuggerDataOffset), uint64(t.DebuggerDataSize))
	return disjoint(list), err
}

// readBlocks reads the TRIAGE_DATA_BLOCK table: {address u64, offset u32, size u32}.
func (f *File) readBlocks() (list []block, err error) {
	t := table{"data block list", uint64(f.triage.DataBlocksOffset), uint64(f.triage.DataBlocksCount), 16}
	if t.count > maxBlocks {
		err = fmt.Errorf("crash dump: %d data blocks, more than the %d that are read: %w", t.count, maxBlocks, ErrFormat)
		t.count = maxBlocks
	}
	for row, rowErr := range f.rows(t) {
		if rowErr != nil {
			return list, rowErr
		}
		le := binary.LittleEndian
		list = f.addBlock(list, le.Uint64(row.b), uint64(le.Uint32(row.b[8:])), uint64(le.Uint32(row.b[12:])))
	}
	return list, err
}

// addBlock appends a piece unless it is empty or absent, cut at the top of the
// address space.
func (f *File) addBlock(list []block, addr, off, size uint64) []block {
	if size == 0 || off == 0 {
		return list
	}
	first, top := f.header.address(addr), f.header.address(math.MaxUint64)
	return append(list, block{first: first, last: first + min(size-1, top-first), off: off})
}

// disjoint sorts the pieces by address and cuts from each what an earlier one
// covers.
func disjoint(list []block) []block {
	slices.SortStableFunc(list, func(a, b block) int { return cmp.Compare(a.first, b.first) })
	out := list[:0]
	for _, b := range list {
		if n := len(out); n > 0 && b.first <= out[n-1].last {
			if b.last <= out[n-1].last {
				continue
			}
			cut := out[n-1].last - b.first + 1
			b.first, b.off = b.first+cut, b.off+cut
		}
		out = append(out, b)
	}
	return out
}

type blocks struct {
	file *File
	list []block
	top  uint64 // the highest address of the target
}

// ReadMemory implements [memsource.Source].
func (s *blocks) ReadMemory(buf []byte, addr uint64) (int, error) {
	below, past := memsource.Clip(buf, addr)
	for done := 0; done < len(below); {
		n, err := s.read(below[done:], addr+uint64(done))
		done += n
		if err != nil {
			return done, err
		}
	}
	return len(below), past
}

// read reads from at to the end of its piece at most. With an error it read nothing.
func (s *blocks) read(buf []byte, at uint64) (int, error) {
	if at > s.top {
		return 0, memsource.NewFault(memsource.ReasonNonCanonical, at, span(at, math.MaxUint64))
	}
	i := sort.Search(len(s.list), func(i int) bool { return s.list[i].last >= at })
	if i == len(s.list) {
		return 0, memsource.NewFault(memsource.ReasonNotInDump, at, span(at, s.top))
	}
	b := s.list[i]
	if at < b.first {
		return 0, memsource.NewFault(memsource.ReasonNotInDump, at, b.first-at)
	}
	left := span(at, b.last)
	if uint64(len(buf)) > left {
		buf = buf[:left]
	}
	n, err := s.file.readSome(buf, b.off+(at-b.first))
	switch {
	case n > 0:
		return n, nil // what is missing, if anything, faults on the next turn
	case err != nil:
		f := memsource.NewFault(memsource.ReasonIO, at, 0)
		f.Err = err
		return 0, f
	}
	return 0, memsource.NewFault(memsource.ReasonTruncated, at, left)
}

// span is the number of bytes from first to last, both included; the whole of
// a 64-bit address space counts one byte less than it has.
func span(first, last uint64) uint64 {
	if n := last - first; n < math.MaxUint64 {
		return n + 1
	}
	return math.MaxUint64
}
