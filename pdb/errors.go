package pdb

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/symres/symres/internal/msf"
	"github.com/symres/symres/internal/wire"
)

var (
	// ErrFormat means that bytes violate the PDB format, or are not a PDB at
	// all. Errors of this kind are [*FormatError] or [*KindError].
	ErrFormat = msf.ErrFormat
	// ErrUnsupported means that the file contains symbols in a format that this
	// package does not read yet.
	ErrUnsupported = errors.New("not supported yet")
	// ErrNotFound means that a valid PDB does not contain the requested item,
	// such as a type with that name, or the size of a type that is only
	// declared.
	ErrNotFound = errors.New("not found")
	// ErrClosed means that the File was used after Close. It is [fs.ErrClosed].
	ErrClosed = fs.ErrClosed
	// ErrLimit means that a query would take far more work than the size of the
	// file warrants, because many parts of the file refer to the same few
	// bytes. No linker writes such a file. Results that were returned before
	// the error are correct but incomplete. Errors of this kind satisfy
	// errors.Is(err, [ErrFormat]) too.
	ErrLimit = msf.ErrLimit
)

// FormatError says where a PDB breaks the rules of its format.
// It satisfies errors.Is(err, [ErrFormat]).
type FormatError struct {
	Section string // what was being read, such as "stream 3 (DBI)"
	Offset  int64  // byte offset inside the section
	Err     error  // what is wrong

	lost bool // bytes are missing from the file, rather than wrong
}

// Error implements the error interface.
func (e *FormatError) Error() string {
	return fmt.Sprintf("pdb: %s+%#x: %v", e.Section, e.Offset, e.Err)
}

// Unwrap returns the cause.
func (e *FormatError) Unwrap() error { return e.Err }

// Is reports whether target is [ErrFormat].
func (e *FormatError) Is(target error) bool { return target == ErrFormat }

// formatError makes the errors of the container.
func formatError(section string, off int64, lost bool, err error) error {
	return &FormatError{Section: section, Offset: off, Err: err, lost: lost}
}

// damage makes a FormatError.
func damage(section string, off int64, format string, args ...any) error {
	return &FormatError{Section: section, Offset: off, Err: fmt.Errorf(format, args...)}
}

// fatal reports whether err leaves a question without an answer: it is about
// reading, or about bytes the file has lost, not about bytes that are wrong.
func fatal(err error) bool {
	if err == nil {
		return false // without room for e: this is asked all the time
	}
	var e *FormatError
	return !errors.As(err, &e) || e.lost
}

// cursorErr turns the failure of a cursor into a FormatError.
func cursorErr(err error) error {
	var e *wire.Error
	if errors.As(err, &e) {
		return &FormatError{Section: e.Section, Offset: e.Offset, Err: e.Err}
	}
	return err
}
