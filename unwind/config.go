package unwind

import (
	"context"
	"errors"

	"github.com/symres/symres/memsource"
)

// Machine is a processor, by its number in image headers (IMAGE_FILE_MACHINE_*
// of winnt.h).
type Machine uint16

// The machines.
const (
	X86   Machine = 0x014c
	ARM   Machine = 0x01c4 // Thumb-2
	X64   Machine = 0x8664
	ARM64 Machine = 0xaa64
)

// String returns the name debuggers give the machine.
func (m Machine) String() string {
	switch m {
	case X86:
		return "x86"
	case ARM:
		return "ARM"
	case X64:
		return "x64"
	case ARM64:
		return "ARM64"
	}
	return "unknown machine"
}

// Defaults of [Config].
const (
	DefaultMaxFrames  = 1024
	DefaultMaxRepeats = 128
)

// Config is the input of a walk besides registers. Its parts must be safe for
// concurrent use if walks run concurrently.
type Config struct {
	// Memory is the target's memory as the thread sees it. Stacks are read only
	// from it.
	Memory memsource.Source
	// Modules finds the module of an address. Nil means that no modules are
	// known.
	Modules Modules
	// Unloaded lists modules that were unloaded, to name return addresses in
	// them.
	Unloaded []Unloaded
	// StackLow and StackHigh bound the thread's stack: its lowest address and
	// the first behind it. Both 0: not known.
	StackLow, StackHigh uint64
	// MaxFrames ends a walk with [ErrTooManyFrames]. 0: DefaultMaxFrames.
	MaxFrames int
	// MaxRepeats ends a walk with [ErrRecursion] after that many consecutive
	// frames of one function, as in a stack overflow. 0: DefaultMaxRepeats;
	// negative: no limit but MaxFrames.
	MaxRepeats int
	// Guess lets walks on x64 and ARM64 follow frame pointers if unwind data
	// cannot be read; otherwise they end there. Walks on x86 and ARM always do
	// so, because there is often no better rule.
	Guess bool
	// Cache keeps data of modules between walks. Nil: nothing is kept.
	Cache *Cache
	// Continue is called when a walk ends, with the last frame and the reason,
	// which is nil at the end of the stack. It may return registers with which
	// the walk continues: those of the user stack after a kernel stack, or
	// those of the 32-bit stack of a WOW64 thread. The next frame then has the
	// reason in Lacks. Nil: the walk ends.
	Continue func(last *Frame, reason error) (Context, bool)
}

// Modules finds modules. Implementations are safe for concurrent use.
type Modules interface {
	// Module returns the module that contains addr, or nil. It returns the same
	// pointer for the same module.
	Module(addr uint64) *Module
}

// Module is an image in the target. It must not change while it is in use.
type Module struct {
	Name string // as the target lists it: untrusted
	Base uint64 // address
	Size uint32 // bytes

	// Image returns the bytes of the module. Nil: they are read from
	// Config.Memory.
	Image Image
	// Symbols knows about functions and frames of the module; x86 needs it.
	// Nil: nothing is known.
	Symbols Symbols
}

// Unloaded is a module that is no longer in the target.
type Unloaded struct {
	Name string // untrusted
	Base uint64 // address
	Size uint32 // bytes
}

// Image returns the bytes of a module in the memory layout, from the target if
// they are in memory, otherwise from a copy. Implementations are safe for
// concurrent use.
type Image interface {
	// ReadImage fills buf with the bytes at rva and returns their origin; if
	// any part comes from a copy, that is the origin of the copy. It fills all
	// of buf or returns an error, which wraps a [*memsource.Fault] if memory is
	// out. Bytes from a copy are as in the file, not relocated.
	ReadImage(ctx context.Context, buf []byte, rva uint32) (Origin, error)
}

// ErrNone is returned by [Symbols] if nothing is known about an address.
var ErrNone = errors.New("no such record")

// ErrNoSymbols is what an error of [Symbols] wraps besides ErrNone where the
// module has no symbols at all, so that none of its addresses is known.
var ErrNoSymbols = errors.New("the module has no symbols")

// Symbols knows about the functions of a module, mostly from its PDB. RVAs and
// sizes are in bytes. Every method returns an error that wraps [ErrNone] if
// there is no record. Implementations are safe for concurrent use.
type Symbols interface {
	// Function returns the function that contains rva.
	Function(ctx context.Context, rva uint32) (Function, error)
	// FrameData returns the record for x86 code that contains rva; of several,
	// the one that begins last.
	FrameData(ctx context.Context, rva uint32) (FrameData, error)
	// FPO returns the old record for x86 code that contains rva.
	FPO(ctx context.Context, rva uint32) (FPO, error)
}

// Function is a function by its symbol.
type Function struct {
	Name      string // as the linker has it; untrusted
	RVA, Size uint32 // Size 0: not known
	Proof     Proof  // of the symbols

	// HasFrame says that the size of the frame is known (cvinfo.h,
	// FRAMEPROCSYM): between BodyStart and BodyEnd, offsets from RVA, Frame
	// bytes are allocated and SavedRegs bytes of registers saved.
	HasFrame           bool
	BodyStart, BodyEnd uint32
	Frame, SavedRegs   uint32
}

// FrameData is a record about an x86 frame (cvinfo.h, FRAMEDATA).
type FrameData struct {
	RVA, Size          uint32
	Locals, Params     uint32 // bytes
	PrologSize         uint16 // bytes
	SavedRegs          uint16 // bytes
	SEH, CPPEH, Begins bool   // Begins: the record is the first of its function
	Program            string // untrusted
	Proof              Proof  // of the symbols
}

// FPO is an older record about an x86 frame (winnt.h, FPO_DATA).
type FPO struct {
	RVA, Size   uint32
	Locals      uint32 // bytes
	Params      uint32 // bytes
	PrologSize  uint8  // bytes
	SavedRegs   uint8  // registers
	SEH, UsesBP bool
	Type        FPOType
	Proof       Proof // of the symbols
}

// FPOType is the kind of frame of an [FPO] record.
type FPOType uint8

// The kinds, by their numbers in winnt.h.
const (
	FPOFrame    FPOType = iota // no frame pointer
	FPOTrap                    // a KTRAP_FRAME
	FPOTSS                     // a task switch
	FPONonFrame                // a frame pointer
)
