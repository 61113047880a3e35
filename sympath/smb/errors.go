package smb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	smb2 "github.com/cloudsoda/go-smb2"
)

// Sentinels of the failures, for errors.Is on [sympath.Attempt.Err].
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
	ErrChanged      = errors.New("the file was changed while it was read")
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
	statusNoSuchFile         = 0xc000000f
	statusNameInvalid        = 0xc0000033
	statusPathSyntaxBad      = 0xc000003b
	statusNotADirectory      = 0xc0000103
	statusFileIsADirectory   = 0xc00000ba
)

// explain puts what went wrong in words of ours. The library's own words are
// kept behind them.
func explain(err error) error {
	var (
		status   *smb2.ResponseError
		invalid  *smb2.InvalidResponseError
		internal *smb2.InternalError
		broken   *smb2.TransportError
		path     *fs.PathError
	)
	if errors.As(err, &path) {
		path.Err = explain(path.Err)
		return err
	}
	switch {
	case err == nil, errors.Is(err, fs.ErrNotExist), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, fs.ErrPermission):
		return ErrPermission
	case errors.As(err, &status):
		return ofStatus(status)
	case errors.As(err, &broken):
		return fmt.Errorf("%w: %w", ErrBroken, broken.Err)
	case errors.As(err, &invalid):
		return fmt.Errorf("%w: %s", ErrProtocol, invalid.Message)
	case errors.As(err, &internal):
		return fmt.Errorf("%w: %s", ErrProtocol, internal.Message)
	}
	return err
}

func ofStatus(err *smb2.ResponseError) error {
	switch err.Code {
	case statusLogonFailure, statusAccountRestriction, statusPasswordExpired, statusAccountDisabled, statusAccountLocked:
		return fmt.Errorf("%w: status %#x", ErrLogin, err.Code)
	case statusBadNetworkName:
		return ErrNoShare
	case statusPathNotCovered:
		return ErrDFS
	case statusNoSuchFile, statusNameInvalid, statusPathSyntaxBad, statusNotADirectory, statusFileIsADirectory:
		return fs.ErrNotExist
	}
	return err
}
