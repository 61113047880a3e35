package nt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/symres/symres/internal/hexaddr"
	"github.com/symres/symres/internal/peimage"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/crashdump"
	"github.com/symres/symres/memsource/paging"
)

// ErrNoKernel is wrapped by the errors for physical memory in which no Windows
// kernel was found.
var ErrNoKernel = errors.New("no Windows kernel found")

// Physical is a target of which there is physical memory and no header that
// says where anything is: a raw image, or an ELF core. Only Memory is needed.
type Physical struct {
	Memory memsource.Source // by physical address; must be safe for concurrent use
	Root   uint64           // CR3 of a processor, where it is known
	IDT    uint64           // and the base of its interrupt table
	// Scan is how many bytes of memory may be read through when nothing in the
	// first megabyte tells where the kernel is; 0 reads no more than that.
	Scan uint64
}

// FromPhysical finds the kernel of an x64 target in physical memory: from the
// interrupt table of a processor, from what the kernel leaves in the first
// megabyte to start processors by, or else by reading through memory for its
// debug record and for page tables that map themselves. The debugger data
// block is looked for in the kernel's image; where it is encoded, as on live
// systems, [Kernel.WithTypes] decodes it.
//
// Errors wrap [ErrNoKernel] and say what was tried.
func FromPhysical(p Physical) (*Kernel, error) {
	phys := memsource.Cache(p.Memory, memsource.CacheOptions{})
	f := &finder{phys: phys, scan: p.Scan}
	for _, find := range []func() (hint, error){
		func() (hint, error) { return f.idt(p.Root, p.IDT) }, f.lowStub, f.debugRecord,
	} {
		h, err := find()
		if err == nil {
			var k *Kernel
			if k, err = f.kernel(h); err == nil {
				return k, nil
			}
		}
		f.tried = append(f.tried, err)
	}
	return nil, fmt.Errorf("%w: %w", ErrNoKernel, errors.Join(f.tried...))
}

// hint is a page-table root and an address inside the kernel.
type hint struct {
	root, addr uint64
	from       string
}

// finder looks for the kernel.
type finder struct {
	phys  memsource.Source
	scan  uint64
	tried []error
}

func (f *finder) space(root uint64) (*paging.Space, error) {
	return paging.New(f.phys, paging.Config{Mode: paging.X64, Root: root})
}

// idt takes the handler of the first interrupt, which is in the kernel.
func (f *finder) idt(root, idt uint64) (hint, error) {
	const what = "interrupt table"
	if root == 0 || idt == 0 {
		return hint{}, fmt.Errorf("%s: the target does not say where it is", what)
	}
	space, err := f.space(root)
	if err != nil {
		return hint{}, err
	}
	gate, err := structure(space, what, idt, 16)
	if err != nil {
		return hint{}, err
	}
	le := binary.LittleEndian
	addr := uint64(le.Uint16(gate)) | uint64(le.Uint16(gate[6:]))<<16 | uint64(le.Uint32(gate[8:]))<<32
	return hint{root, addr, what}, nil
}

// The code the kernel starts processors by, in the first megabyte: its first
// bytes are a jump, an address in the kernel and CR3 stand at fixed offsets
// (memflow, MemProcFS).
const (
	stubStart  = 0x00000001000600e9
	stubMask   = 0xffffffffffff00ff
	stubKernel = 0x70
	stubCR3    = 0xa0
	megabyte   = 1 << 20
)

func (f *finder) lowStub() (hint, error) {
	var b [stubCR3 + 8]byte
	for at := uint64(0); at < megabyte; at += pageSize {
		if memsource.ReadFull(f.phys, b[:], at) != nil {
			continue
		}
		le := binary.LittleEndian
		addr, root := le.Uint64(b[stubKernel:]), le.Uint64(b[stubCR3:])
		if le.Uint64(b[:])&stubMask == stubStart && addr>>47 == 1<<17-1 && root != 0 && root>>48 == 0 {
			return hint{root, addr, "low stub"}, nil
		}
	}
	return hint{}, errors.New("low stub: none in the first megabyte")
}

// maxKernelScan is how far below an address inside the kernel its image begins
// at most.
const maxKernelScan = 32 << 20

// kernel finds the image the hint leads into and makes the Kernel of it.
func (f *finder) kernel(h hint) (*Kernel, error) {
	space, err := f.space(h.root)
	if err != nil {
		return nil, err
	}
	low := h.addr - min(h.addr, maxKernelScan)
	for base := h.addr &^ (pageSize - 1); base >= low && base != 0; base -= pageSize {
		if mz, err := memsource.U16(space, base); err != nil || mz != 'M'|'Z'<<8 {
			continue
		}
		if img := readKernel(space, base); img != nil {
			return f.open(h, img)
		}
	}
	return nil, fmt.Errorf("%s: no kernel image below %s", h.from, hexaddr.Addr(h.addr))
}

// image is a kernel image in memory.
type image struct {
	*peimage.Headers
	space memsource.Source
	base  uint64
}

// readKernel returns the image at base if it is a kernel: its debug record
// says so, or its export directory where that record is out.
func readKernel(space memsource.Source, base uint64) *image {
	r := memsource.ReaderAt(space, base, maxImage)
	img := &image{peimage.ReadHeaders(r), space, base}
	if img.NTErr != nil || img.Machine != machineAMD64 {
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
	k := &Kernel{header: crashdump.Header{Bits: 64, Machine: img.Machine, DirectoryTableBase: h.root}, base: img.base}
	block, err := img.debuggerBlock()
	if err == nil {
		k.header.KdDebuggerDataBlock = block
		k.header.Build = buildOf(img.space, block)
	}
	k.layouts = LayoutsFor(k.header.Machine, k.header.Build)
	return k, k.translate(f.phys)
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
		if at := m.tagged(m.base+uint64(s.VirtualAddress), size); at != 0 {
			return at, nil
		}
	}
	return 0, malformed(m.base, "kernel without a debugger data block that can be read")
}

// tagged looks for the block in a range, page by page. Its tag is aligned, so
// that no page border cuts it.
func (m *image) tagged(start, size uint64) uint64 {
	tag, page := []byte("KDBG"), make([]byte, pageSize)
	for off := uint64(0); off < size; off += pageSize {
		n, _ := m.space.ReadMemory(page, start+off)
		for at := 0; ; at += len(tag) {
			i := bytes.Index(page[at:n], tag)
			if i < 0 {
				break
			}
			at += i
			block := start + off + uint64(at) - kdTag
			if d, err := openDebuggerData(m.space, block, 8); err == nil && block%8 == 0 {
				if base, err := d.value(kdKernBase); err == nil && base == m.base {
					return block
				}
			}
		}
	}
	return 0
}

// buildOf reads the build number off the text NtBuildLab, such as
// "19041.1.amd64fre.vb_release"; 0 when it cannot.
func buildOf(space memsource.Source, block uint64) uint32 {
	d, err := openDebuggerData(space, block, 8)
	if err != nil {
		return 0
	}
	at, err := d.value(kdNtBuildLab)
	if err != nil {
		return 0
	}
	b := make([]byte, 8)
	n, _ := space.ReadMemory(b, at)
	build := uint32(0)
	for _, c := range b[:n] {
		if c < '0' || c > '9' {
			break
		}
		build = build*10 + uint32(c-'0')
	}
	return build
}
