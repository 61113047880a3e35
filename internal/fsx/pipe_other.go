//go:build !windows

package fsx

import (
	"errors"
	"io"
	"syscall"
)

// IsBrokenPipe reports whether the reader of a pipe went away, which ends a
// command quietly.
func IsBrokenPipe(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe)
}
