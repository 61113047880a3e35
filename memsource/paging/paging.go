// Package paging translates virtual addresses by walking page tables as Windows
// does. It also decodes entries that the processor would reject, because a page
// that is not present may still be in RAM (transition), and otherwise the entry
// says where the page is.
//
// A [Space] is a [memsource.Source]. An incomplete read returns a
// [memsource.Fault] with the last entry read, its level, and the reason:
//
//   - PagedOut with paging file and offset, or Compressed; with the paging file
//     at hand ([Config.PageFiles]) the page is read instead
//   - FileBacked with file and offset, from the subsection of a prototype PTE
//   - DemandZero, NotMapped (Fault.Len is the size of the hole), NonCanonical
//   - NotInDump with the physical address; TableNotInDump when a table or a
//     prototype PTE needed on the way is itself missing
//
// The positions of software bits are passed as a [Layout], so that this package
// needs no debug information.
//
// It walks all formats of x86 and x64, that of ARM64 with 4 KB pages, and the
// tables of 8 KB pages of Windows for IA-64, with a root for each of three
// regions and the ranges that need no tables. As kd does, it takes bits 43 to 60
// of an IA-64 address for nothing. It does not know what translation registers
// of an Itanium held, nor large pages, which Windows maps by those.
//
// # Security
//
// Tables come from the target and may be hostile. A translation reads at most
// one entry per level; prototype PTEs that lead to other prototype PTEs are
// followed a few times only. Offsets into paging files come from the target;
// they are used only to read through io.ReaderAt.
package paging

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"sync"

	"github.com/symres/symres/memsource"
)

// ErrMode is returned by [New] for a [Mode] that is not one of the constants,
// or roots that do not fit it.
var ErrMode = errors.New("unknown paging mode")

// ErrConsultVAD is wrapped by a NotMapped fault if the VAD tree of the process
// decides whether the page exists, because the page table entry does not.
var ErrConsultVAD = errors.New("only the VAD tree of the process can tell")

// FileResolver names the file behind a mapped page: given the address of the
// SUBSECTION and of the prototype PTE, it returns the file's name as the target
// spells it and the byte offset of the page in it. virt reads the same address
// space, but does not call the resolver. Resolvers must be safe for concurrent
// use. An error becomes Fault.Err and leaves the rest of the fault as it is.
type FileResolver func(virt memsource.Source, subsection, protoPTE uint64) (file string, offset uint64, err error)

// Config describes an address space.
type Config struct {
	Mode Mode
	// Root is the value of CR3, of TTBR0 or of a DirectoryTableBase; other
	// fields of the register, such as PCID and ASID, are cleared. If the kernel
	// uses shadow page tables (KVA shadow, the mitigation of Meltdown), a CR3
	// sampled while user code ran points to the shadow tables, which map almost
	// nothing of the kernel: use the DirectoryTableBase of the process instead.
	Root uint64
	// Root2 is the root of the upper half, where there is one. For ARM64 it is the
	// value of TTBR1; if it is 0, the table at Root has both halves, as in Windows.
	// For IA-64 it is the address of nt!MmSystemParentTablePage's frame, the root
	// of region 7, and Root that of region 0; if one is 0, its region is not mapped.
	Root2 uint64
	// SessionRoot is the root of region 1, for IA-64 only: SessionParentBase of a
	// KPROCESS. 0 means that the process is in no session.
	SessionRoot uint64
	// VABits is how many bits of an address each root of ARM64 translates, 64
	// less TCR_EL1.TnSZ: 40 to 48. 0 means 47 if both halves share one table,
	// which is assumed if Root2 is in the second half of its page, otherwise
	// 48.
	VABits uint8
	// Layout of software entries; the zero Layout stands for LayoutFor(Mode, 0).
	Layout Layout
	// ResolveFile names the files of pages that are not resident. If it is nil,
	// such pages are reported as FileBacked without a name.
	ResolveFile FileResolver
	// PrototypeOf returns the address of the prototype PTE for a page that only
	// the VAD tree describes, and whether it has one. If PrototypeOf is nil,
	// such pages fail as NotMapped with [ErrConsultVAD]. It is called for user
	// addresses. It must return the same result for each address of a page, be
	// safe for concurrent use, and not read this space.
	PrototypeOf func(addr uint64) (protoPTE uint64, ok bool)
	// PageFiles are the available paging files, by number. They must be safe
	// for concurrent use. A page beyond the end of its file stays PagedOut.
	PageFiles map[int]io.ReaderAt
	// CompressionStores has bit n set when paging file n is a store of the
	// memory manager's compression and not a file.
	CompressionStores uint16
}

// Space is the virtual memory seen through one page-table root. It is safe for
// concurrent use. It keeps no state between reads, so it can be used for a live
// target. To read tables less often, put a memsource.Cache over the physical
// source.
type Space struct {
	// immutable
	phys  memsource.Source
	cfg   Config
	geo   geometry
	roots [regions]uint64 // of the lower half and of the upper; on IA-64 by region

	walkers sync.Pool // of *walker: buffers only, nothing is remembered
}

// New returns the address space of cfg over physical memory. phys is indexed by
// physical address and must be safe for concurrent use; missing pages should
// fail with NotInDump. Returns an error wrapping [ErrMode].
func New(phys memsource.Source, cfg Config) (*Space, error) {
	geo, ok := cfg.geometry()
	if !ok {
		return nil, fmt.Errorf("%v: %w", cfg.Mode, ErrMode)
	}
	if phys == nil {
		return nil, errors.New("paging: no physical memory")
	}
	if cfg.Layout == (Layout{}) {
		cfg.Layout = LayoutFor(cfg.Mode, 0)
	}
	cfg.PageFiles = maps.Clone(cfg.PageFiles)
	s := &Space{phys: phys, cfg: cfg, geo: geo}
	s.roots[0] = cfg.Root & geo.root
	s.roots[1] = s.roots[0]
	switch {
	case geo.regions:
		s.roots[regionSession], s.roots[regionKernel] = cfg.SessionRoot&geo.root, cfg.Root2&geo.root
	case geo.split:
		s.roots[1] = cfg.Root2 & geo.root
	}
	return s, nil
}

// root returns the table that the walk for va begins with.
func (s *Space) root(va uint64) uint64 {
	switch {
	case s.geo.regions:
		return s.roots[regionOf(va)]
	case s.geo.upper(va):
		return s.roots[1]
	}
	return s.roots[0]
}

// Page is the location of a virtual address in physical memory.
type Page struct {
	Physical uint64 // of the address
	Size     uint64 // bytes from there to the end of the page, which may be a large one
	PTE      uint64 // the entry that names the page; 0 for the ranges of IA-64 that need no tables
	Level    int8   // of that entry: 0 PTE, 1 PDE, 2 PDPTE
	// Valid says that the processor also translates the address. It would
	// reject pages in transition and those found through a prototype PTE.
	Valid bool
}

// Translate returns where addr is in physical memory, whether or not that page
// can be read. The error wraps a *memsource.Fault if the page is not in
// physical memory, even if it is in an available paging file.
func (s *Space) Translate(addr uint64) (Page, error) {
	w := s.walker(s.phys, 0)
	defer s.release(w)
	m, f := w.translate(addr)
	switch {
	case f != nil:
		return Page{}, w.sized(f)
	case m.at.file != 0:
		return Page{}, w.sized(m.swapped)
	}
	return Page{Physical: m.at.off, Size: m.left, PTE: m.pte, Level: int8(m.level), Valid: !m.soft}, nil
}

// ReadMemory implements [memsource.Source].
func (s *Space) ReadMemory(buf []byte, addr uint64) (int, error) {
	return s.read(s.phys, buf, addr, 0)
}

// ReadMemoryContext implements [memsource.ContextSource].
func (s *Space) ReadMemoryContext(ctx context.Context, buf []byte, addr uint64) (int, error) {
	return s.read(memsource.Bind(ctx, s.phys), buf, addr, 0)
}

// read reads virtual memory; depth counts the prototype PTEs on the way here.
func (s *Space) read(phys memsource.Source, buf []byte, addr uint64, depth int) (n int, err error) {
	head, over := memsource.Clip(buf, addr)
	w := s.walker(phys, depth)
	defer s.release(w)
	for n < len(head) {
		k, f := w.read(head[n:], addr+uint64(n))
		n += k
		if f != nil {
			return n, f
		}
	}
	return n, over
}

func (s *Space) walker(phys memsource.Source, depth int) *walker {
	w, ok := s.walkers.Get().(*walker)
	if !ok {
		w = &walker{s: s}
	}
	w.phys, w.depth = phys, depth
	for i := range w.chunks {
		w.chunks[i].n = 0
	}
	return w
}

func (s *Space) release(w *walker) {
	w.phys = nil
	s.walkers.Put(w)
}

// inner is the space as a resolver sees it.
type inner struct {
	s     *Space
	phys  memsource.Source
	depth int
}

func (v inner) ReadMemory(buf []byte, addr uint64) (int, error) {
	return v.s.read(v.phys, buf, addr, v.depth)
}
