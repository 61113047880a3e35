//go:build !windows

package cli

import (
	"errors"
	"io"
	"syscall"
)

// brokenPipe reports whether the reader of a pipe went away, which ends the
// command quietly.
func brokenPipe(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe)
}
