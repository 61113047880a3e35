package symres

import (
	"errors"
	"fmt"

	"github.com/symres/symres/identify"
	"github.com/symres/symres/internal/filepool"
	"github.com/symres/symres/internal/wtext"
	"github.com/symres/symres/pattern"
	"github.com/symres/symres/sympath"
)

// The errors callers branch on, found with [errors.Is].
var (
	// ErrNoModule: no module has that name, or none covers that address.
	ErrNoModule = errors.New("no such module")
	// ErrNoSymbols: the module has no symbols that could be used. The error
	// is a [*LoadError], which carries the [Report].
	ErrNoSymbols = errors.New("symbols could not be loaded")
	// ErrNotFound: symbols were loaded, but none matches.
	ErrNotFound = errors.New("no symbol found")
	// ErrPattern: a symbol pattern that cannot be understood.
	ErrPattern = pattern.ErrSyntax
	// ErrMismatch: a file is not the one the target runs.
	ErrMismatch = identify.ErrMismatch
	// ErrModuleExists: the address range is taken by another module.
	ErrModuleExists = errors.New("module range is taken")
	// ErrFileChanged: a PDB or image was cut, written to or replaced while it
	// was in use. It is [sympath.ErrChanged].
	ErrFileChanged = sympath.ErrChanged
	// ErrClosed: the session was closed.
	ErrClosed = filepool.ErrClosed
)

// LoadError says that a module has no usable symbols. It unwraps to
// [ErrNoSymbols] and to the cause. Report lists everything that was tried.
type LoadError struct {
	Report *Report
	Err    error
}

// Error returns WinDbg's message and the cause.
func (e *LoadError) Error() string {
	return fmt.Sprintf("symbols could not be loaded for %s: %v", wtext.Printable(e.Report.Module.Image), e.Err)
}

// Unwrap returns [ErrNoSymbols] and the cause.
func (e *LoadError) Unwrap() []error { return []error{ErrNoSymbols, e.Err} }
