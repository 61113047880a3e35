//go:build unix

package fsx

import (
	"errors"
	"math"
	"syscall"
)

func outOfDescriptors(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

// MaxDescriptors returns how many descriptors this process may have at once.
func MaxDescriptors() int {
	var lim syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &lim); err != nil {
		return usualDescriptors
	}
	return int(min(uint64(lim.Cur), math.MaxInt32))
}

// usualDescriptors is a limit that is found where nobody has set another.
const usualDescriptors = 1024
