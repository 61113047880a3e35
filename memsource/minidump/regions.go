package minidump

import (
	"fmt"
	"iter"
	"strconv"
	"strings"

	"github.com/symres/symres/memsource"
)

// Region is a part of the address space with the same properties
// (MINIDUMP_MEMORY_INFO). It is plain data.
type Region struct {
	Addr, Size uint64 // in bytes
	// Allocation is where the allocation begins that the region is a part of; 0
	// where nothing is allocated.
	Allocation uint64
	State      RegionState
	Protection Protection // of committed memory
	Type       RegionType // 0 where nothing is allocated
}

// RegionState says what became of a region: MEM_* of winnt.h.
type RegionState uint32

// The states.
const (
	RegionCommitted RegionState = 0x1000
	RegionReserved  RegionState = 0x2000
	RegionFree      RegionState = 0x10000
)

// String names the state.
func (s RegionState) String() string {
	switch s {
	case RegionCommitted:
		return "committed"
	case RegionReserved:
		return "reserved"
	case RegionFree:
		return "free"
	}
	return fmt.Sprintf("RegionState(%#x)", uint32(s))
}

// RegionType says what a region is of: MEM_* of winnt.h.
type RegionType uint32

// The types.
const (
	RegionPrivate RegionType = 0x20000
	RegionMapped  RegionType = 0x40000
	RegionImage   RegionType = 0x1000000
)

// String names the type, "" for 0.
func (t RegionType) String() string {
	switch t {
	case 0:
		return ""
	case RegionPrivate:
		return "private"
	case RegionMapped:
		return "mapped"
	case RegionImage:
		return "image"
	}
	return fmt.Sprintf("RegionType(%#x)", uint32(t))
}

// Protection says what may be done to memory: PAGE_* of winnt.h.
type Protection uint32

// protectGuard marks a guard page.
const protectGuard Protection = 0x100

// Guard reports whether the first access raises STATUS_GUARD_PAGE_VIOLATION, or
// makes a stack grow.
func (p Protection) Guard() bool { return p&protectGuard != 0 }

// String names the protection as debuggers print that of VADs: READWRITE,
// READWRITE GUARD. It is "" for 0.
func (p Protection) String() string {
	if p == 0 {
		return ""
	}
	words := []string{protectionNames(p & 0xff)}
	for i, name := range []string{"GUARD", "NOCACHE", "WRITECOMBINE"} {
		if p&(protectGuard<<i) != 0 {
			words = append(words, name)
		}
	}
	return strings.Join(words, " ")
}

func protectionNames(p Protection) string {
	switch p {
	case 1:
		return "NOACCESS"
	case 2:
		return "READONLY"
	case 4:
		return "READWRITE"
	case 8:
		return "WRITECOPY"
	case 0x10:
		return "EXECUTE"
	case 0x20:
		return "EXECUTE_READ"
	case 0x40:
		return "EXECUTE_READWRITE"
	case 0x80:
		return "EXECUTE_WRITECOPY"
	}
	return "0x" + strconv.FormatUint(uint64(p), 16)
}

// Sizes of the list and its entries, and a bound (minidumpapiset.h).
const (
	regionSize   = 48
	regionHeader = 16
	maxRegions   = 1 << 18
)

// Regions lists the regions of the address space, in the order of the dump. The
// error wraps [ErrNoStream] if it has no such list, as most small dumps, and
// [ErrFormat] where the list is damaged. It is safe for concurrent use.
func (f *File) Regions() iter.Seq2[Region, error] {
	return func(yield func(Region, error) bool) {
		t, err := f.regionTable()
		if err != nil {
			yield(Region{}, err)
			return
		}
		for b, err := range f.rows(t) {
			if err != nil {
				yield(Region{}, err)
				return
			}
			if !yield(f.region(b), nil) {
				return
			}
		}
	}
}

// region reads a MINIDUMP_MEMORY_INFO, or what a user dump has in its place.
func (f *File) region(b []byte) Region {
	if f.user != nil {
		return f.user.region(b)
	}
	return Region{
		Addr: f.address(le64(b)), Allocation: f.address(le64(b[8:])), Size: le64(b[24:]),
		State: RegionState(le32(b[32:])), Protection: Protection(le32(b[36:])), Type: RegionType(le32(b[40:])),
	}
}

// regionTable is the list of regions.
func (f *File) regionTable() (table, error) {
	if f.user != nil {
		return f.user.regionTable(f.size), nil
	}
	s, b, err := f.head(MemoryInfoListStream, regionHeader)
	if err != nil {
		return table{}, err
	}
	header, stride := uint64(le32(b)), uint64(le32(b[4:]))
	if header < regionHeader || stride < regionSize {
		return table{}, fmt.Errorf("minidump: %v: header of %d bytes, entries of %d: %w", s.Type, header, stride, ErrFormat)
	}
	return table{
		what: s.Type.String(), off: uint64(s.Offset) + header, end: uint64(s.Offset) + uint64(s.Size),
		count: le64(b[8:]), stride: stride, most: maxRegions,
	}, nil
}

// regions keeps in mind where nothing is committed: nothing is mapped there.
func (l *loader) regions() {
	for r, err := range l.Regions() {
		if l.note(err) && (r.State == RegionReserved || r.State == RegionFree) {
			l.to.AddFault(r.Addr, l.cut(r.Addr, r.Size), memsource.Fault{Reason: memsource.ReasonNotMapped})
		}
	}
}
