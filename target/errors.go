package target

import (
	"errors"
	"fmt"
	"strings"

	"github.com/symres/symres/memsource/crashdump"
	"github.com/symres/symres/nt"
)

var (
	// ErrFormat means that a file is nothing that can be opened as a target.
	ErrFormat = errors.New("not a crash dump, a minidump or a memory image")
	// ErrNoProcess means that the target has no process that was asked for, or
	// that none was asked for.
	ErrNoProcess = errors.New("no such process")
	// ErrNoRecord means that the target keeps no record of the kind asked for.
	ErrNoRecord = errors.New("the target keeps no such record")
	// ErrNoPhysical means that a stub reads no physical memory.
	ErrNoPhysical = errors.New("it reads no physical memory, so that a kernel cannot be looked for")
)

// OptionError says that one of the [Options] is invalid. If the option does not
// fit this kind of target, Err wraps [nt.ErrNoKernel].
type OptionError struct {
	Option string // the name of the field
	Err    error
}

// Error names the option and says what is wrong with it.
func (e *OptionError) Error() string { return fmt.Sprintf("option %s: %v", e.Option, e.Err) }

// Unwrap returns what is wrong.
func (e *OptionError) Unwrap() error { return e.Err }

// HeaderError says that no more than the header of a kernel dump can be used. The
// header may say why the dump was made.
type HeaderError struct {
	Header crashdump.Header
	Err    error
}

// Error says why the rest cannot be used.
func (e *HeaderError) Error() string { return e.Err.Error() }

// Unwrap returns why.
func (e *HeaderError) Unwrap() error { return e.Err }

// ProcessError says that Options.Process matches no process, or several. If it
// matches none, errors.Is reports [ErrNoProcess].
type ProcessError struct {
	Name     string
	Found    []nt.Process // the processes with that name, if there are several
	Among    int          // how many processes there are
	Problems []error      // problems with the process list, which may hide the process
}

// Error lists the processes that match, or says how many were searched.
func (e *ProcessError) Error() string {
	if len(e.Found) > 0 {
		return fmt.Sprintf("process %s is one of %s: give its PID or address", e.Name, e.List())
	}
	first := fmt.Errorf("no process %s among %d", e.Name, e.Among)
	return errors.Join(append([]error{first}, e.Problems...)...).Error()
}

// List returns the processes found in words.
func (e *ProcessError) List() string {
	var words []string
	for _, p := range e.Found {
		words = append(words, fmt.Sprintf("%s (pid %x)", p.Name, p.PID))
	}
	return strings.Join(words, ", ")
}

// Is makes the error match [ErrNoProcess].
func (e *ProcessError) Is(target error) bool { return target == ErrNoProcess && len(e.Found) == 0 }

// Unwrap returns the problems of the list.
func (e *ProcessError) Unwrap() []error { return e.Problems }

// RoadWarning says that some or all modules of a process do not come from its
// loader lists.
type RoadWarning struct {
	Process nt.Process
	Modules nt.UserModules
}

// Error gives the reason, in kd's words if the PEB is paged out, and the source
// of the modules.
func (w *RoadWarning) Error() string {
	text := fmt.Sprintf("%d modules of %s taken from %v", len(w.Modules.Modules), w.Process.Name, w.Modules.Road)
	if w.Modules.PEB != nil {
		text = w.Modules.PEB.Error() + "; " + text
	}
	return text
}

// Unwrap returns why the loader's lists could not be reached, or nil.
func (w *RoadWarning) Unwrap() error { return w.Modules.PEB }
