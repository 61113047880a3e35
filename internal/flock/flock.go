// Package flock locks files between processes without ever waiting.
//
// A lock belongs to the open file and dies with the process that holds it, so
// nothing is left behind by one that was killed. Waiting, and for how long, is
// the caller's business: a lock that is held by a stopped process on a network
// share must not stop everybody else for good, which is what libraries with a
// blocking Lock lead to.
package flock

import "errors"

// ErrUnsupported is wrapped by the errors of systems and file systems that
// have no locks.
var ErrUnsupported = errors.New("file locks are not supported here")
