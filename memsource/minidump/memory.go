package minidump

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"math"

	"github.com/symres/symres/memsource"
)

// Sizes of entries and headers (minidumpapiset.h), and bounds, so that the
// index of memory stays small whatever a dump claims. Real full dumps have up
// to tens of thousands of ranges.
const (
	rangeSize      = 16
	memory64Header = 16
	maxRanges      = 1 << 18
)

// Memory returns a source over the memory saved: the memory lists of both
// kinds and the stacks of the threads. What was not saved faults with
// [memsource.ReasonNotInDump], and with [memsource.ReasonNotMapped] where the list of
// regions says that nothing was committed; what the file is too short for with
// [memsource.ReasonTruncated]. In a 32-bit dump there are no addresses above 4 GB.
// Where ranges overlap the later in the list wins, and the lists of memory
// before the stacks. The lists are read once, at the first call; problems with
// them are among [File.Problems]. The source is safe for concurrent use.
func (f *File) Memory() memsource.Source {
	s, _ := f.memory()
	return s
}

// loader fills the index of memory.
type loader struct {
	*File
	to       *memsource.Sparse
	problems []error
	beyond   int // ranges that the file is too short for
}

func (f *File) loadMemory() (*memsource.Sparse, []error) {
	l := &loader{File: f, to: &memsource.Sparse{Missing: memsource.ReasonNotInDump}}
	if f.user != nil {
		l.userMemory()
	} else {
		l.regions()
		l.stacks()
		l.list()
		l.list64()
	}
	if f.Bits() == 32 {
		l.to.AddFault(1<<32, math.MaxUint64, memsource.Fault{Reason: memsource.ReasonNonCanonical})
	}
	if l.beyond > 0 {
		l.note(fmt.Errorf("minidump: the file ends before the data of %d memory ranges: %w: %w", l.beyond, ErrFormat, io.ErrUnexpectedEOF))
	}
	return l.to, l.problems
}

// note keeps an error among the problems, unless it only says that a stream is
// absent, and reports whether there was none.
func (l *loader) note(err error) bool {
	if err != nil && !errors.Is(err, ErrNoStream) {
		l.problems = append(l.problems, err)
	}
	return err == nil
}

// entries yields the records of a table that was found, and notes what is wrong.
func (l *loader) entries(t table, err error) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if !l.note(err) {
			return
		}
		for b, err := range l.rows(t) {
			if !l.note(err) || !yield(b) {
				return
			}
		}
	}
}

// stacks takes the stacks some writers save nowhere else.
func (l *loader) stacks() {
	for b := range l.entries(l.counted(ThreadListStream, threadSize, maxThreads)) {
		l.add(le64(b[24:]), uint64(le32(b[32:])), uint64(le32(b[36:])))
	}
}

// list reads MINIDUMP_MEMORY_DESCRIPTORs {address, size, offset}.
func (l *loader) list() {
	for b := range l.entries(l.counted(MemoryListStream, rangeSize, maxRanges)) {
		l.add(le64(b), uint64(le32(b[8:])), uint64(le32(b[12:])))
	}
}

// list64 reads MINIDUMP_MEMORY_DESCRIPTOR64s {address, size}, whose data lie
// one after the other.
func (l *loader) list64() {
	s, head, err := l.head(Memory64ListStream, memory64Header)
	if !l.note(err) {
		return
	}
	t := table{
		what: s.Type.String(), off: uint64(s.Offset) + memory64Header, end: uint64(s.Offset) + uint64(s.Size),
		count: le64(head), stride: rangeSize, most: maxRanges,
	}
	off := le64(head[8:])
	for b := range l.entries(t, nil) {
		size := le64(b[8:])
		l.add(le64(b), size, off)
		if off += size; off < size {
			off = math.MaxUint64 // beyond every file
		}
	}
}

// add makes a range known: the part that is in the file can be read.
func (l *loader) add(addr, size, off uint64) {
	addr = l.address(addr)
	if size = l.cut(addr, size); size == 0 {
		return
	}
	there := uint64(0)
	if off < l.size {
		there = min(size, l.size-off)
		// No error: the range neither wraps nor leaves the file.
		_ = l.to.AddReader(addr, there, l.r, int64(off))
	}
	if there < size {
		l.beyond++
		l.to.AddFault(addr+there, size-there, memsource.Fault{Reason: memsource.ReasonTruncated})
	}
}

// cut ends a range at the top of the address space.
func (l *loader) cut(addr, size uint64) uint64 {
	if size == 0 {
		return 0
	}
	top := l.address(math.MaxUint64)
	return min(size-1, top-addr) + 1
}
