package crashdump

import (
	"fmt"
	"math"

	"github.com/symres/symres/memsource"
)

// maxPages is the number of pages a dump may claim, 64 TB of 4 KB pages: above
// what any Windows supports, and low enough that an index of it stays small.
const maxPages = 1 << 34

// stretch is a row of pages that share a fate.
type stretch struct {
	pages  uint64 // how many, counted from the page asked for; 0: all above it
	reason memsource.Reason
	off    uint64 // where the bytes are in the file, when held
	held   bool
}

// pageMap says where physical pages are in the file.
type pageMap interface {
	find(page uint64) (stretch, error)
	problems(fileSize uint64) []error
}

// Physical returns a source over the physical memory in a dump of any type but
// triage. Addresses are physical. A page that is not in the dump fails with
// [memsource.ReasonNotInDump], with Physical set, and with Len up to the next
// page in the dump if that is known. A page beyond the end of a truncated file
// fails with [memsource.ReasonTruncated]. The source is safe for concurrent
// use.
//
// Errors wrap [ErrNoPages] for a triage dump, [ErrUnsupported] for the types
// not read, and [ErrFormat] when the page tables of the file make no sense.
func (f *File) Physical() (memsource.Source, error) {
	pages, err := f.pagesOnce()
	if err != nil {
		return nil, err
	}
	return &physical{file: f, pages: pages, shift: f.header.pageShift()}, nil
}

// loadPages goes by the type in the header. One that is not known, or does not
// have behind it what it should, gives way to what is there.
func (f *File) loadPages() (pageMap, error) {
	typ, behind := f.header.Type, f.behind()
	should := map[DumpType]DumpType{
		TypeFull: TypeFull, TypeSummary: TypeBitmapFull, TypeBitmapFull: TypeBitmapFull, TypeBitmapKernel: TypeBitmapFull,
		TypeKernelK: TypeKernelF, TypeKernelKA: TypeKernelF, TypeKernelF: TypeKernelF,
	}[typ]
	switch {
	case typ == TypeTriage:
		return nil, fmt.Errorf("crash dump: %w", ErrNoPages)
	case typ == TypeFull && f.described():
		return f.loadRuns()
	case should != 0 && (behind == should || behind == 0):
		return f.loadTyped(typ)
	case behind != 0:
		return f.otherwise(behind)
	}
	return nil, f.unsupported()
}

// loadTyped reads the page map of a type.
func (f *File) loadTyped(typ DumpType) (pageMap, error) {
	switch typ {
	case TypeFull:
		return f.loadRuns()
	case TypeSummary:
		return f.loadSummary()
	case TypeBitmapFull, TypeBitmapKernel:
		return f.loadBitmap()
	}
	return f.loadRanges()
}

// behind tells what follows the header: by a signature the bitmap of TypeBitmapFull
// or the rows of TypeKernelF; the pages of TypeFull, where the runs of the header
// have as many as the file holds; or 0 for none of them.
func (f *File) behind() DumpType {
	var b [12]byte
	if _, err := f.readSome(b[:], f.header.size()); err != nil {
		return 0
	}
	switch {
	case string(b[:8]) == "FDMPDUMP", string(b[:8]) == "SDMPDUMP":
		return TypeBitmapFull
	case string(b[4:]) == "RDMPDUMP":
		return TypeKernelF
	}
	_, _, runs := f.descriptor()
	if held := f.held(); held > 0 && rowsOf(runs, held) > 0 {
		return TypeFull
	}
	return 0
}

// held is how many pages there are behind the header of a full dump.
func (f *File) held() uint64 {
	return (f.size - min(f.size, f.header.size())) >> f.header.pageShift()
}

// otherwise reads what follows the header though its type is another.
func (f *File) otherwise(behind DumpType) (pageMap, error) {
	pages, err := f.loadTyped(behind)
	if err != nil {
		return nil, err
	}
	return noted{pages, fmt.Errorf("crash dump: of type %d (%v) by its header, and has the pages of type %d (%v): %w",
		uint32(f.header.Type), f.header.Type, uint32(behind), behind, ErrFormat)}, nil
}

// noted is a page map with a problem of its own.
type noted struct {
	pageMap
	bad error
}

func (n noted) problems(fileSize uint64) []error {
	return append([]error{n.bad}, n.pageMap.problems(fileSize)...)
}

func (f *File) unsupported() error {
	return fmt.Errorf("crash dump of type %d (%s): %w", uint32(f.header.Type), f.header.Type, ErrUnsupported)
}

type physical struct {
	file  *File
	pages pageMap
	shift uint
}

// ReadMemory implements [memsource.Source].
func (p *physical) ReadMemory(buf []byte, addr uint64) (int, error) {
	below, past := memsource.Clip(buf, addr)
	for done := 0; done < len(below); {
		n, err := p.read(below[done:], addr+uint64(done))
		done += n
		if err != nil {
			return done, err
		}
	}
	return len(below), past
}

// read reads from at to the end of its stretch of pages at most. With an error
// it read nothing.
func (p *physical) read(buf []byte, at uint64) (int, error) {
	s, err := p.pages.find(at >> p.shift)
	if err != nil {
		return 0, physicalFault(memsource.ReasonIO, at, 0, err)
	}
	left := s.bytes(p.shift, at)
	if !s.held {
		return 0, physicalFault(s.reason, at, left, nil)
	}
	if uint64(len(buf)) > left {
		buf = buf[:left]
	}
	n, err := p.file.readSome(buf, s.off+at&(1<<p.shift-1))
	switch {
	case n > 0:
		return n, nil // what is missing, if anything, faults on the next turn
	case err != nil:
		return 0, physicalFault(memsource.ReasonIO, at, 0, err)
	}
	return 0, physicalFault(memsource.ReasonTruncated, at, left, nil)
}

func physicalFault(r memsource.Reason, at, size uint64, err error) error {
	f := memsource.NewFault(r, at, size)
	f.Physical, f.Err = at, err
	return f
}

// bytes returns how far the stretch found for at reaches beyond at.
func (s stretch) bytes(shift uint, at uint64) uint64 {
	top := -at // bytes up to the top of the address space
	if at == 0 {
		top = math.MaxUint64
	}
	if s.pages == 0 || s.pages > top>>shift {
		return top
	}
	return s.pages<<shift - at&(1<<shift-1)
}
