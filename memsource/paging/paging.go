// Package paging turns physical memory into virtual memory by walking page
// tables the way Windows does: what the processor would refuse is decoded
// further, because a page that is not present may still be in RAM (transition),
// and where it is not, the entry says where it went.
//
// A [Space] is a [memsource.Source]. Every read that falls short carries a
// [memsource.Fault] with the last entry seen and its level, and the reason:
//
//   - PagedOut with paging file and offset, or Compressed
//   - FileBacked with file and offset, from the subsection of a prototype PTE
//   - DemandZero, NotMapped (Fault.Len is the size of the hole), NonCanonical
//   - NotInDump with the physical address; TableNotInDump when a table or a
//     prototype PTE needed on the way is itself missing
//
// Positions of software bits come in as a [Layout], so this package knows no
// debug information.
//
// # Security
//
// Tables come from the target and may be hostile. A translation reads at most
// one entry per level; prototype PTEs that lead to other prototype PTEs are
// followed a few times only.
package paging

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/symres/symres/memsource"
)

// ErrMode is returned by [New] for a [Mode] that is not one of the constants.
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
	// Root is the value of CR3 or of a DirectoryTableBase; the low bits, such as
	// PCID, are cleared.
	Root uint64
	// Layout of software entries; the zero Layout stands for LayoutFor(Mode, 0).
	Layout Layout
	// ResolveFile names the files of pages that are not resident; with nil they
	// are still reported as FileBacked, without a name.
	ResolveFile FileResolver
	// PrototypeOf returns the address of the prototype PTE of a page about which
	// the tables leave the question to the VAD tree, and whether there is one;
	// nil finds none, and such pages fault as NotMapped with [ErrConsultVAD]. It
	// must be safe for concurrent use and must not read this space.
	PrototypeOf func(addr uint64) (protoPTE uint64, ok bool)
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
	phys memsource.Source
	cfg  Config
	geo  geometry
	root uint64

	walkers sync.Pool // of *walker: buffers only, nothing is remembered
}

// New returns the address space of cfg over physical memory. phys is indexed by
// physical address and must be safe for concurrent use; missing pages should
// fault as NotInDump. Returns an error wrapping [ErrMode].
func New(phys memsource.Source, cfg Config) (*Space, error) {
	geo, ok := cfg.Mode.geometry()
	if !ok {
		return nil, fmt.Errorf("%v: %w", cfg.Mode, ErrMode)
	}
	if phys == nil {
		return nil, errors.New("paging: no physical memory")
	}
	if cfg.Layout == (Layout{}) {
		cfg.Layout = LayoutFor(cfg.Mode, 0)
	}
	return &Space{phys: phys, cfg: cfg, geo: geo, root: cfg.Root & geo.frame}, nil
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
