package memsource

import (
	"errors"
	"fmt"
	"slices"
)

// Reason says why a byte could not be read. The zero value is [ReasonUnknown].
type Reason uint8

// The reasons. They are distinguished because each has another remedy: a header
// that is paged out can be read from a copy on disk, and one in another session
// through another page-table root. One that is not mapped cannot be read at
// all.
const (
	ReasonUnknown        Reason = iota // the source gave no reason
	ReasonPagedOut                     // in a paging file: see Fault.PageFile and PageFileOffset
	ReasonFileBacked                   // in the file it is mapped from: see Fault.File and FileOffset
	ReasonCompressed                   // in the memory-compression store
	ReasonDemandZero                   // never accessed: it would read as zeros, but was never written
	ReasonNotMapped                    // no page exists at that address
	ReasonNotInDump                    // the page was resident but was not saved: see Fault.Physical
	ReasonTableNotInDump               // a page table that translates the address is missing
	ReasonWrongContext                 // belongs to another session or process
	ReasonNonCanonical                 // not a valid address on this machine, or beyond the top
	ReasonNoAccess                     // the target's protection or rights forbid it
	ReasonTruncated                    // the dump file ends before the page it promises
	ReasonCanceled                     // the caller's context ended
	ReasonIO                           // the medium failed
)

// String returns the reason in plain words.
func (r Reason) String() string {
	switch r {
	case ReasonPagedOut:
		return "paged out"
	case ReasonFileBacked:
		return "not resident"
	case ReasonCompressed:
		return "compressed"
	case ReasonDemandZero:
		return "demand zero"
	case ReasonNotMapped:
		return "not mapped"
	case ReasonNotInDump:
		return "not in the dump"
	case ReasonTableNotInDump:
		return "page table not available"
	case ReasonWrongContext:
		return "belongs to another session or process"
	case ReasonNonCanonical:
		return "not a valid address"
	case ReasonNoAccess:
		return "no access"
	case ReasonTruncated:
		return "the dump file ends before this page"
	case ReasonCanceled:
		return "canceled"
	case ReasonIO:
		return "read error"
	}
	return "unreadable"
}

// NTStatus is a Windows status code (ntstatus.h).
type NTStatus uint32

// The status codes of the reasons, with their names in ntstatus.h. kd prints
// StatusUnsuccessful for every unreadable header.
const (
	StatusUnsuccessful    NTStatus = 0xC0000001
	StatusAccessViolation NTStatus = 0xC0000005
	StatusInPageError     NTStatus = 0xC0000006
	StatusAccessDenied    NTStatus = 0xC0000022
	StatusCancelled       NTStatus = 0xC0000120
	StatusInvalidAddress  NTStatus = 0xC0000141
	StatusIoDeviceError   NTStatus = 0xC0000185
)

// String returns the code as the debuggers print it, such as 0xC0000006.
func (s NTStatus) String() string { return fmt.Sprintf("0x%08X", uint32(s)) }

// Status returns the status code that fits r best.
func (r Reason) Status() NTStatus {
	switch r {
	case ReasonNotMapped, ReasonDemandZero:
		return StatusAccessViolation
	case ReasonPagedOut, ReasonFileBacked, ReasonCompressed:
		return StatusInPageError
	case ReasonWrongContext, ReasonNonCanonical:
		return StatusInvalidAddress
	case ReasonNoAccess:
		return StatusAccessDenied
	case ReasonTruncated, ReasonIO:
		return StatusIoDeviceError
	case ReasonCanceled:
		return StatusCancelled
	}
	return StatusUnsuccessful // Unknown, NotInDump, TableNotInDump
}

// Errors for errors.Is. A *[Fault] matches those that include its reason.
var (
	// ErrNotPresent matches every reason which means that this source does not
	// have the bytes, although reading it worked: PagedOut, FileBacked,
	// Compressed, DemandZero, NotMapped, NotInDump, TableNotInDump,
	// WrongContext and Truncated. The caller may look elsewhere.
	ErrNotPresent = errors.New("memory is not present")
	// ErrPagedOut matches PagedOut, FileBacked and Compressed: the bytes exist
	// outside the target's RAM. DemandZero does not match, because no bytes
	// exist anywhere.
	ErrPagedOut = errors.New("memory is paged out")
	// ErrNotInDump matches NotInDump, TableNotInDump and Truncated.
	ErrNotInDump = errors.New("memory is not in the dump")
	// ErrNotMapped matches NotMapped.
	ErrNotMapped = errors.New("memory is not mapped")
	// ErrDemandZero matches DemandZero.
	ErrDemandZero = errors.New("memory is demand zero")
	// ErrWrongContext matches WrongContext.
	ErrWrongContext = errors.New("memory belongs to another session or process")
	// ErrNonCanonical matches NonCanonical.
	ErrNonCanonical = errors.New("not a valid address")
	// ErrNoAccess matches NoAccess.
	ErrNoAccess = errors.New("no access to memory")
	// ErrTruncated matches Truncated.
	ErrTruncated = errors.New("dump file is truncated")
	// ErrCanceled matches Canceled.
	ErrCanceled = errors.New("read canceled")
	// ErrIO matches IO.
	ErrIO = errors.New("read error")
)

// covers reports whether the sentinel stands for r.
func (r Reason) covers(sentinel error) bool {
	switch sentinel {
	case ErrNotPresent:
		return r.in(ReasonPagedOut, ReasonFileBacked, ReasonCompressed, ReasonDemandZero, ReasonNotMapped,
			ReasonNotInDump, ReasonTableNotInDump, ReasonWrongContext, ReasonTruncated)
	case ErrPagedOut:
		return r.in(ReasonPagedOut, ReasonFileBacked, ReasonCompressed)
	case ErrNotInDump:
		return r.in(ReasonNotInDump, ReasonTableNotInDump, ReasonTruncated)
	case ErrNotMapped:
		return r == ReasonNotMapped
	case ErrDemandZero:
		return r == ReasonDemandZero
	case ErrWrongContext:
		return r == ReasonWrongContext
	case ErrNonCanonical:
		return r == ReasonNonCanonical
	case ErrNoAccess:
		return r == ReasonNoAccess
	case ErrTruncated:
		return r == ReasonTruncated
	case ErrCanceled:
		return r == ReasonCanceled
	case ErrIO:
		return r == ReasonIO
	}
	return false
}

func (r Reason) in(set ...Reason) bool { return slices.Contains(set, r) }
