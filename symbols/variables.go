package symbols

import (
	"errors"
	"iter"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/unwind"
)

// Locals knows the parameters and local variables of functions: a [Table] may
// implement it. Implementations are safe for concurrent use.
type Locals interface {
	// Variables yields the variables that can be named at the frame's
	// LookupPC, and where they are while the code there runs: those of the
	// function and of the functions inlined there, parameters first, in the
	// order of the source as far as that is known. An error comes last.
	Variables(f *StackFrame) iter.Seq2[Variable, error]
}

// StackFrame is a frame of a stack, with what places of variables are found by.
type StackFrame struct {
	unwind.Frame
	// CFA is the stack pointer before the function was called: on x86 and x64
	// the address behind the return address. 0: not known.
	CFA uint64
	// Leaving says that the function is about to return, and may have restored
	// the registers that places are counted from.
	Leaving bool
	// Memory is what the thread sees. Nil: none.
	Memory memsource.Source
}

// Why the value of a variable is not known. The errors of [Variable] and [Piece]
// wrap one of them, or a [*memsource.Fault], or are those of reading the symbols.
var (
	// ErrOptimizedOut is of a variable that is nowhere at an address.
	ErrOptimizedOut = errors.New("optimised out")
	// ErrNotSaved is of a register whose value in the frame is not known: a
	// function that was called did not save it.
	ErrNotSaved = errors.New("the register was not saved")
	// ErrNoFrame is of a variable on the stack where the code has not yet made
	// the frame, or has left it.
	ErrNoFrame = errors.New("the code is in the prologue, or may be in the epilogue: there is no frame")
	// ErrNoBase is of a variable that is counted from the beginning of the frame,
	// where the walk did not find that.
	ErrNoBase = errors.New("where its frame begins is not known")
	// ErrPlace is of a place that is given in a way that is not read.
	ErrPlace = errors.New("its place is given in a way that is not read")
)

// Variable is a parameter or a local variable in a frame. It owns its memory,
// but for the function in its type.
type Variable struct {
	Name  string // untrusted
	Param bool
	Depth int // functions that were inlined around it: 0 of the one that has the frame
	Type  ValueType
	// Pieces are the parts of the value that are somewhere, in no order.
	Pieces []Piece
	// Err says why there are no pieces: it wraps [ErrOptimizedOut].
	Err error
}

// Piece is some bytes of a variable, and where they are.
type Piece struct {
	At   uint32 // where in the variable they begin
	Size uint32 // bytes; 0: all that follows
	// Place says where they are, as debuggers write it: "@ebx", "@rsp+0x40", ""
	// for a constant.
	Place string
	// InMemory says that they are at Address; else Value has them, or what is
	// known of them.
	InMemory bool
	Address  uint64
	Value    []byte
	// Err says why nothing is known; then there is neither.
	Err error
}

// Form says how values of a type are shown.
type Form uint8

// The forms.
const (
	FormOther Form = iota // structures and whatever else has no value in one piece
	FormInt               // signed
	FormUint
	FormBool
	FormChar  // text of 1, 2 or 4 bytes
	FormFloat // IEEE, of 4 or 8 bytes
	FormPointer
	FormEnum
	FormArray // elements, without a value of their own
)

// ValueType is what has to be known of a type to show a value of it.
type ValueType struct {
	Name string // as the language spells it; untrusted
	Size uint64 // bytes; 0: not known
	Form Form
	// Elem and ElemSize say what a pointer points to and what an array
	// consists of, if that is plain: text is shown.
	Elem     Form
	ElemSize uint64
	// Constant names the constant of an enumeration that has the value, "" for
	// none. It is nil for other types. It is good while the symbols are open.
	Constant func(value uint64) string
}
