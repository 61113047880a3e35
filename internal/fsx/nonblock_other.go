//go:build !unix

package fsx

// nonBlock is nothing where opening a pipe does not wait for its other end.
const nonBlock = 0
