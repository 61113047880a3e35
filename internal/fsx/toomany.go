package fsx

import (
	"errors"
	"io/fs"
)

// ErrTooManyFiles is wrapped by the errors of opening a file when the process,
// or the system, has no file descriptor left for it. Whether the file is there
// is not known then.
var ErrTooManyFiles = errors.New("out of file descriptors")

// tooMany marks an error of the system as [ErrTooManyFiles].
type tooMany struct{ err error }

func (e tooMany) Error() string { return ErrTooManyFiles.Error() + ": " + e.err.Error() }

// Is makes the error match [ErrTooManyFiles].
func (e tooMany) Is(target error) bool { return target == ErrTooManyFiles }

func (e tooMany) Unwrap() error { return e.err }

// Named returns err, and as an [ErrTooManyFiles] if it says that there are no
// descriptors left. A [*fs.PathError] stays one.
func Named(err error) error {
	if err == nil || !outOfDescriptors(err) || errors.Is(err, ErrTooManyFiles) {
		return err
	}
	if pe, ok := err.(*fs.PathError); ok {
		return &fs.PathError{Op: pe.Op, Path: pe.Path, Err: tooMany{pe.Err}}
	}
	return tooMany{err}
}
