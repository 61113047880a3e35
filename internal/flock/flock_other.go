//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly || windows)

package flock

import "os"

// TryLock fails with [ErrUnsupported].
func TryLock(*os.File) (bool, error) { return false, ErrUnsupported }
