package eval

import (
	"context"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/pdb"
)

// Env is what expressions can speak of. A nil field means that there is nothing of
// its kind. The functions are called on the goroutine of the evaluation, once for
// each name in the expression; their errors become the Cause of an [*Error].
type Env struct {
	Bits     int    // width of the target's addresses: 32 or 64
	Kernel   bool   // numbers from 80000000 to ffffffff are extended by their sign
	Radix    int    // of numbers without a prefix: 8, 10 or 16; 0 is 16
	PageSize uint64 // in bytes; 0 is 4096

	Memory   memsource.Source // virtual memory
	Physical memsource.Source // physical memory, for $pby and its like

	// Register returns a register of the current context by its name in lower case,
	// without @, with zeros above it.
	Register func(name string) (Register, bool)
	// Pseudo returns a pseudo-register by its name in lower case, with its $ sign, other than
	// $ptrsize and $pagesize. The bool is false for a name that stands for none; an error
	// says that it has no value here.
	Pseudo func(ctx context.Context, name string) (Pseudo, bool, error)
	// Address returns the address of `module!name`, of `name` in any module, or of a module.
	Address func(ctx context.Context, name string) (uint64, error)
	// Entry returns the address of the entry point of the image at an address, for
	// $iment. Its error wraps [ErrImage] where there is no image.
	Entry func(ctx context.Context, addr uint64) (uint64, error)
	// Variable returns address and type of a variable or function, for C++.
	Variable func(ctx context.Context, name string) (uint64, pdb.Type, error)
	// Type returns a type by `module!name` or `name`.
	Type func(ctx context.Context, name string) (pdb.Type, error)
}

// Register is the value of a register.
type Register struct {
	Value uint64
	Bits  int // its width; of a part of a register the width of the whole
}

// Pseudo is the value of a pseudo-register.
type Pseudo struct {
	Value uint64
	// Type is what it points to or is, for C++; none means an unsigned number of the
	// target's width, and Pointer alone a pointer to bytes.
	Type    pdb.Type
	Pointer bool
}

// bits returns the width of addresses.
func (e *Env) bits() int {
	if e.Bits == 32 {
		return 32
	}
	return 64
}

// extend makes an address of the target 64 bits wide, as the debugger does: by its
// sign.
func (e *Env) extend(v uint64) uint64 {
	if e.bits() == 32 {
		return uint64(int64(int32(uint32(v))))
	}
	return v
}

// truncate makes an address for a read.
func (e *Env) truncate(v uint64) uint64 {
	if e.bits() == 32 {
		return uint64(uint32(v))
	}
	return v
}

func (e *Env) pageSize() uint64 {
	if e.PageSize == 0 {
		return 0x1000
	}
	return e.PageSize
}

func (e *Env) radix() int {
	switch e.Radix {
	case 8, 10:
		return e.Radix
	}
	return 16
}
