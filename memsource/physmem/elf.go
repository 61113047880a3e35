package physmem

import (
	"encoding/binary"
	"fmt"

	"github.com/symres/symres/memsource/paging"
)

// Values of ELF headers (elf.h).
const (
	elfCore      = 4      // e_type ET_CORE
	elfLoad      = 1      // p_type PT_LOAD
	elfNote      = 4      // p_type PT_NOTE
	elfManyHeads = 0xffff // e_phnum PN_XNUM: the count is in the first section header

	elfMachine386   = 3
	elfMachineX64   = 62
	elfMachineARM64 = 183
)

// IMAGE_FILE_MACHINE_* values (winnt.h).
const (
	machineI386  = 0x014c
	machineAMD64 = 0x8664
	machineARM64 = 0xaa64
)

// elfType returns e_type; first has SniffLen bytes.
func elfType(first []byte) uint16 {
	if first[5] == 2 {
		return binary.BigEndian.Uint16(first[16:])
	}
	return binary.LittleEndian.Uint16(first[16:])
}

// elfShape is where things are in the headers of one class.
type elfShape struct {
	header, program      int // sizes
	phoff, shoff         int // in the header
	phentsize            int // and e_phnum behind it
	info                 int // sh_info in a section header
	offset, paddr, bytes int // in a program header
	memory               int
}

func elfShapeOf(class byte) (elfShape, bool) {
	switch class {
	case 1:
		return elfShape{header: 52, program: 32, phoff: 28, shoff: 32, phentsize: 42, info: 28, offset: 4, paddr: 12, bytes: 16, memory: 20}, true
	case 2:
		return elfShape{header: 64, program: 56, phoff: 32, shoff: 40, phentsize: 54, info: 44, offset: 8, paddr: 24, bytes: 32, memory: 40}, true
	}
	return elfShape{}, false
}

// word reads a field as wide as the class.
func (s elfShape) word(b []byte, at int) uint64 {
	if s.header == 52 {
		return uint64(binary.LittleEndian.Uint32(b[at:]))
	}
	return binary.LittleEndian.Uint64(b[at:])
}

// readELF reads the program headers: segments are ranges by their physical
// address, notes have the processors.
func (f *File) readELF() error {
	head := make([]byte, min(f.size, 64))
	if err := f.read("ELF header", head, 0); err != nil {
		return err
	}
	s, ok := elfShapeOf(head[4])
	if !ok || len(head) < s.header {
		return fmt.Errorf("memory image: ELF header of class %d in %d bytes: %w", head[4], len(head), ErrFormat)
	}
	if head[5] != 1 {
		return fmt.Errorf("memory image: ELF core of a big-endian machine: %w", ErrUnsupported)
	}
	le := binary.LittleEndian
	f.machine = map[uint16]uint16{elfMachine386: machineI386, elfMachineX64: machineAMD64, elfMachineARM64: machineARM64}[le.Uint16(head[18:])]
	size, count := uint64(le.Uint16(head[s.phentsize:])), uint64(le.Uint16(head[s.phentsize+2:]))
	if count == elfManyHeads {
		var b [64]byte
		if err := f.read("first section header", b[:s.info+4], s.word(head, s.shoff)); err != nil {
			return err
		}
		count = uint64(le.Uint32(b[s.info:]))
	}
	if size < uint64(s.program) {
		return fmt.Errorf("memory image: program headers of %d bytes: %w", size, ErrFormat)
	}
	return f.readSegments(s, s.word(head, s.phoff), size, count)
}

// readSegments reads count program headers.
func (f *File) readSegments(s elfShape, off, size, count uint64) error {
	if count > maxRanges {
		f.problem("memory image: %d program headers, more than the %d that are read: %w", count, maxRanges, ErrFormat)
		count = maxRanges
	}
	physical := false
	b := make([]byte, s.program)
	for i := range count {
		if off > f.size { // and so no sum can wrap
			f.problem("memory image: program header %d is beyond the end of the file: %w", i, ErrFormat)
			break
		}
		if err := f.read("program header", b, off); err != nil {
			f.problem("%w", err)
			break
		}
		off += size
		at, length := s.word(b, s.offset), s.word(b, s.bytes)
		switch binary.LittleEndian.Uint32(b) {
		case elfNote:
			f.readNotes(at, length)
		case elfLoad:
			physical = physical || s.word(b, s.paddr) != 0
			f.add(Range{Address: s.word(b, s.paddr), Size: length, Offset: int64(at)})
		}
	}
	if !physical && len(f.cpus) == 0 && len(f.ranges) > 1 {
		return fmt.Errorf("memory image: the core of a process, whose segments have no physical address: %w", ErrUnsupported)
	}
	return nil
}

// CPU is the state of an x86 or x64 processor in the image.
type CPU struct {
	Mode          paging.Mode // of its page tables; 0 while it uses none
	IP            uint64      // rip
	CR0, CR3, CR4 uint64
	IDT           uint64 // address of the interrupt descriptor table
	KernelGS      uint64 // the other GS base, that of the kernel while user code runs
}

// Notes of QEMU have the name QEMU and the type 0; the state of a processor is
// version 1 and 1b8 bytes (offsets computed from QEMU's field order; cr0 and
// cr3 measured).
const (
	maxNotes   = 1 << 20 // bytes read of a note segment
	cpuState   = 0x1b8
	cpuIP      = 0x88
	cpuIDT     = 0x180
	cpuCR0     = 0x188
	cpuCR3     = 0x1a0
	cpuCR4     = 0x1a8
	cpuKernel  = 0x1b0
	maxCPUs    = 4096
	noteHeader = 12
)

// readNotes looks for the states of processors in a note segment.
func (f *File) readNotes(off, size uint64) {
	b := make([]byte, min(size, maxNotes, f.size-min(off, f.size)))
	if err := f.read("notes", b, off); err != nil {
		f.problem("%w", err)
		return
	}
	le := binary.LittleEndian
	for len(b) >= noteHeader && len(f.cpus) < maxCPUs {
		name, desc := uint64(le.Uint32(b)), uint64(le.Uint32(b[4:]))
		rest := b[noteHeader:]
		padded := name + -name&3
		if padded > uint64(len(rest)) || desc > uint64(len(rest))-padded {
			f.problem("memory image: a note is longer than its segment: %w", ErrFormat)
			return
		}
		body := rest[padded : padded+desc]
		if string(rest[:name]) == "QEMU\x00" && desc >= cpuState && le.Uint32(body) == 1 {
			c := CPU{
				IP: le.Uint64(body[cpuIP:]), IDT: le.Uint64(body[cpuIDT:]), KernelGS: le.Uint64(body[cpuKernel:]),
				CR0: le.Uint64(body[cpuCR0:]), CR3: le.Uint64(body[cpuCR3:]), CR4: le.Uint64(body[cpuCR4:]),
			}
			c.Mode = f.mode(c)
			f.cpus = append(f.cpus, c)
		}
		b = rest[min(padded+desc+-desc&3, uint64(len(rest))):]
	}
}

// mode is the format of the page tables a processor walked, 0 for none.
func (f *File) mode(c CPU) paging.Mode {
	const pg, pae, la57 = 1 << 31, 1 << 5, 1 << 12
	switch {
	case c.CR0&pg == 0:
		return 0
	case f.machine == machineAMD64 && c.CR4&la57 != 0:
		return paging.ModeLA57
	case f.machine == machineAMD64:
		return paging.ModeX64
	case c.CR4&pae != 0:
		return paging.ModePAE
	}
	return paging.ModeX86
}
