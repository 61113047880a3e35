package target

import (
	"errors"
	"fmt"

	"github.com/symres/symres/internal/ntstatus"
	"github.com/symres/symres/memsource/minidump"
)

// Access is what an instruction that failed did to memory.
type Access string

// The kinds of access. The zero value is an unknown one.
const (
	AccessRead    Access = "read"
	AccessWrite   Access = "write"
	AccessExecute Access = "execute"
)

// Fault is what the parameters of a bug check or an exception say of the
// instruction that failed. Zero fields are not told.
type Fault struct {
	// Status is the exception behind a bug check, or what kept a page from being
	// read in: an NTSTATUS, and StatusName its name.
	Status     uint32
	StatusName string
	Address    uint64 // of the instruction
	Access     Access // "": no address is told of, and Target is 0
	Target     uint64 // the address accessed
	// Record and Context are the addresses of an EXCEPTION_RECORD and of a
	// CONTEXT in the memory of the target, which tell more.
	Record, Context uint64
}

// BugCheck is why a kernel stopped.
type BugCheck struct {
	Code       uint32 // such as 0xD1
	Parameters [4]uint64
	Name       string // DRIVER_IRQL_NOT_LESS_OR_EQUAL; "" for a code that is not known
	Title      string // what that stands for, in words; "" where the name has to do
	// Meanings say what each parameter is, with the name of its value where it has
	// one; "" where that is not known.
	Meanings [4]string
	Fault    Fault
}

// Registers are the registers from which a thread's stack is unwound. Zero
// values are unknown.
type Registers struct{ IP, SP, FP uint64 }

// Exception is why a dump of a process was made.
type Exception struct {
	ThreadID   uint32
	Code       uint32 // an NTSTATUS, such as 0xC0000005; of another system than Windows a signal or Mach exception
	Name       string // STATUS_ACCESS_VIOLATION, SIGSEGV; "" for a code that is not known
	Title      string // such as "access violation"; "" where the name says all
	Flags      uint32
	Address    uint64   // of the instruction
	Parameters []uint64 // of an access violation: 0 read, 1 write, 8 execute; and the address
	Meanings   []string // what each parameter is, as those of [BugCheck]
	Registers  Registers
	Fault      Fault // its Address is that of the exception
}

// BugCheck returns the bug check of a kernel dump. The error wraps
// [ErrNoRecord] if the dump has none, or the target is not a kernel dump.
func (t *Target) BugCheck() (BugCheck, error) {
	if t.dump != nil {
		if h := t.dump.Header(); h.BugCheckCode != 0 {
			return NewBugCheck(h.BugCheckCode, h.BugCheckParameters), nil
		}
	}
	return BugCheck{}, fmt.Errorf("bug check: %w", ErrNoRecord)
}

// NewBugCheck names a bug check and says what its parameters are, by Microsoft's
// public reference of bug checks.
func NewBugCheck(code uint32, parameters [4]uint64) BugCheck {
	return BugCheck{
		Code: code, Parameters: parameters, Name: ntstatus.BugCheck(code), Title: ntstatus.BugCheckTitle(code), Meanings: ntstatus.BugCheckParameters(code, parameters),
		Fault: fault(ntstatus.BugCheckFault(code, parameters)),
	}
}

func fault(f ntstatus.Fault) Fault {
	out := Fault{
		Status: f.Status, Address: f.Address, Access: Access(f.Access), Target: f.Target, Record: f.Record, Context: f.Context,
	}
	if f.Status != 0 {
		out.StatusName = ntstatus.Name(f.Status)
	}
	return out
}

// Exception returns the exception in a minidump. The error wraps [ErrNoRecord]
// if the dump has none, or the target is not a minidump, and
// [minidump.ErrFormat] if the record is damaged. Read errors are returned too.
func (t *Target) Exception() (Exception, error) {
	if t.mini == nil {
		return Exception{}, fmt.Errorf("exception: %w", ErrNoRecord)
	}
	e, err := t.mini.Exception()
	if err != nil {
		return Exception{}, noRecord("exception", err)
	}
	out := Exception{
		ThreadID: e.ThreadID, Code: e.Code, Flags: e.Flags, Address: e.Address, Parameters: e.Parameters, Registers: Registers(e.Context),
	}
	out.name(t.mini.System().Platform, t.bits)
	return out, nil
}

// NewException names an exception of Windows and says what its parameters are, for
// an EXCEPTION_RECORD found elsewhere than in a minidump. bits is the width of the
// addresses, 32 or 64.
func NewException(code uint32, address uint64, parameters []uint64, bits int) Exception {
	e := Exception{Code: code, Address: address, Parameters: parameters}
	e.name(minidump.PlatformNT, bits)
	return e
}

// name says what the numbers mean where the dump was made.
func (e *Exception) name(p minidump.Platform, bits int) {
	if !p.Windows() {
		e.Name, e.Meanings = p.ExceptionName(e.Code), make([]string, len(e.Parameters))
		e.Fault.Address = e.Address
		return
	}
	e.Name, e.Title, e.Meanings = ntstatus.Name(e.Code), ntstatus.Title(e.Code), ntstatus.ExceptionParameters(e.Code, e.Parameters)
	e.Fault = fault(ntstatus.ExceptionFault(e.Code, e.Parameters))
	e.Fault.Address = e.Address
	if bits == 32 {
		e.Fault.Target &= 1<<32 - 1 // some writers sign-extend
	}
}

// noRecord adds ErrNoRecord to the error of a minidump that lacks a stream.
func noRecord(what string, err error) error {
	if errors.Is(err, minidump.ErrNoStream) {
		return fmt.Errorf("%s: %w (%w)", what, ErrNoRecord, err)
	}
	return err
}
