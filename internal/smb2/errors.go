package smb2

import (
	"errors"
	"fmt"
)

// ErrGuest says that the server made a guest of a user who has a password.
var ErrGuest = errors.New("guest session")

// StatusError is the NTSTATUS of a request that failed (MS-ERREF 2.3.1).
type StatusError struct{ Code uint32 }

// Error implements the error interface.
func (e *StatusError) Error() string { return fmt.Sprintf("status %#x", e.Code) }

// ProtocolError is an answer that the protocol does not allow. The connection
// is not used any more after one.
type ProtocolError struct{ Message string }

// Error implements the error interface.
func (e *ProtocolError) Error() string { return e.Message }

func protocolError(format string, args ...any) error {
	return &ProtocolError{fmt.Sprintf(format, args...)}
}

// DialectError is a dialect older than [Login].Least.
type DialectError struct{ Dialect uint16 }

// Error implements the error interface.
func (e *DialectError) Error() string {
	return fmt.Sprintf("SMB %d.%d", e.Dialect>>8, e.Dialect>>4&15)
}

// The statuses that the protocol itself gives a meaning.
const (
	statusPending        = 0x00000103
	statusMoreProcessing = 0xc0000016
	statusEndOfFile      = 0xc0000011
	statusNoSuchFile     = 0xc000000f
	statusNoMoreFiles    = 0x80000006
	statusSessionDeleted = 0xc0000203
	statusSessionExpired = 0xc000035c
)
