package analyze

import (
	"encoding/binary"
	"math"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/target"
	"github.com/symres/symres/unwind"
)

// whatHappened takes the exception of a process or the bug check of a kernel.
func (a *analysis) whatHappened() {
	if e, err := a.target.Exception(); err == nil {
		a.Kind, a.Code, a.Name, a.Title, a.Fault = KindException, e.Code, e.Name, e.Title, e.Fault
		for i, v := range e.Parameters {
			a.Parameters = append(a.Parameters, Parameter{v, e.Meanings[i]})
		}
		return
	}
	b, err := a.target.BugCheck()
	if err != nil {
		return
	}
	a.bugCheck(b)
	a.readRecord()
	a.readContext()
}

func (r *Result) bugCheck(b target.BugCheck) {
	r.Kind, r.Code, r.Name, r.Title, r.Fault = KindBugCheck, b.Code, b.Name, b.Title, b.Fault
	for i, v := range b.Parameters {
		r.Parameters = append(r.Parameters, Parameter{v, b.Meanings[i]})
	}
}

// maxParameters is the number of parameters in an EXCEPTION_RECORD (winnt.h).
const maxParameters = 15

// readRecord takes from the exception record what the parameters of the bug check do
// not tell.
func (a *analysis) readRecord() {
	memory := a.target.Memory()
	if a.Fault.Record == 0 || memory == nil || a.Fault.Access != "" {
		return
	}
	w := uint64(a.Bits / 8)
	info := 2*8 + 2*w // behind code, flags, record, address, and the count with its padding
	if w == 4 {
		info = 5 * 4
	}
	b := make([]byte, info+maxParameters*w)
	if memsource.ReadFull(memory, b, a.Fault.Record) != nil {
		return
	}
	word := func(off uint64) uint64 {
		if w == 4 {
			return uint64(binary.LittleEndian.Uint32(b[off:]))
		}
		return binary.LittleEndian.Uint64(b[off:])
	}
	code, count := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[8+2*w:])
	if count > maxParameters || a.Fault.Status != 0 && code != a.Fault.Status {
		return // it is no longer what it was
	}
	var p []uint64
	for i := range uint64(count) {
		p = append(p, word(info+i*w))
	}
	a.fromRecord(target.NewException(code, word(8+w), p, a.Bits))
}

// fromRecord takes what was not known.
func (a *analysis) fromRecord(e target.Exception) {
	f := &a.Fault
	if f.Status == 0 {
		f.Status, f.StatusName = e.Code, e.Name
	}
	if f.Address == 0 {
		f.Address = e.Address
	}
	f.Access, f.Target = e.Fault.Access, e.Fault.Target
}

// readContext takes the registers of a bug check that was raised for an exception:
// those of the thread are of when the kernel stopped.
func (a *analysis) readContext() {
	memory := a.target.Memory()
	if a.Fault.Context == 0 || memory == nil {
		return
	}
	c, err := unwind.ReadContext(memory, a.Machine, a.Fault.Context)
	if err != nil || a.Fault.Address != 0 && c.PC != a.Fault.Address&mask(a.Bits) {
		return
	}
	a.Thread.Context, a.Thread.Origin, a.Thread.Err = c, "context record of the bug check", nil
	a.Thread.Registers = target.Registers{IP: c.PC, SP: c.SP()}
}

// mask has the bits of an address.
func mask(bits int) uint64 {
	if bits == 32 {
		return math.MaxUint32
	}
	return math.MaxUint64
}
