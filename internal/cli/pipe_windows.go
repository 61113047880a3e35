package cli

import (
	"errors"
	"io"
	"syscall"
)

// brokenPipe reports whether the reader of a pipe went away, which ends the
// command quietly.
func brokenPipe(err error) bool {
	const errorBrokenPipe, errorNoData = syscall.Errno(109), syscall.Errno(232) // winerror.h
	return errors.Is(err, errorBrokenPipe) || errors.Is(err, errorNoData) || errors.Is(err, io.ErrClosedPipe)
}
