//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package fsx

import (
	"os"

	"golang.org/x/sys/unix"
)

// mapBytes maps a file without read-ahead: a lookup touches few pages, far
// apart, and fetching their neighbours costs many times what they cost.
func mapBytes(f *os.File, size int) ([]byte, error) {
	b, err := unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, err
	}
	_ = unix.Madvise(b, unix.MADV_RANDOM) // advice that is not taken costs time only
	return b, nil
}

func unmapBytes(b []byte) error { return unix.Munmap(b) }

func advise(b []byte, off, n int) {
	start := off &^ (os.Getpagesize() - 1)
	_ = unix.Madvise(b[start:off+n], unix.MADV_WILLNEED)
}
