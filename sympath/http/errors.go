package http

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"time"

	"github.com/symres/symres/internal/fsx"
)

// Errors in [sympath.Attempt.Err], for errors.Is.
var (
	ErrPermission  = errors.New("permission denied by the server") // 401, 403, 407
	ErrUnavailable = errors.New("server unavailable")              // 408, 429, 5xx
	ErrStatus      = errors.New("unexpected answer")               // any other status
	ErrNotSymbols  = errors.New("not a symbol file")               // a web page, or anything else that was not asked for
	ErrEmpty       = errors.New("the answer is empty")
	ErrTruncated   = errors.New("the answer broke off")
	ErrStalled     = errors.New("no progress")
	ErrTooSlow     = errors.New("too slow")
	ErrNoAnswer    = errors.New("no answer in time")
	ErrRedirect    = errors.New("redirect refused")
	ErrAddress     = errors.New("private address refused")
	ErrHostPaused  = errors.New("host failed before and is left alone for a while")
	ErrNoRange     = errors.New("the server does not answer with the part of the file that was asked for") // where it did before
	ErrPointer     = errors.New("pointer to a file elsewhere: not followed from a server")
)

// StatusError is an answer that is neither the file nor "not found".
type StatusError struct {
	Code       int           // HTTP status code
	RetryAfter time.Duration // the wait that the server asks for, or 0
	LoggedIn   bool          // a credential was sent
	kind       error
}

// Error implements the error interface.
func (e *StatusError) Error() string {
	text := fmt.Sprintf("%v: %d %s", e.kind, e.Code, http.StatusText(e.Code))
	switch {
	case e.Code != http.StatusUnauthorized:
	case e.LoggedIn:
		text += "; the credential is not accepted"
	default:
		text += "; no credential for the server: set SYMRES_AUTH=https://SERVER=USER:PASSWORD, or write it in netrc"
	}
	return text
}

// Unwrap returns [ErrPermission], [ErrUnavailable] or [ErrStatus].
func (e *StatusError) Unwrap() error { return e.kind }

// errGone is the only durable miss.
type errGone int

func (e errGone) Error() string {
	return fmt.Sprintf("%d %s", int(e), http.StatusText(int(e)))
}

// Is makes the error match [fs.ErrNotExist].
func (e errGone) Is(target error) bool { return target == fs.ErrNotExist }

// statusError sorts an answer other than 200 and 206.
func statusError(resp *http.Response, now time.Time) error {
	switch code := resp.StatusCode; {
	case code == http.StatusNotFound, code == http.StatusGone:
		return errGone(code)
	case code == 401, code == 403, code == 407:
		sent := resp.Request != nil && resp.Request.Header.Get("Authorization") != ""
		return &StatusError{Code: code, kind: ErrPermission, LoggedIn: sent}
	case code == 408, code == 429, code >= 500 && code != 501 && code != 505:
		return &StatusError{Code: code, kind: ErrUnavailable, RetryAfter: retryAfter(resp.Header.Get("Retry-After"), now)}
	default:
		return &StatusError{Code: code, kind: ErrStatus}
	}
}

// permanent marks a failure that trying again cannot mend.
type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// retryable tells whether the next try may fare better.
func retryable(err error) bool {
	var (
		perm   permanent
		status *StatusError
		gone   errGone
		cert   *tls.CertificateVerificationError
		alert  tls.AlertError
		record tls.RecordHeaderError
		dns    *net.DNSError
	)
	switch {
	case errors.As(err, &perm), errors.As(err, &gone), errors.As(err, &cert), errors.As(err, &alert), errors.As(err, &record):
		return false
	case errors.As(err, &status):
		return status.kind == ErrUnavailable
	case errors.As(err, &dns):
		return !dns.IsNotFound
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return false
	case errors.Is(err, ErrRedirect), errors.Is(err, ErrAddress):
		return false
	}
	return true
}

// countsAgainstHost tells failures of the server from those of one file.
func countsAgainstHost(err error) bool {
	var perm permanent
	var status *StatusError
	if errors.As(err, &status) {
		return status.kind == ErrUnavailable
	}
	if errors.Is(fsx.Named(err), fsx.ErrTooManyFiles) {
		return false // it was never asked
	}
	return err != nil && !isGone(err) && !errors.As(err, &perm)
}

func isGone(err error) bool {
	var gone errGone
	return errors.As(err, &gone)
}

// unreached is an error that leaves open what the other side has: for
// [errors.As] it is a [net.Error].
type unreached struct{ error }

func (e unreached) Unwrap() error { return e.error }

// Timeout and Temporary make it a net.Error: another time there may be an answer.
func (e unreached) Timeout() bool   { return true }
func (e unreached) Temporary() bool { return true }
