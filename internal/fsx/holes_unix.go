//go:build linux || darwin || freebsd

package fsx

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// seekData asks for the next data; none is true where there is none. The file is
// read at offsets only, so that where it stands does not matter.
func seekData(f *os.File, off int64) (next int64, none bool, err error) {
	next, err = f.Seek(off, unix.SEEK_DATA)
	return next, errors.Is(err, unix.ENXIO), err
}
