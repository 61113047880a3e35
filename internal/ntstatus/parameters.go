package ntstatus

import (
	_ "embed"
	"fmt"
	"strings"
)

// parameters and exceptions have lines of a code, and a meaning for each parameter
// behind a bar. A second line of a code, "code:N", is for when the first parameter is
// N. What follows @ in a meaning is how its value reads.
//
//go:embed parameters.txt
var parameters string

//go:embed exceptions.txt
var exceptions string

// Access is what was done to the address an exception or a bug check names.
type Access string

// The kinds of access. The zero value is an unknown one.
const (
	Read    Access = "read"
	Write   Access = "write"
	Execute Access = "execute"
)

// Fault is what the parameters say of the instruction that failed. It is plain
// data.
type Fault struct {
	Status uint32 // the exception behind a bug check; 0: none is named
	// Address is that of the instruction; 0: none is named.
	Address uint64
	// Access says what was done to Target, "" where no address is named: then
	// Target is 0.
	Access Access
	Target uint64
	// Record and Context are the addresses of an EXCEPTION_RECORD and a CONTEXT
	// that tell more; 0: none is named.
	Record, Context uint64
}

// BugCheckFault returns what the parameters of a bug check say of the instruction
// that failed. Fields they do not tell are zero.
func BugCheckFault(code uint32, p [4]uint64) Fault {
	f := faultOf(rowOf(parameters, Masked(code), p[0]), p[:])
	if f.Status != 0 && Masked(code) == 0x1e && f.Status == accessViolation {
		if f.Access = exceptionAccess(p[2]); f.Access != "" {
			f.Target = p[3]
		}
	}
	return f
}

// ExceptionFault is [BugCheckFault] for an exception and its parameters. Status is
// then what kept a page from being read in.
func ExceptionFault(code uint32, p []uint64) Fault {
	return faultOf(rowOf(exceptions, code, first(p)), p)
}

// BugCheckParameters returns what each parameter of a bug check means, with the
// name of its value where it has one: "exception: STATUS_ACCESS_VIOLATION". "" is
// for one that means nothing, or of which nothing is known.
func BugCheckParameters(code uint32, p [4]uint64) [4]string {
	var out [4]string
	copy(out[:], meanings(rowOf(parameters, Masked(code), p[0]), p[:]))
	return out
}

// ExceptionParameters is [BugCheckParameters] for an exception: one text for each
// parameter given.
func ExceptionParameters(code uint32, p []uint64) []string {
	return meanings(rowOf(exceptions, code, first(p)), p)
}

const accessViolation = 0xc0000005

// Masked takes off the bit of the bug checks whose name ends in _M: they are those
// without it, in a small dump.
func Masked(code uint32) uint32 {
	if code>>28 == 1 {
		return code & 0xfffffff
	}
	return code
}

// Distinguishes reports whether that first parameter of a bug check says what the
// others mean.
func Distinguishes(code uint32, first uint64) bool {
	return line(parameters, fmt.Sprintf("%08x:%x|", Masked(code), first)) != ""
}

func first(p []uint64) uint64 {
	if len(p) == 0 {
		return 0
	}
	return p[0]
}

// rowOf returns the meanings of the parameters of code.
func rowOf(text string, code uint32, first uint64) []string {
	row := line(text, fmt.Sprintf("%08x:%x|", code, first))
	if row == "" {
		row = line(text, fmt.Sprintf("%08x|", code))
	}
	if row == "" {
		return nil
	}
	return strings.Split(row, "|")
}

func meanings(row []string, p []uint64) []string {
	out := make([]string, len(p))
	for i := range min(len(row), len(p)) {
		text, kind, _ := strings.Cut(row[i], "@")
		if out[i] = text; text == "" {
			continue
		}
		if name := valueName(kind, p[i]); name != "" {
			out[i] += ": " + name
		}
	}
	return out
}

// valueName is how a value of a kind reads.
func valueName(kind string, v uint64) string {
	switch kind {
	case "code", "status":
		return Name(uint32(v))
	case "fastfail":
		return FastFail(v)
	case "irql":
		return map[uint64]string{0: "PASSIVE_LEVEL", 1: "APC_LEVEL", 2: "DISPATCH_LEVEL", 0xff: "interrupts were off"}[v]
	case "trap":
		return trap(v)
	}
	return string(accessOf(kind, v))
}

// accessOf decodes the parameter that says what was done. What a fault at a raised
// IRQL says differs from what a page fault says (bug checks 0xD1 and 0x50 of the
// reference).
func accessOf(kind string, v uint64) Access {
	switch kind {
	case "access":
		return pick(v, 1, 2|8)
	case "paging":
		return pick(v, 1|2, 8|0x10)
	case "exception":
		return exceptionAccess(v)
	}
	return ""
}

func pick(v, write, execute uint64) Access {
	switch {
	case v&execute != 0:
		return Execute
	case v&write != 0:
		return Write
	}
	return Read
}

// exceptionAccess decodes the first parameter of an access violation
// (EXCEPTION_RECORD, winnt.h).
func exceptionAccess(v uint64) Access {
	return map[uint64]Access{0: Read, 1: Write, 8: Execute}[v]
}

// trap names a trap of the x86 and x64 processors by its vector.
func trap(v uint64) string {
	return map[uint64]string{
		0: "divide error", 1: "debug trap", 2: "non-maskable interrupt", 3: "breakpoint", 4: "overflow", 5: "bound range exceeded",
		6: "invalid opcode", 7: "no floating-point unit", 8: "double fault", 10: "invalid task state segment", 11: "segment not present",
		12: "stack fault", 13: "general protection fault", 14: "page fault", 16: "floating-point error", 17: "alignment check",
		18: "machine check", 19: "SIMD error", 21: "control protection",
	}[v]
}

// faultOf reads the parameters by their kinds.
func faultOf(row []string, p []uint64) Fault {
	var f Fault
	told := false // whether there is an address
	for i := range min(len(row), len(p)) {
		_, kind, _ := strings.Cut(row[i], "@")
		switch kind {
		case "code":
			f.Status = uint32(p[i])
		case "ip":
			f.Address = p[i]
		case "record":
			f.Record = p[i]
		case "context":
			f.Context = p[i]
		case "target":
			f.Target, told = p[i], true
		case "written", "executed":
			f.Target, told = p[i], true
			f.Access = map[string]Access{"written": Write, "executed": Execute}[kind]
		default:
			if a := accessOf(kind, p[i]); a != "" {
				f.Access = a
			}
		}
	}
	if f.Access == "" || !told {
		f.Access, f.Target = "", 0
	}
	return f
}
