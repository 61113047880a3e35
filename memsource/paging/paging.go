// Package paging turns physical memory into virtual memory by walking page
// tables the way Windows does: what the processor would refuse is decoded
// further, because a page that is not present may still be in RAM (transition),
// and where it is not, the entry says where it went.
//
// A [Space] is a [memsource.Source]. Every read that falls short carries a
// [memsource.Fault] with the last entry seen and its level, and the reason:
//
//   - PagedOut with paging file and offset, or Compressed; with the paging file
//     at hand ([Config.PageFiles]) the page is read instead
//   - FileBacked with file and offset, from the subsection of a prototype PTE
//   - DemandZero, NotMapped (Fault.Len is the size of the hole), NonCanonical
//   - NotInDump with the physical address; TableNotInDump when a table or a
//     prototype PTE needed on the way is itself missing
//
// Positions of software bits come in as a [Layout], so this package knows no
// debug information.
//
// All formats of x86 and x64 are walked, and that of ARM64 with 4 KB pages.
// IA-64 is not: its regions and its page numbers are those of package vadmath.
//
// # Security
//
// Tables come from the target and may be hostile. A translation reads at most
// one entry per level; prototype PTEs that lead to other prototype PTEs are
// followed a few times only. Offsets into paging files are those of the target
// and are read through [io.ReaderAt], never mapped or allocated.
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

// ErrConsultVAD is behind a NotMapped fault whose entry leaves the question to
// the VAD tree of the process: the page may exist although no table says so.
var ErrConsultVAD = errors.New("only the VAD tree of the process can tell")

// FileResolver names the file behind a mapped page: given the address of the
// SUBSECTION and of the prototype PTE, it returns the file's name as the target
// spells it and the byte offset of the page in it. virt reads the same address
// space; it names no files itself, so a resolver cannot be called from within
// a resolver. Resolvers must be safe for concurrent use. An error becomes
// Fault.Err and leaves the rest of the fault as it is.
type FileResolver func(virt memsource.Source, subsection, protoPTE uint64) (file string, offset uint64, err error)

// Config describes an address space.
type Config struct {
	Mode Mode
	// Root is the value of CR3, of TTBR0 or of a DirectoryTableBase; what else
	// such a register holds, as PCID and ASID, is cleared. Where the kernel
	// shadows its tables (KVA shadow, the cure of Meltdown) a CR3 sampled while
	// user code ran is that of the shadow, which has almost nothing of the
	// kernel: take the DirectoryTableBase of the process then.
	Root uint64
	// Root2 is the value of TTBR1, for ARM64 alone: the root of the upper half.
	// With 0 the table at Root has both halves, as that of Windows does.
	Root2 uint64
	// VABits is how many bits of an address each root of ARM64 translates, 64
	// less TCR_EL1.TnSZ: 40 to 48. With 0 that is 47 for the halves of one
	// table, which a Root2 in the second half of its page is taken for, else 48.
	VABits uint8
	// Layout of software entries; the zero Layout stands for LayoutFor(Mode, 0).
	Layout Layout
	// ResolveFile names the files of pages that are not resident; with nil they
	// are still reported as FileBacked, without a name.
	ResolveFile FileResolver
	// PrototypeOf returns the address of the prototype PTE of a page about which
	// the tables leave the question to the VAD tree, and whether there is one;
	// nil finds none, and such pages fault as NotMapped with [ErrConsultVAD]. It
	// is asked of pages of processes, must give the same for each address of a
	// page, be safe for concurrent use, and not read this space.
	PrototypeOf func(addr uint64) (protoPTE uint64, ok bool)
	// PageFiles are the paging files at hand, by number. They must be safe for
	// concurrent use. A page that one of them ends before stays PagedOut.
	PageFiles map[int]io.ReaderAt
	// CompressionStores has bit n set when paging file n is a store of the
	// memory manager's compression and not a file.
	CompressionStores uint16
}

// Space is the virtual memory seen through one page-table root. It is safe for
// concurrent use. It keeps nothing between reads, so it may be used on a live
// target; to save reads of the tables put a [memsource.Cache] over the physical
// source.
type Space struct {
	// immutable
	phys  memsource.Source
	cfg   Config
	geo   geometry
	roots [2]uint64 // of the lower half and of the upper

	walkers sync.Pool // of *walker: buffers only, nothing is remembered
}

// New returns the address space of cfg over physical memory. phys is indexed by
// physical address and must be safe for concurrent use; missing pages should
// fault as NotInDump. Returns an error wrapping [ErrMode].
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
	if geo.split {
		s.roots[1] = cfg.Root2 & geo.root
	}
	return s, nil
}

// root returns the table that the walk for va begins with.
func (s *Space) root(va uint64) uint64 {
	if s.geo.upper(va) {
		return s.roots[1]
	}
	return s.roots[0]
}

// Page says where a virtual address is in physical memory.
type Page struct {
	Physical uint64 // of the address
	Size     uint64 // bytes from there to the end of the page, which may be a large one
	PTE      uint64 // the entry that names the page
	Level    int8   // of that entry: 0 PTE, 1 PDE, 2 PDPTE
	// Valid says that the processor translates the address too. Pages in
	// transition, and those found through a prototype PTE, it would refuse.
	Valid bool
}

// Translate returns where addr is in physical memory, whether or not that page
// can be read. Errors wrap a [*memsource.Fault]: the address has no place in
// physical memory, a page in a paging file included, also one that is at hand.
func (s *Space) Translate(addr uint64) (Page, error) {
	w := s.walker(s.phys, 0)
	defer s.release(w)
	m, f := w.translate(addr)
	switch {
	case f != nil:
		return Page{}, f
	case m.at.file != 0:
		return Page{}, m.swapped
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
		k, err := w.read(head[n:], addr+uint64(n))
		n += k
		if err != nil {
			return n, err
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
