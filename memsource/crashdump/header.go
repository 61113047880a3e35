package crashdump

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/symres/symres/internal/wtext"
)

// Sizes of the two headers; pages or the triage header follow (kdmp-parser, volatility3).
const (
	headerSize64 = 0x2000
	headerSize32 = 0x1000
)

// fill is 'PAGE': Windows prepares a header with it, so a field that still
// holds it was never written.
const fill = 0x45474150

// DumpType is the DumpType field of the header. The names follow what Windows
// and other readers call the numbers.
type DumpType uint32

// The known dump types. All types that contain memory can be read.
const (
	TypeFull         DumpType = 1 // every page of physical memory, in runs
	TypeSummary      DumpType = 2 // kernel pages, the form of Windows 2000 to 7
	TypeHeaderOnly   DumpType = 3
	TypeTriage       DumpType = 4 // "small memory dump": pieces of virtual memory and the driver list
	TypeBitmapFull   DumpType = 5
	TypeBitmapKernel DumpType = 6  // kernel, active-memory and live dumps
	TypeAutomatic    DumpType = 7  // read by what is behind the header
	TypeKernelK      DumpType = 8  // .dump /k: rows of pages, as in the two that follow
	TypeKernelKA     DumpType = 9  // .dump /ka
	TypeKernelF      DumpType = 10 // .dump /f
)

// String names the type in words; an unknown one is given as a number.
func (t DumpType) String() string {
	names := [...]string{TypeFull: "full", TypeSummary: "kernel summary", TypeHeaderOnly: "header only", TypeTriage: "triage",
		TypeBitmapFull: "bitmap full", TypeBitmapKernel: "bitmap kernel", TypeAutomatic: "automatic",
		TypeKernelK: ".dump /k", TypeKernelKA: ".dump /ka", TypeKernelF: ".dump /f"}
	if int64(t) < int64(len(names)) && names[t] != "" {
		return names[t]
	}
	return fmt.Sprintf("type %#x", uint32(t))
}

// Header is the dump header (DUMP_HEADER32, DUMP_HEADER64). A field that was
// never written, which Windows marks with the pattern 'PAGE', is 0 or "".
// Virtual addresses of a 32-bit dump are 32 bits wide. A Header is plain data.
type Header struct {
	Bits    int    // 32 or 64: the width of the header and of virtual addresses
	Machine uint16 // IMAGE_FILE_MACHINE_*: 014c, 8664, 01c4, aa64, 0200
	Major   uint32 // 0xF for a free build of Windows, 0xC for a checked one
	Build   uint32 // the build number, such as 2600 or 19041

	DirectoryTableBase  uint64 // physical address of the page tables of the process that was running
	PfnDatabase         uint64
	PsLoadedModuleList  uint64 // address of the head of the loaded-driver list
	PsActiveProcessHead uint64
	KdDebuggerDataBlock uint64

	Processors         uint32
	BugCheckCode       uint32
	BugCheckParameters [4]uint64

	PAE               bool // 32-bit: the page tables have the PAE form
	Type              DumpType
	MiniDumpFields    uint32        // Triage: which parts are present
	RequiredDumpSpace uint64        // bytes; a triage file may be shorter, see [File.Problems]
	SystemTime        time.Time     // UTC, zero when absent
	SystemUpTime      time.Duration // 0 when absent
	Version           string        // VersionUser
	Comment           string
}

// rawHeader reads fields at fixed offsets; the caller has checked the length.
type rawHeader []byte

func (b rawHeader) u32(off int) uint32 {
	if v := binary.LittleEndian.Uint32(b[off:]); v != fill {
		return v
	}
	return 0
}

func (b rawHeader) u64(off int) uint64 {
	if v := binary.LittleEndian.Uint64(b[off:]); v != fill<<32|fill {
		return v
	}
	return 0
}

// text reads a character field, which is absent when it begins with the pattern.
func (b rawHeader) text(off, n int) string {
	if b.u32(off) == 0 { // empty or never written: both start so
		return ""
	}
	return wtext.FromBytes(b[off : off+n])
}

// filetime converts 100 ns units since 1601.
func (b rawHeader) filetime(off int) time.Time {
	const unixEpoch = 116444736000000000
	v := b.u64(off)
	if v < unixEpoch {
		return time.Time{}
	}
	v -= unixEpoch
	return time.Unix(int64(v/1e7), int64(v%1e7)*100).UTC()
}

func (b rawHeader) ticks(off int) time.Duration {
	v := b.u64(off)
	if v > math.MaxInt64/100 {
		return 0
	}
	return time.Duration(v) * 100
}

func parseHeader64(b rawHeader) Header {
	h := Header{
		Bits: 64, Major: b.u32(0x08), Build: b.u32(0x0c),
		DirectoryTableBase: b.u64(0x10), PfnDatabase: b.u64(0x18),
		PsLoadedModuleList: b.u64(0x20), PsActiveProcessHead: b.u64(0x28),
		Machine: uint16(b.u32(0x30)), Processors: b.u32(0x34), BugCheckCode: b.u32(0x38),
		Version: b.text(0x60, 32), KdDebuggerDataBlock: b.u64(0x80),
		Type: DumpType(b.u32(0xf98)), RequiredDumpSpace: b.u64(0xfa0),
		SystemTime: b.filetime(0xfa8), Comment: b.text(0xfb0, 128),
		SystemUpTime: b.ticks(0x1030), MiniDumpFields: b.u32(0x1038),
	}
	for i := range h.BugCheckParameters {
		h.BugCheckParameters[i] = b.u64(0x40 + 8*i)
	}
	return h
}

func parseHeader32(b rawHeader) Header {
	h := Header{
		Bits: 32, Major: b.u32(0x08), Build: b.u32(0x0c),
		DirectoryTableBase: uint64(b.u32(0x10)), PfnDatabase: uint64(b.u32(0x14)),
		PsLoadedModuleList: uint64(b.u32(0x18)), PsActiveProcessHead: uint64(b.u32(0x1c)),
		Machine: uint16(b.u32(0x20)), Processors: b.u32(0x24), BugCheckCode: b.u32(0x28),
		Version: b.text(0x3c, 32), PAE: b[0x5c] == 1, KdDebuggerDataBlock: uint64(b.u32(0x60)),
		Comment: b.text(0x820, 128), Type: DumpType(b.u32(0xf88)), MiniDumpFields: b.u32(0xf8c),
		RequiredDumpSpace: b.u64(0xfa0), SystemUpTime: b.ticks(0xfb8), SystemTime: b.filetime(0xfc0),
	}
	for i := range h.BugCheckParameters {
		h.BugCheckParameters[i] = uint64(b.u32(0x2c + 4*i))
	}
	return h
}

// size is where the header ends in the file.
func (h Header) size() uint64 {
	if h.Bits == 32 {
		return headerSize32
	}
	return headerSize64
}

// pageShift is the binary logarithm of the page size: IA-64 has 8 KB pages.
func (h Header) pageShift() uint {
	if h.Machine == 0x0200 {
		return 13
	}
	return 12
}

// address cuts a virtual address to the width of the target: 32-bit dumps
// store some of them sign-extended to 64 bits.
func (h Header) address(a uint64) uint64 {
	if h.Bits == 32 {
		return a & math.MaxUint32
	}
	return a
}
