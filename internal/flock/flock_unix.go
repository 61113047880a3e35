//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package flock

import (
	"fmt"
	"os"
	"syscall"
)

// TryLock takes an exclusive lock on f and reports whether it got it. Closing
// f gives the lock back.
func TryLock(f *os.File) (bool, error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return false, err
	}
	var errno error
	err = raw.Control(func(fd uintptr) {
		for {
			errno = syscall.Flock(int(fd), syscall.LOCK_EX|syscall.LOCK_NB)
			if errno != syscall.EINTR {
				return
			}
		}
	})
	switch {
	case err != nil:
		return false, err
	case errno == nil:
		return true, nil
	case errno == syscall.EWOULDBLOCK:
		return false, nil
	}
	return false, fmt.Errorf("lock %s: %w: %w", f.Name(), ErrUnsupported, errno)
}
