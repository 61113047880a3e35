package fsx

import (
	"errors"
	"io"
	"syscall"
)

// IsBrokenPipe reports whether the reader of a pipe went away, which ends a
// command quietly.
func IsBrokenPipe(err error) bool {
	const errorBrokenPipe, errorNoData = syscall.Errno(109), syscall.Errno(232) // winerror.h
	return errors.Is(err, errorBrokenPipe) || errors.Is(err, errorNoData) || errors.Is(err, io.ErrClosedPipe)
}
