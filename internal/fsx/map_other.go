//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd || windows)

package fsx

import (
	"errors"
	"os"
)

func mapBytes(*os.File, int) ([]byte, error) { return nil, errors.ErrUnsupported }
func unmapBytes([]byte) error                { return nil }
func advise([]byte, int, int)                {}
