package minidump

import (
	"encoding/binary"
	"iter"
	"math"
	"sync"
)

// System is what the dump says about the machine.
type System struct {
	Machine    uint16 // IMAGE_FILE_MACHINE_* of the process; 0 unknown
	Processors int
	Major      uint32 // of the operating system, as is Minor
	Minor      uint32
	Build      uint32
	Platform   Platform
	// ServicePack is the text behind the version: of Windows its service pack, of
	// other systems what uname says.
	ServicePack string
}

// Context is the part of a thread's registers that unwinding starts from. The
// zero Context is an unknown one.
type Context struct{ IP, SP, FP uint64 }

// Thread is a MINIDUMP_THREAD. It is plain data.
type Thread struct {
	ID      uint32
	Name    string // "" for one without
	TEB     uint64
	Suspend uint32 // how often it was suspended and not resumed
	Stack   uint64 // address of the part of the stack that was saved
	Size    uint64 // and its size in bytes
	Context Context
	// Registers is the CONTEXT structure (winnt.h) with all registers, nil
	// where it cannot be read.
	Registers []byte
}

// Exception is the exception for which the dump was written.
type Exception struct {
	ThreadID   uint32
	Code       uint32 // EXCEPTION_*, an NTSTATUS; of another system see [Platform.ExceptionName]
	Flags      uint32
	Address    uint64   // of the instruction
	Parameters []uint64 // for an access violation: 0 read, 1 write, 8 execute; and the address
	Context    Context  // of the thread at the exception, not while the dump was written
	Registers  []byte   // the CONTEXT structure of the same, nil where it cannot be read
}

// Sizes of records (minidumpapiset.h).
const (
	threadSize    = 48
	exceptionSize = 168
	systemSize    = 28 // up to what is used
	maxThreads    = 1 << 16
	maxParameters = 15 // EXCEPTION_MAXIMUM_PARAMETERS
	maxRegisters  = 1 << 14
)

// Bits returns the width of the target's addresses, 32 or 64. It is 64 if the
// dump does not say.
func (f *File) Bits() int {
	switch f.system.Machine {
	case 0x14c, 0x1c4:
		return 32
	}
	return 64
}

// address brings an address of a 32-bit process into its range: some writers
// store them sign-extended.
func (f *File) address(a uint64) uint64 {
	if f.Bits() == 32 {
		return a & math.MaxUint32
	}
	return a
}

// System returns the system information, or the zero System if the dump has
// none.
func (f *File) System() System { return f.system }

func (f *File) readSystem() {
	_, b, err := f.head(SystemInfoStream, systemSize)
	if err != nil {
		return // everything but the width of addresses works without
	}
	f.system = System{
		Machine: machineOf(binary.LittleEndian.Uint16(b)), Processors: int(b[6]),
		Major: le32(b[8:]), Minor: le32(b[12:]), Build: le32(b[16:]), Platform: Platform(le32(b[20:])),
	}
	if at, left := le32(b[24:]), f.size; at != 0 {
		f.system.ServicePack, _ = f.text(uint64(at), &left) // a text that cannot be read is none
	}
}

// machineOf maps PROCESSOR_ARCHITECTURE_* (winnt.h) to IMAGE_FILE_MACHINE_*.
// 0x8003 is what Breakpad wrote for ARM64 before it was given a number.
func machineOf(architecture uint16) uint16 {
	return map[uint16]uint16{0: 0x14c, 5: 0x1c4, 6: 0x200, 9: 0x8664, 12: 0xaa64, 0x8003: 0xaa64}[architecture]
}

// Exception returns the exception in the dump. The error wraps [ErrNoStream] if
// it has none.
func (f *File) Exception() (Exception, error) {
	if f.user != nil {
		return f.userException()
	}
	_, b, err := f.head(ExceptionStream, exceptionSize)
	if err != nil {
		return Exception{}, err
	}
	left := f.size
	e := Exception{
		ThreadID: le32(b), Code: le32(b[8:]), Flags: le32(b[12:]), Address: f.address(le64(b[24:])),
		Context:   f.context(le32(b[160:]), le32(b[164:])),
		Registers: f.registers(le32(b[160:]), le32(b[164:]), &left),
	}
	for i := range min(int(le32(b[32:])&0xff), maxParameters) {
		e.Parameters = append(e.Parameters, le64(b[40+8*i:]))
	}
	return e, nil
}

// Threads lists the threads. Errors are as for [File.Modules].
func (f *File) Threads() iter.Seq2[Thread, error] {
	if f.user != nil {
		return f.userThreads()
	}
	t, err := f.counted(ThreadListStream, threadSize, maxThreads)
	names := sync.OnceValue(func() map[uint32]string {
		names, _ := f.threadNames() // a name that cannot be read is none
		return names
	})
	return list(f, t, err, func(b []byte, _ int64, left *uint64) Thread {
		return Thread{
			ID: le32(b), Name: names()[le32(b)], TEB: f.address(le64(b[16:])), Suspend: le32(b[4:]), Stack: f.address(le64(b[24:])), Size: uint64(le32(b[32:])),
			Context:   f.context(le32(b[40:]), le32(b[44:])),
			Registers: f.registers(le32(b[40:]), le32(b[44:]), left),
		}
	})
}

// contextLayout is where a CONTEXT structure (winnt.h) keeps the registers.
type contextLayout struct {
	ip, sp, fp uint64
	wide       bool
}

func (f *File) contextLayout() (contextLayout, bool) {
	l, ok := map[uint16]contextLayout{
		0x14c:  {ip: 0xb8, sp: 0xc4, fp: 0xb4},
		0x1c4:  {ip: 0x40, sp: 0x38, fp: 0x30}, // r11
		0x8664: {ip: 0xf8, sp: 0x98, fp: 0xa0, wide: true},
		0xaa64: {ip: 0x108, sp: 0x100, fp: 0xf0, wide: true}, // x29
	}[f.system.Machine]
	return l, ok
}

// context reads the CONTEXT of size bytes at off, as far as it can be used.
func (f *File) context(size, off uint32) Context {
	l, ok := f.contextLayout()
	if !ok {
		return Context{}
	}
	b, err := f.bytes("thread context", uint64(off), max(l.ip, l.sp, l.fp)+8)
	if err != nil || uint64(size) < uint64(len(b)) {
		return Context{}
	}
	if l.wide {
		return Context{IP: le64(b[l.ip:]), SP: le64(b[l.sp:]), FP: le64(b[l.fp:])}
	}
	return Context{IP: uint64(le32(b[l.ip:])), SP: uint64(le32(b[l.sp:])), FP: uint64(le32(b[l.fp:]))}
}

// registers reads the CONTEXT of size bytes at off as it stands. What the
// processor has beyond the structure of winnt.h is left out where it is large. Those of
// a list take no more than left: threads do not share them.
func (f *File) registers(size, off uint32, left *uint64) []byte {
	if size == 0 {
		return nil
	}
	b, _ := f.part("thread context", uint64(off), uint64(min(size, maxRegisters)), left) // nil is unknown
	return b
}
