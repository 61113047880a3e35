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

// Config is what a walk needs besides registers. Its parts must be safe for
// concurrent use if walks run side by side.
type Config struct {
	// Memory is the target's memory as the thread sees it. Stacks are read from
	// here alone.
	Memory memsource.Source
	// Modules finds the module of an address. Nil means that no modules are
	// known.
	Modules Modules
	// Unloaded lists modules that were in the target before, to name return
	// addresses into them.
	Unloaded []Unloaded
	// StackLow and StackHigh bound the thread's stack: its lowest address and
	// the first behind it. Both 0: not known.
	StackLow, StackHigh uint64
	// MaxFrames ends a walk with [ErrTooManyFrames]. 0: DefaultMaxFrames.
	MaxFrames int
	// MaxRepeats ends a walk with [ErrRecursion] after that many frames of one
	// function in a row, as a stack that overflowed has them. 0:
	// DefaultMaxRepeats; negative: no limit but MaxFrames.
	MaxRepeats int
	// Guess lets walks on x64 and ARM64 follow frame pointers where unwind data
	// cannot be read; without it they end there. On x86 and ARM, where there
	// often is no better rule, walks always do.
	Guess bool
	// Cache keeps what was read of modules between walks. Nil: nothing is kept.
	Cache *Cache
	// Continue is asked when a walk ends, with the last frame and the reason,
	// nil at the end of the stack. It may return the registers from which the
	// walk goes on: those of the user stack behind a kernel one, or of the
	// 32-bit stack of a WOW64 thread. The first frame of these has the reason in
	// Lacks. Nil: the walk ends there.
	Continue func(last *Frame, reason error) (Context, bool)
}

// Modules finds modules. Implementations are safe for concurrent use.
type Modules interface {
	// Module returns the module whose bytes from Base to Base+Size hold addr,
	// or nil. It returns the same pointer for the same module.
	Module(addr uint64) *Module
}

// Module is an image in the target. It must not change while it is in use.
type Module struct {
	Name string // as the target lists it: untrusted
	Base uint64 // address
	Size uint32 // bytes

	// Image gives the bytes of the module. Nil: those of Config.Memory.
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

// Image gives the bytes of a module as they are mapped, from the target where
// they are in memory, else from a copy that belongs to it.
// Implementations are safe for concurrent use.
type Image interface {
	// ReadImage fills buf with the bytes at rva and says whose they are; where
	// a part came from a copy, that is the copy's. It fills all of buf or fails
	// with an error that says why, wrapping a [*memsource.Fault] where memory
	// is out. Bytes of a copy stand as in the file: not relocated.
	ReadImage(ctx context.Context, buf []byte, rva uint32) (Origin, error)
}

// ErrNone is returned by [Symbols] where nothing is known about an address.
var ErrNone = errors.New("no such record")

// Symbols knows about the functions of a module, mostly from its PDB. RVAs and
// sizes are in bytes. Every method returns an error that wraps [ErrNone] where
// there is no record. Implementations are safe for concurrent use.
type Symbols interface {
	// Function returns the function whose code holds rva.
	Function(ctx context.Context, rva uint32) (Function, error)
	// FrameData returns the record of x86 code that holds rva and begins last.
	FrameData(ctx context.Context, rva uint32) (FrameData, error)
	// FPO returns the old record of x86 code that holds rva.
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
