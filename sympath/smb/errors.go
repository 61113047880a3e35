package smb

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/symres/symres/internal/smb2"
	"github.com/symres/symres/sympath"
)

// Errors in [sympath.Attempt.Err], for errors.Is.
var (
	ErrName         = errors.New(`not a share: want \\server\share or \\server\share\dir`)
	ErrNoCredential = errors.New("no credential for the server: set SYMRES_AUTH=smb://SERVER=USER:PASSWORD, or smb://SERVER=guest: for a guest login")
	ErrLogin        = errors.New("the server refused the login")
	ErrGuest        = errors.New("the server took the login for a guest's, which nobody asked for")
	ErrDialect      = errors.New("the server speaks no SMB 3")
	ErrPermission   = errors.New("permission denied by the server")
	ErrNoShare      = errors.New("the server has no such share")
	ErrDFS          = errors.New("the share is a DFS name for one on another server, which is not followed; write that one in the path")
	ErrNoAnswer     = errors.New("no answer in time")
	ErrBroken       = errors.New("the connection broke")
	ErrProtocol     = errors.New("the server breaks the protocol")
	ErrChanged      = sympath.ErrChanged // the file is not the one that was opened
	ErrClosed       = errors.New("the client is closed")
)

// NTSTATUS values that a share may answer with, of MS-ERREF 2.3.1.
const (
	statusLogonFailure       = 0xc000006d
	statusAccountRestriction = 0xc000006e
	statusPasswordExpired    = 0xc0000071
	statusAccountDisabled    = 0xc0000072
	statusBadNetworkName     = 0xc00000cc
	statusAccountLocked      = 0xc0000234
	statusPathNotCovered     = 0xc0000257
	statusAccessDenied       = 0xc0000022
	statusObjectNotFound     = 0xc0000034
	statusPathNotFound       = 0xc000003a
	statusNoSuchFile         = 0xc000000f
	statusNameInvalid        = 0xc0000033
	statusPathSyntaxBad      = 0xc000003b
	statusNotADirectory      = 0xc0000103
	statusFileIsADirectory   = 0xc00000ba
)

// explain puts what went wrong in words of ours.
func explain(err error) error {
	var (
		status   *smb2.StatusError
		protocol *smb2.ProtocolError
		dialect  *smb2.DialectError
	)
	switch {
	case errors.As(err, &status):
		return ofStatus(status)
	case errors.As(err, &protocol):
		return fmt.Errorf("%w: %s", ErrProtocol, protocol.Message)
	case errors.As(err, &dialect):
		return fmt.Errorf("%w, but %d.%d%s", ErrDialect, dialect.Dialect>>8, dialect.Dialect>>4&15, allow21(dialect.Dialect))
	case errors.Is(err, smb2.ErrGuest):
		return ErrGuest
	}
	return err
}

// allow21 tells where there is a switch, by the name that it has in the command.
func allow21(dialect uint16) string {
	if dialect != smb2.Dialect21 {
		return ""
	}
	return ", which is read only where SMB 2.1 is allowed (--smb21)"
}

func ofStatus(err *smb2.StatusError) error {
	switch err.Code {
	case statusLogonFailure, statusAccountRestriction, statusPasswordExpired, statusAccountDisabled, statusAccountLocked:
		return fmt.Errorf("%w: status %#x", ErrLogin, err.Code)
	case statusBadNetworkName:
		return ErrNoShare
	case statusPathNotCovered:
		return ErrDFS
	case statusAccessDenied:
		return ErrPermission
	case statusObjectNotFound, statusPathNotFound, statusNoSuchFile, statusNameInvalid, statusPathSyntaxBad, statusNotADirectory, statusFileIsADirectory:
		return fs.ErrNotExist
	}
	return err
}

// unreached is an error that leaves open what the other side has: for
// [errors.As] it is a [net.Error].
type unreached struct{ error }

func (e unreached) Unwrap() error { return e.error }

// Timeout and Temporary make it a net.Error: another time there may be an answer.
func (e unreached) Timeout() bool   { return true }
func (e unreached) Temporary() bool { return true }
