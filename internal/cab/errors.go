package cab

import (
	"archive/zip"
	"compress/flate"
	"compress/gzip"
	"errors"
	"fmt"
	"io"

	"github.com/symres/symres/internal/wire"
)

// Sentinels for errors.Is. A method that is known but not supported is a
// [MethodError], an exceeded limit a [LimitError].
var (
	// ErrFormat means the file is none of the containers this package knows.
	ErrFormat = errors.New("not a cabinet, zip or gzip file")
	// ErrCorrupt means the container contradicts itself, fails a checksum or
	// ends too early; in the last case the error also is [io.ErrUnexpectedEOF].
	ErrCorrupt = errors.New("corrupt container")
	// ErrSpanned means data lies in another cabinet of a set.
	ErrSpanned = errors.New("data continues in another cabinet of a set")
	// ErrMembers means [Expand] found no member or more than one.
	ErrMembers = errors.New("container does not hold exactly one file")
	// ErrTooLarge means a limit was reached; the error is a [LimitError].
	ErrTooLarge = errors.New("expanded file too large")
)

// MethodError names a compression method or container that is recognised but
// cannot be read. It is [errors.ErrUnsupported].
type MethodError struct {
	Method string // such as "Quantum" or "SZDD"
}

// Error implements the error interface.
func (e *MethodError) Error() string { return "unsupported compression method " + e.Method }

// Unwrap makes the error match [errors.ErrUnsupported].
func (e *MethodError) Unwrap() error { return errors.ErrUnsupported }

// LimitError says which of the [Limits] stopped an expansion. It is
// [ErrTooLarge].
type LimitError struct {
	Limit string // "MaxSize" or "MaxRatio"
	Max   int64  // the most bytes the limit allows for this container
}

// Error implements the error interface.
func (e *LimitError) Error() string {
	return fmt.Sprintf("%v: more than %d bytes (%s)", ErrTooLarge, e.Max, e.Limit)
}

// Unwrap makes the error match [ErrTooLarge].
func (e *LimitError) Unwrap() error { return ErrTooLarge }

// corrupt makes an error that is ErrCorrupt and says what is wrong.
func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrCorrupt, fmt.Errorf(format, args...))
}

// at adds the position in the cabinet to err.
func at(off int64, err error) error {
	return &wire.Error{Section: "cabinet", Offset: off, Err: err}
}

// short turns an end of file in the middle of something into ErrCorrupt and
// leaves errors of the underlying reader alone.
func short(what string, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return corrupt("%s: %w", what, io.ErrUnexpectedEOF)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// foreign classes an error of the standard library's decompressors. What is
// neither theirs nor an early end comes from the reader below them.
func foreign(what string, err error) error {
	var inflate flate.CorruptInputError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return corrupt("%s: %w", what, io.ErrUnexpectedEOF)
	case errors.As(err, &inflate),
		errors.Is(err, zip.ErrFormat), errors.Is(err, zip.ErrChecksum),
		errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum):
		return corrupt("%s: %w", what, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}
