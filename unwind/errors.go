package unwind

import (
	"errors"
	"fmt"

	"github.com/symres/symres/internal/hexaddr"
)

// Errors for errors.Is: why a walk could not continue. If a page is out, the
// error matches the errors of package memsource too.
var (
	// ErrUnwindData: unwind data or records are invalid.
	ErrUnwindData = errors.New("unwind data is not valid")
	// ErrUnsupported: the unwind data has a form that is not supported.
	ErrUnsupported = errors.New("unwind data is not supported")
	// ErrUnreadable: unwind data, code or stack cannot be read.
	ErrUnreadable = errors.New("needed bytes cannot be read")
	// ErrNoModule: the address is in no module.
	ErrNoModule = errors.New("address is in no module")
	// ErrNoProgress: the caller's frame would not be above this one.
	ErrNoProgress = errors.New("stack pointer does not rise")
	// ErrRegister: a required register is unknown.
	ErrRegister = errors.New("register is not known")
	// ErrTooManyFrames: there are more frames than Config.MaxFrames.
	ErrTooManyFrames = errors.New("too many frames")
	// ErrRecursion: one function has more frames in a row than
	// Config.MaxRepeats.
	ErrRecursion = errors.New("too many frames of one function")
	// ErrTooMuchWork: the walk would take far too much work, as forged data can
	// require.
	ErrTooMuchWork = errors.New("walk takes too much work")
	// ErrMachine: the machine of the registers is not supported.
	ErrMachine = errors.New("machine is not supported")
)

// errNoEntry is why a caller cannot be found for lack of unwind data.
var errNoEntry = fmt.Errorf("%w: a function that calls has none", ErrUnwindData)

// Error says at which frame a walk ended and why.
type Error struct {
	PC, SP uint64 // of the frame whose caller could not be found
	Module string // name of its module, "" where it is in none; untrusted
	What   string // what was being looked at, such as "function table"
	Err    error  // why; matches the sentinels
}

// Error describes the end of the walk on one line.
func (e *Error) Error() string {
	where := hexaddr.Addr(e.PC)
	if e.Module != "" {
		where += fmt.Sprintf(" in %q", e.Module)
	}
	return fmt.Sprintf("unwinding %s: %s: %v", where, e.What, e.Err)
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }
