package crashdump

import (
	"encoding/binary"
	"fmt"
)

// Bits of [Header.MiniDumpFields]: the parts a triage dump has.
const (
	FieldContext      = 0x001
	FieldException    = 0x002
	FieldPrcb         = 0x004
	FieldProcess      = 0x008
	FieldThread       = 0x010
	FieldStack        = 0x020
	FieldDrivers      = 0x040
	FieldBrokenDriver = 0x080
	FieldMm           = 0x100
	FieldDataPage     = 0x200
	FieldDebuggerData = 0x400
	FieldDataBlocks   = 0x800
)

// TriageHeader is TRIAGE_DUMP32 or TRIAGE_DUMP64, which follows the header of a
// triage dump. Offsets are bytes from the start of the file, sizes bytes. It is
// plain data and not checked; a field that was never written is 0.
type TriageHeader struct {
	ServicePackBuild uint32
	SizeOfDump       uint32
	ValidOffset      uint32 // of the marker that is written last
	Complete         bool   // the marker is there

	ContextOffset, ExceptionOffset, MmOffset, UnloadedDriversOffset    uint32
	PrcbOffset, ProcessOffset, ThreadOffset                            uint32
	CallStackOffset, SizeOfCallStack                                   uint32
	DriverListOffset, DriverCount, StringPoolOffset, StringPoolSize    uint32
	BrokenDriverOffset, TriageOptions                                  uint32
	TopOfStack, DataPageAddress                                        uint64
	DataPageOffset, DataPageSize, DebuggerDataOffset, DebuggerDataSize uint32
	DataBlocksOffset, DataBlocksCount                                  uint32
}

const (
	triageSize64 = 0x80
	triageSize32 = 0x68
	triageValid  = 0x44475254 // 'TRGD' as it lies in the file
)

// Triage returns the triage header; ok is false for other types of dump and
// for a file that ends before it.
func (f *File) Triage() (h TriageHeader, ok bool) {
	return f.triage, f.triage.DriverListOffset != 0 || f.triage.DataBlocksOffset != 0
}

// readTriageHeader fills f.triage; what is wrong goes to the problems, because
// the dump header is still worth having.
func (f *File) readTriageHeader() {
	n, parse := triageSize64, parseTriage64
	if f.header.Bits == 32 {
		n, parse = triageSize32, parseTriage32
	}
	b := make(rawHeader, n)
	if err := f.readFull("triage header", b, f.header.size()); err != nil {
		f.problems = append(f.problems, err)
		return
	}
	f.triage = parse(b)
	var mark [4]byte
	err := f.readFull("triage end marker", mark[:], uint64(f.triage.ValidOffset))
	if f.triage.Complete = binary.LittleEndian.Uint32(mark[:]) == triageValid; !f.triage.Complete && err == nil {
		err = fmt.Errorf("crash dump: no end marker at offset %#x, the dump was not finished: %w", f.triage.ValidOffset, ErrFormat)
	}
	f.problems = appendError(f.problems, err)
}

// parseTriageCommon reads the part both widths share.
func parseTriageCommon(b rawHeader) TriageHeader {
	return TriageHeader{
		ServicePackBuild: b.u32(0x00), SizeOfDump: b.u32(0x04), ValidOffset: b.u32(0x08),
		ContextOffset: b.u32(0x0c), ExceptionOffset: b.u32(0x10), MmOffset: b.u32(0x14),
		UnloadedDriversOffset: b.u32(0x18), PrcbOffset: b.u32(0x1c), ProcessOffset: b.u32(0x20),
		ThreadOffset: b.u32(0x24), CallStackOffset: b.u32(0x28), SizeOfCallStack: b.u32(0x2c),
		DriverListOffset: b.u32(0x30), DriverCount: b.u32(0x34), StringPoolOffset: b.u32(0x38),
		StringPoolSize: b.u32(0x3c), BrokenDriverOffset: b.u32(0x40), TriageOptions: b.u32(0x44),
	}
}

func parseTriage64(b rawHeader) TriageHeader {
	h := parseTriageCommon(b)
	h.TopOfStack, h.DataPageAddress = b.u64(0x48), b.u64(0x60)
	h.DataPageOffset, h.DataPageSize = b.u32(0x68), b.u32(0x6c)
	h.DebuggerDataOffset, h.DebuggerDataSize = b.u32(0x70), b.u32(0x74)
	h.DataBlocksOffset, h.DataBlocksCount = b.u32(0x78), b.u32(0x7c)
	return h
}

func parseTriage32(b rawHeader) TriageHeader {
	h := parseTriageCommon(b)
	h.TopOfStack, h.DataPageAddress = uint64(b.u32(0x48)), uint64(b.u32(0x4c))
	h.DataPageOffset, h.DataPageSize = b.u32(0x50), b.u32(0x54)
	h.DebuggerDataOffset, h.DebuggerDataSize = b.u32(0x58), b.u32(0x5c)
	h.DataBlocksOffset, h.DataBlocksCount = b.u32(0x60), b.u32(0x64)
	return h
}
