package fsx

import (
	"errors"

	"golang.org/x/sys/windows"
)

func outOfDescriptors(err error) bool {
	return errors.Is(err, windows.ERROR_TOO_MANY_OPEN_FILES) || errors.Is(err, windows.WSAEMFILE)
}

// MaxDescriptors returns how many files are safe to hold open at once: the
// system has no limit for them but memory.
func MaxDescriptors() int { return 4096 }
