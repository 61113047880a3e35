//go:build unix

package fsx_test

import (
	"errors"
	"io/fs"
	"syscall"
	"testing"

	"github.com/symres/symres/internal/fsx"
)

func TestNamed(t *testing.T) {
	for _, errno := range []error{syscall.EMFILE, syscall.ENFILE} {
		err := fsx.Named(&fs.PathError{Op: "open", Path: "/x", Err: errno})
		var pe *fs.PathError
		if !errors.Is(err, fsx.ErrTooManyFiles) || !errors.Is(err, errno) || !errors.As(err, &pe) || pe.Path != "/x" {
			t.Errorf("%v: %v", errno, err)
		}
		if fsx.Named(err) != err {
			t.Error("named twice")
		}
	}
	if err := fsx.Named(syscall.ENOENT); err != syscall.ENOENT {
		t.Errorf("ENOENT became %v", err)
	}
}
