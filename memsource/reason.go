package memsource

import (
	"errors"
	"fmt"
	"slices"
)

// Reason says why a byte could not be read. The zero value is [Unknown].
type Reason uint8

// The reasons. They are kept apart because each has its own cure: a paged-out
// header can be read from a copy on disk, one of another session from another
// page-table root, one that is not mapped from nowhere.
const (
	Unknown        Reason = iota // the source gave no reason
	PagedOut                     // in a paging file: see Fault.PageFile and PageFileOffset
	FileBacked                   // in the file it is mapped from: see Fault.File and FileOffset
	Compressed                   // in the memory-compression store
	DemandZero                   // never touched: would read as zeros, but nothing was ever there
	NotMapped                    // no page exists at that address
	NotInDump                    // the page was resident but was not saved: see Fault.Physical
	TableNotInDump               // a page table on the way is missing, so nothing is known
	WrongContext                 // belongs to another session or process
	NonCanonical                 // no such address on this machine, or past the top
	NoAccess                     // the target's protection or rights forbid it
	Truncated                    // the dump file ends before the page it promises
	Canceled                     // the caller's context ended
	IO                           // the medium failed
)

// String returns the reason in plain words.
func (r Reason) String() string {
	switch r {
	case PagedOut:
		return "paged out"
	case FileBacked:
		return "not resident"
	case Compressed:
		return "compressed"
	case DemandZero:
		return "demand zero"
	case NotMapped:
		return "not mapped"
	case NotInDump:
		return "not in the dump"
	case TableNotInDump:
		return "page table not available"
	case WrongContext:
		return "belongs to another session or process"
	case NonCanonical:
		return "not a valid address"
	case NoAccess:
		return "no access"
	case Truncated:
		return "the dump file ends before this page"
	case Canceled:
		return "canceled"
	case IO:
		return "read error"
	}
	return "unreadable"
}

// NTStatus is a Windows status code (ntstatus.h).
type NTStatus uint32

// The statuses the reasons map to, by their names in ntstatus.h.
// StatusUnsuccessful is what kd prints for every unreadable header.
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

// Status returns the status code that tells r best.
func (r Reason) Status() NTStatus {
	switch r {
	case NotMapped, DemandZero:
		return StatusAccessViolation
	case PagedOut, FileBacked, Compressed:
		return StatusInPageError
	case WrongContext, NonCanonical:
		return StatusInvalidAddress
	case NoAccess:
		return StatusAccessDenied
	case Truncated, IO:
		return StatusIoDeviceError
	case Canceled:
		return StatusCancelled
	}
	return StatusUnsuccessful // Unknown, NotInDump, TableNotInDump
}

// Sentinels for [errors.Is]; a [*Fault] matches those that cover its reason.
var (
	// ErrNotPresent matches every reason that means the bytes are not in this
	// source while nothing went wrong in reading it: PagedOut, FileBacked,
	// Compressed, DemandZero, NotMapped, NotInDump, TableNotInDump,
	// WrongContext and Truncated. The caller may look elsewhere.
	ErrNotPresent = errors.New("memory is not present")
	// ErrPagedOut matches PagedOut, FileBacked and Compressed: the bytes exist
	// outside the target's RAM. DemandZero does not match, for there no bytes
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
		return r.in(PagedOut, FileBacked, Compressed, DemandZero, NotMapped,
			NotInDump, TableNotInDump, WrongContext, Truncated)
	case ErrPagedOut:
		return r.in(PagedOut, FileBacked, Compressed)
	case ErrNotInDump:
		return r.in(NotInDump, TableNotInDump, Truncated)
	case ErrNotMapped:
		return r == NotMapped
	case ErrDemandZero:
		return r == DemandZero
	case ErrWrongContext:
		return r == WrongContext
	case ErrNonCanonical:
		return r == NonCanonical
	case ErrNoAccess:
		return r == NoAccess
	case ErrTruncated:
		return r == Truncated
	case ErrCanceled:
		return r == Canceled
	case ErrIO:
		return r == IO
	}
	return false
}

func (r Reason) in(set ...Reason) bool { return slices.Contains(set, r) }
