package nt

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/symres/symres/internal/hexaddr"
	"github.com/symres/symres/internal/peimage"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/crashdump"
	"github.com/symres/symres/memsource/paging"
)

// ErrNoKernel is wrapped by errors about physical memory without a Windows
// kernel.
var ErrNoKernel = errors.New("no Windows kernel found")

// Physical describes a target that has physical memory but no header: a raw
// image, an ELF core, or a machine behind a debugger stub. Only Memory is
// required.
type Physical struct {
	Memory memsource.Source // by physical address; must be safe for concurrent use
	// Mode is the format of the page tables; where it is 0, not known, all those
	// of x86 and x64 are tried.
	Mode paging.Mode
	Root uint64 // CR3 of a processor, where it is known
	IDT  uint64 // and the base of its interrupt table
	// PCRs are addresses at which the processor's control region (KPCR) may be,
	// which also says where the interrupt table is: what GS and the GS base to be
	// swapped in begin at on x64, FS on x86.
	PCRs []uint64
	// Scan is how many bytes of memory may be scanned if nothing in the first
	// megabyte leads to the kernel; 0 scans only the first megabyte.
	Scan uint64
	// NextData, if it is there, returns the first address at or above one at which
	// memory may be other than zeros, so that holes of a sparse file are not read
	// through. Safe for concurrent use.
	NextData func(addr uint64) uint64
}

// FromPhysical finds the kernel of an x64 or x86 target in physical memory: from
// the interrupt table of a processor, from what an x64 kernel leaves in the first
// megabyte to start processors by, or else by reading through memory for its
// debug record or its debugger data block, and for page tables that map themselves
// and show them. The debugger data
// block is looked for in the kernel's image; where it is encoded, as on live
// systems, [Kernel.WithTypes] decodes it.
//
// ARM64 is not supported: its raw images have no interrupt table in memory and
// no documented mark that identifies page tables.
//
// Errors wrap [ErrNoKernel] and say what was tried.
func FromPhysical(p Physical) (*Kernel, error) {
	f := &finder{phys: memsource.Cache(p.Memory, memsource.CacheOptions{}), plain: p.Memory, scan: p.Scan, next: p.NextData, modes: modesLike(p.Mode)}
	if len(f.modes) == 0 {
		return nil, fmt.Errorf("%w: nothing tells where the page tables (%v) begin", ErrNoKernel, p.Mode)
	}
	return f.find(func() ([]hint, error) { return f.processor(p) }, f.lowStub)
}

// find tries the hints of each finder, and at last reads through memory.
func (f *finder) find(finders ...func() ([]hint, error)) (*Kernel, error) {
	marks := 0
	for _, find := range finders {
		hints, err := find()
		marks += len(hints)
		for _, h := range hints {
			var k *Kernel
			if k, err = f.kernel(h); err == nil {
				return k, nil
			}
		}
		f.tried = append(f.tried, err)
	}
	k, failed := f.through()
	if k != nil {
		return k, nil
	}
	err, sep := ErrNoKernel, ":"
	for _, tried := range append(f.tried, failed) {
		if tried != nil {
			err, sep = fmt.Errorf("%w%s %w", err, sep, tried), ";"
		}
	}
	return nil, &NoKernelError{Marks: marks + len(f.records) + len(f.blocks), err: err}
}

// NoKernelError is an [ErrNoKernel] after a search through memory.
type NoKernelError struct {
	// Marks is how much was seen that only a Windows kernel leaves: with any, the
	// memory may not be laid out as it is taken to be.
	Marks int
	err   error
}

// Error says what was tried.
func (e *NoKernelError) Error() string { return e.err.Error() }

// Unwrap returns an error that wraps [ErrNoKernel].
func (e *NoKernelError) Unwrap() error { return e.err }

// modesLike are the formats of page tables to try; none of ARM64 and IA-64.
func modesLike(mode paging.Mode) []paging.Mode {
	switch mode {
	case 0:
		return []paging.Mode{paging.ModeX64, paging.ModeLA57, paging.ModePAE, paging.ModeX86}
	case paging.ModeX86, paging.ModePAE, paging.ModeX64, paging.ModeLA57:
		return []paging.Mode{mode}
	}
	return nil
}

// wide reports whether addresses have 64 bits in a mode.
func wide(mode paging.Mode) bool {
	return mode == paging.ModeX64 || mode == paging.ModeLA57 || mode == paging.ModeIA64
}

// hint is a page-table root and an address inside the kernel.
type hint struct {
	mode       paging.Mode
	root, addr uint64
	road       KernelRoad
}

// finder looks for the kernel.
type finder struct {
	phys  memsource.Source // plain, with a cache
	plain memsource.Source // for what is read once
	scan  uint64
	next  func(uint64) uint64
	modes []paging.Mode
	tried []error

	roots   []top
	records []uint64 // physical addresses of pages with a debug record
	blocks  []blockHit

	tables int // page tables read to find where records are mapped
	pages  int // looked at closely while reading through memory
}

func (f *finder) space(mode paging.Mode, root uint64) (*paging.Space, error) {
	return paging.New(f.phys, tablesAt(mode, root))
}

// maxKernelScan is how far below an address inside the kernel its image begins
// at most.
const maxKernelScan = 32 << 20

// kernel finds the image the hint leads into and makes the Kernel of it.
func (f *finder) kernel(h hint) (*Kernel, error) {
	space, err := f.space(h.mode, h.root)
	if err != nil {
		return nil, err
	}
	low := h.addr - min(h.addr, maxKernelScan)
	for base := h.addr &^ (pageSize - 1); base >= low && base != 0; base -= pageSize {
		if mz, err := memsource.U16(space, base); err != nil || mz != 'M'|'Z'<<8 {
			continue
		}
		if img := readKernel(space, base, machineOf(h.mode)); img != nil {
			return f.open(h, img)
		}
	}
	return nil, fmt.Errorf("%v: no kernel image below %s", h.road, hexaddr.Addr(h.addr))
}

// image is a kernel image in memory.
type image struct {
	*peimage.Headers
	space memsource.Source
	base  uint64
}

// readKernel returns the image at base if it is a kernel: its debug record
// says so, or its export directory where that record is out.
func readKernel(space memsource.Source, base uint64, machine uint16) *image {
	r := memsource.ReaderAt(space, base, maxImage)
	img := &image{peimage.ReadHeaders(r), space, base}
	if img.NTErr != nil || img.Machine != machine {
		return nil
	}
	entries, err := peimage.ReadDebug(r, img.Headers, peimage.Memory{})
	if err == nil {
		var cv peimage.CodeView
		if cv, err = peimage.FindCodeView(r, entries, peimage.Memory{}); err == nil && isKernelPDB(cv.Path) {
			return img
		}
	}
	if name := img.exportName(); strings.EqualFold(name, "ntoskrnl.exe") {
		return img
	}
	return nil
}

// machineOf is the machine of a kernel whose page tables have that form.
func machineOf(mode paging.Mode) uint16 {
	switch mode {
	case paging.ModeX64, paging.ModeLA57:
		return machineAMD64
	case paging.ModeARM64:
		return machineARM64
	case paging.ModeIA64:
		return machineIA64
	}
	return machineI386
}

// pointer is the width of the image's addresses.
func (m *image) pointer() width { return pointerOf(m.Machine) }

func pointerOf(machine uint16) width {
	if machine == machineI386 {
		return 4
	}
	return 8
}

// isKernelPDB reports whether a PDB of that path is of a kernel.
func isKernelPDB(path string) bool {
	switch strings.ToLower(lastPart(path)) {
	case "ntkrnlmp.pdb", "ntoskrnl.pdb", "ntkrnlpa.pdb", "ntkrpamp.pdb":
		return true
	}
	return false
}

// exportName is the name in the export directory.
func (m *image) exportName() string {
	if len(m.Directories) == 0 || m.Directories[0].RVA == 0 {
		return ""
	}
	rva, err := memsource.U32(m.space, m.base+uint64(m.Directories[0].RVA)+12)
	if err != nil || rva >= m.SizeOfImage {
		return ""
	}
	b := make([]byte, 32)
	n, _ := m.space.ReadMemory(b, m.base+uint64(rva))
	name, _, _ := bytes.Cut(b[:n], []byte{0})
	return string(name)
}

// open makes the Kernel of an image.
func (f *finder) open(h hint, img *image) (*Kernel, error) {
	block, err := img.debuggerBlock()
	if err != nil {
		block = 0
	}
	return f.make(h, img.space, img.base, block)
}

// make makes the Kernel at base, with its debugger data block where it was found.
func (f *finder) make(h hint, space memsource.Source, base, block uint64) (*Kernel, error) {
	machine := machineOf(h.mode)
	w := pointerOf(machine)
	k := &Kernel{base: base, road: h.road, header: crashdump.Header{Bits: 8 * int(w), Machine: machine,
		DirectoryTableBase: h.root, PAE: h.mode == paging.ModePAE}}
	if d, err := openDebuggerData(space, block, w); err == nil {
		k.header.KdDebuggerDataBlock = block
		k.header.Build = buildOf(d)
	}
	k.layouts = layoutsFor(k.header.Machine, k.header.Build)
	return k, k.translate(f.phys, h.mode)
}

const (
	sectionWritable    = 0x80000000 // IMAGE_SCN_MEM_WRITE
	sectionDiscardable = 0x02000000
	maxDataScan        = 16 << 20 // bytes of data sections
)

// debuggerBlock finds the debugger data block in the kernel's data: by its tag,
// and by its telling where the kernel is.
func (m *image) debuggerBlock() (uint64, error) {
	left := uint64(maxDataScan)
	for _, s := range m.Sections {
		if s.Characteristics&sectionWritable == 0 || s.Characteristics&sectionDiscardable != 0 {
			continue
		}
		size := min(uint64(s.VirtualSize), left)
		left -= size
		if at := tagged(m.space, m.pointer(), m.base, m.base+uint64(s.VirtualAddress), size); at != 0 {
			return at, nil
		}
	}
	return 0, malformed(m.base, "kernel without a debugger data block that can be read")
}

// tagged looks for the block of the kernel at base in a range, page by page. Its
// tag is aligned, so that no page border cuts it.
func tagged(space memsource.Source, w width, base, start, size uint64) uint64 {
	tag, page := []byte("KDBG"), make([]byte, pageSize)
	for off := uint64(0); off < size; off += pageSize {
		n, _ := space.ReadMemory(page, start+off)
		for at := 0; ; at += len(tag) {
			i := bytes.Index(page[at:n], tag)
			if i < 0 {
				break
			}
			at += i
			block := start + off + uint64(at) - kdTag
			if d, err := openDebuggerData(space, block, w); err == nil && block%8 == 0 {
				if found, err := d.value(kdKernBase); err == nil && found == base {
					return block
				}
			}
		}
	}
	return 0
}

// buildOf reads the build number off the text NtBuildLab, such as
// "19041.1.amd64fre.vb_release"; 0 when it cannot.
func buildOf(d debuggerData) uint32 {
	at, err := d.value(kdNtBuildLab)
	if err != nil {
		return 0
	}
	b := make([]byte, 8)
	n, _ := d.src.ReadMemory(b, at)
	build := uint32(0)
	for _, c := range b[:n] {
		if c < '0' || c > '9' {
			break
		}
		build = build*10 + uint32(c-'0')
	}
	return build
}
