package memsource

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/symres/symres/internal/hexaddr"
	"github.com/symres/symres/internal/wtext"
)

// usualPage is the size of pages in bytes where a fault does not say it.
const usualPage = 0x1000

// Fault is the error of an incomplete read: the address, the reason, and where
// the bytes are instead. It matches the sentinels of this package through
// [errors.Is] and unwraps to Err. A Fault must not be changed after it was
// returned, so that it is safe for concurrent use. Make one with [NewFault],
// which sets Status.
type Fault struct {
	Addr   uint64   // first unreadable byte
	Len    uint64   // number of bytes from Addr with the same reason; 0 if only Addr is known
	Reason Reason   // why
	Status NTStatus // the reason as a status code; kd prints StatusUnsuccessful for all reasons

	PTE   uint64 // last page-table entry seen, 0 if none
	Level int8   // its level: 0 PTE, 1 PDE, 2 PDPTE, 3 PML4E, 4 PML5E

	PageFile       int    // PagedOut, Compressed: number of the paging file
	PageFileOffset uint64 // and byte offset in it of the page that holds Addr

	File       string // FileBacked: file the page is mapped from, as the target spells it; "" if not known
	FileOffset uint64 // and byte offset in it of the page that holds Addr

	// PageSize is the size of the target's pages in bytes, if it is not 4 KB; else 0.
	// File offsets advance by it, and page numbers in texts count it.
	PageSize uint64

	Physical uint64 // NotInDump: physical address of Addr; TableNotInDump: of the entry that is missing

	Err error // the underlying error, or nil
}

// NewFault returns a Fault with the status for r. A size of 0 means that
// nothing is known about the bytes after addr.
func NewFault(r Reason, addr, size uint64) *Fault {
	return &Fault{Addr: addr, Len: size, Reason: r, Status: r.Status()}
}

// Error describes the fault on one line, such as
// "fe0c8000: paged out: pagefile 0 offset 0x1234000".
func (f *Fault) Error() string {
	s := hexaddr.Addr(f.Addr) + ": " + f.detail()
	if f.Err != nil {
		s += ": " + wtext.Printable(f.Err.Error())
	}
	return s
}

// detail is the reason with what is known about it.
func (f *Fault) detail() string {
	switch f.Reason {
	case ReasonPagedOut, ReasonCompressed:
		return fmt.Sprintf("%v: pagefile %d offset %#x", f.Reason, f.PageFile, f.PageFileOffset)
	case ReasonFileBacked:
		if f.File == "" {
			return "not resident: in a file whose name is not known"
		}
		return fmt.Sprintf("not resident: %s at offset %#x", wtext.Printable(f.File), f.FileOffset)
	case ReasonNotInDump:
		if f.Physical != 0 {
			return fmt.Sprintf("page %x is not in the dump", f.Physical/f.page())
		}
	case ReasonTableNotInDump:
		if f.Physical != 0 {
			return fmt.Sprintf("page table page %x is not in the dump", f.Physical/f.page())
		}
	}
	return f.Reason.String()
}

// Is reports whether target is a sentinel of this package that covers the reason.
func (f *Fault) Is(target error) bool { return f.Reason.covers(target) }

// Unwrap returns Err.
func (f *Fault) Unwrap() error { return f.Err }

// At returns the fault for a read at addr, which must be Addr or inside [Addr,
// Addr+Len): Len is reduced, and offsets advance by whole pages. For other
// addresses only Addr is set, and Len is 0.
func (f *Fault) At(addr uint64) *Fault {
	c := *f
	c.Addr = addr
	if addr == f.Addr {
		return &c
	}
	past := addr - f.Addr
	if past >= f.Len {
		c.Len = 0
		return &c
	}
	c.Len -= past
	pages := (addr/f.page() - f.Addr/f.page()) * f.page()
	switch f.Reason {
	case ReasonPagedOut, ReasonCompressed:
		c.PageFileOffset += pages
	case ReasonFileBacked:
		c.FileOffset += pages
	case ReasonNotInDump:
		if f.Physical != 0 {
			c.Physical += past
		}
	}
	return &c
}

// after returns how many bytes from Addr a reader may step over: Len, or to
// the end of the page where Len is not known. It is never 0.
func (f *Fault) after() uint64 {
	if f.Len != 0 {
		return f.Len
	}
	return f.page() - f.Addr%f.page()
}

// page is the size of a page in bytes.
func (f *Fault) page() uint64 { return cmp.Or(f.PageSize, usualPage) }

// typed returns err if it carries a Fault at addr, and else a Fault at addr
// made from what err does carry.
func typed(err error, addr uint64) error {
	f, ok := errors.AsType[*Fault](err)
	switch {
	case ok && f.Addr == addr && f.Status != 0:
		return err
	case ok && f.Addr == addr:
		f = f.At(addr)
	case ok:
		f = f.At(addr)
		f.Len = 0
	default:
		f = untyped(err, addr)
	}
	f.Status = f.Reason.Status()
	return f
}

// untyped makes a Fault of a foreign error. io.EOF becomes
// io.ErrUnexpectedEOF: a hole must never look like the end of a file.
func untyped(err error, addr uint64) *Fault {
	f := NewFault(ReasonUnknown, addr, 0)
	f.Err = err
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		f.Reason = ReasonCanceled
	}
	if errors.Is(err, io.EOF) {
		f.Err = io.ErrUnexpectedEOF
	}
	return f
}

// faultOf returns the Fault of a failed read that ended at addr.
func faultOf(err error, addr uint64) *Fault {
	f, _ := errors.AsType[*Fault](typed(err, addr))
	return f
}

// span returns the size of the inclusive range [first, last], saturated for
// the one range whose size does not fit: the whole address space.
func span(first, last uint64) uint64 {
	if n := last - first + 1; n != 0 {
		return n
	}
	return math.MaxUint64
}
