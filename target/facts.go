package target

import (
	"errors"
	"fmt"

	"github.com/symres/symres/memsource/minidump"
)

// BugCheck is why a kernel stopped.
type BugCheck struct {
	Code       uint32 // such as 0xD1, DRIVER_IRQL_NOT_LESS_OR_EQUAL
	Parameters [4]uint64
}

// Registers are those of a thread from which its stack is unwound; zero ones are
// unknown.
type Registers struct{ IP, SP, FP uint64 }

// Exception is why a dump of a process was made.
type Exception struct {
	ThreadID   uint32
	Code       uint32 // an NTSTATUS, such as 0xC0000005 for an access violation
	Flags      uint32
	Address    uint64   // of the instruction
	Parameters []uint64 // of an access violation: 0 read, 1 write, 8 execute; and the address
	Registers  Registers
}

// BugCheck returns the bug check a kernel dump was made at. The error wraps
// [ErrNoRecord] for another target and for a dump made at none.
func (t *Target) BugCheck() (BugCheck, error) {
	if t.dump != nil {
		if h := t.dump.Header(); h.BugCheckCode != 0 {
			return BugCheck{h.BugCheckCode, h.BugCheckParameters}, nil
		}
	}
	return BugCheck{}, fmt.Errorf("bug check: %w", ErrNoRecord)
}

// Exception returns the exception a minidump was made for. The error wraps
// [ErrNoRecord] for another target and for a dump made for none; else it wraps
// [minidump.ErrFormat], or is that of the file.
func (t *Target) Exception() (Exception, error) {
	if t.mini == nil {
		return Exception{}, fmt.Errorf("exception: %w", ErrNoRecord)
	}
	e, err := t.mini.Exception()
	return Exception{
		ThreadID: e.ThreadID, Code: e.Code, Flags: e.Flags, Address: e.Address, Parameters: e.Parameters, Registers: Registers(e.Context),
	}, noRecord("exception", err)
}

// noRecord adds ErrNoRecord to the error of a minidump that lacks a stream.
func noRecord(what string, err error) error {
	if errors.Is(err, minidump.ErrNoStream) {
		return fmt.Errorf("%s: %w (%w)", what, ErrNoRecord, err)
	}
	return err
}
