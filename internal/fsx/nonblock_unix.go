//go:build unix

package fsx

import "syscall"

// nonBlock lets a FIFO without a writer be opened, and then refused, instead
// of waiting for one. Regular files are read as usual.
const nonBlock = syscall.O_NONBLOCK
