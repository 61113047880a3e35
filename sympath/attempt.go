package sympath

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/symres/symres/internal/fsx"
	"github.com/symres/symres/internal/wtext"
)

// Status is what became of probing one place.
type Status uint8

// The statuses. The zero value means that nothing was recorded.
const (
	StatusUnknown      Status = iota
	StatusFound               // the file is there and can be opened
	StatusNotFound            // the directory is there, the file is not
	StatusPathNotFound        // the directory is not there
	StatusNoKey               // a symbol store, but the identity is unknown
	StatusUnsupported         // Err says what
	StatusPointer             // file.ptr, which is followed; Err says where to
	StatusOffline             // would need a connection
	StatusRefused             // set by callers: found, but not the wanted file
	StatusError               // Err says why; the search went on
	StatusPartial             // the file is read where it lies; Err is a [*PartialError]
	numStatuses
)

// String returns the words of the JSON contract.
func (s Status) String() string {
	words := [numStatuses]string{"unknown", "found", "not found", "path not found", "no key", "not supported yet",
		"pointer", "offline", "refused", "error", "partial"}
	if s < numStatuses {
		return words[s]
	}
	return fmt.Sprintf("status %d", uint8(s))
}

// Found reports whether the file is there and can be opened.
func (s Status) Found() bool { return s == StatusFound || s == StatusPartial }

// MarshalText is String; it never fails.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Attempt is one probe of one location.
type Attempt struct {
	Store    string // the path element, as typed
	Location string // the file probed for
	Origin   Origin // what kind of place it is
	Status   Status
	Err      error         // more about the status, or nil
	Elapsed  time.Duration // how long the probe took
}

// String returns the attempt as the line !sym noisy prints.
func (a Attempt) String() string {
	prefix := "DBGHELP: "
	switch a.Origin {
	case OriginSymsrv, OriginCache, OriginUNC:
		prefix = "SYMSRV:  UNC: "
	case OriginHTTP:
		prefix = "SYMSRV:  HTTPGET: "
	}
	line := prefix + wtext.Printable(a.Location) + " - " + a.words()
	if a.Err != nil {
		line += ": " + wtext.Printable(a.Err.Error())
	}
	return line
}

func (a Attempt) words() string {
	switch a.Status {
	case StatusFound:
		return "OK"
	case StatusNotFound:
		return "file not found"
	}
	return a.Status.String()
}

// ErrTooManyFiles is wrapped by errors about files and connections that could
// not be opened because the process or the system has no descriptors left. It
// is unknown whether the file exists.
var ErrTooManyFiles = fsx.ErrTooManyFiles

// ErrChanged is wrapped by read errors of files that were shortened, written to
// or replaced after they were opened.
var ErrChanged = fsx.ErrChanged

// NotFoundError ends a search that gave no acceptable file. For errors.Is it is
// an [fs.ErrNotExist], or an [ErrTooManyFiles] where an attempt failed for that
// reason: then the file may be there.
type NotFoundError struct {
	Query    Query
	Attempts []Attempt // in the order they were made
}

// Error implements the error interface in one line that counts the attempts by status.
func (e *NotFoundError) Error() string {
	if len(e.Attempts) == 0 {
		return e.Query.String() + ": not found: no place to look in"
	}
	verdict := "not found"
	if e.outOfFiles() {
		verdict = ErrTooManyFiles.Error() + ", not all places could be looked at"
	}
	var order []Status
	count := map[Status]int{}
	for _, a := range e.Attempts {
		if count[a.Status]++; count[a.Status] == 1 {
			order = append(order, a.Status)
		}
	}
	words := make([]string, len(order))
	for i, status := range order {
		words[i] = fmt.Sprintf("%d %v", count[status], status)
	}
	return fmt.Sprintf("%s: %s: %s", e.Query, verdict, strings.Join(words, ", "))
}

// Is makes the error match [fs.ErrNotExist] or [ErrTooManyFiles].
func (e *NotFoundError) Is(target error) bool {
	if e.outOfFiles() {
		return target == ErrTooManyFiles
	}
	return target == fs.ErrNotExist
}

// outOfFiles reports whether an attempt says nothing about the file because
// there was no descriptor for it.
func (e *NotFoundError) outOfFiles() bool {
	return slices.ContainsFunc(e.Attempts, func(a Attempt) bool { return errors.Is(a.Err, ErrTooManyFiles) })
}

// Format implements [fmt.Formatter]: %v is the one line of Error, %+v adds
// every attempt on a line of its own, as !sym noisy prints them.
func (e *NotFoundError) Format(w fmt.State, verb rune) {
	if verb == 'q' {
		io.WriteString(w, strconv.Quote(e.Error()))
		return
	}
	io.WriteString(w, e.Error())
	if verb != 'v' || !w.Flag('+') {
		return
	}
	for _, a := range e.Attempts {
		io.WriteString(w, "\n"+a.String())
	}
}
