package nt

import (
	"errors"
	"fmt"
	"iter"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/crashdump"
)

// maxThreads bounds the threads of a process, and maxProcessors those of a
// system.
const (
	maxThreads    = 100000
	maxProcessors = 2048
)

// ErrNotResident means that the registers of a thread are unknown because its
// kernel stack is paged out.
var ErrNotResident = errors.New("the kernel stack of the thread is not resident")

// Thread is a thread of the target. Zero fields are unknown. It is plain data.
type Thread struct {
	Address uint64 // of the ETHREAD
	Process uint64 // address of its EPROCESS
	Memory  uint64 // address of the EPROCESS it was attached to, whose memory it saw
	ID      uint64
	TEB     uint64
	State   uint8  // KTHREAD_STATE: 2 runs, 5 waits
	Trap    uint64 // address of the KTRAP_FRAME with which it came into the kernel; 0: it did not

	StackBase, StackLimit uint64 // of its kernel stack: the first address behind it and its lowest

	// IP, SP and FP are those with which a thread that does not run goes on; 0
	// for one that runs, see [Processor]. FP is 0 where it is not known.
	IP, SP, FP uint64
	// Err says why IP and SP are not known. It wraps [ErrNotResident],
	// [ErrMalformed], [ErrNoLayout] or a [*memsource.Fault].
	Err error
	// Origin says by which layout the fields were read.
	Origin string
}

// Runs reports whether the thread was running.
func (t *Thread) Runs() bool { return t.State == stateRunning }

const stateRunning = 2 // KTHREAD_STATE

// Threads lists the threads of a process. Errors need not end the sequence; see
// [Processes]. A layout that is not known is an error that wraps [ErrNoLayout].
func (k *Kernel) Threads(p Process) iter.Seq2[Thread, error] {
	l := k.layouts.Thread
	return func(yield func(Thread, error) bool) {
		if !l.known() {
			yield(Thread{}, fmt.Errorf("threads: %w", ErrNoLayout))
			return
		}
		for links, err := range newRing(k.plain, l.width(), "thread list", p.Address+uint64(l.Head.Offset), maxThreads).links() {
			t := Thread{}
			if err == nil {
				t, err = k.ThreadAt(links - uint64(l.Links.Offset))
				t.Process = p.Address
			}
			if !yield(t, err) {
				return
			}
		}
	}
}

// ThreadAt reads the ETHREAD at addr. Errors wrap [ErrNoLayout] or a
// [*memsource.Fault].
func (k *Kernel) ThreadAt(addr uint64) (Thread, error) {
	l := k.layouts.Thread
	if !l.known() {
		return Thread{}, fmt.Errorf("thread: %w", ErrNoLayout)
	}
	b, err := structure(k.plain, "thread", addr, l.size())
	if err != nil {
		return Thread{}, err
	}
	t := Thread{
		Address: addr, ID: l.ID.of(b), TEB: l.TEB.of(b), State: uint8(l.State.of(b)), Trap: l.Trap.of(b), Memory: l.Process.of(b),
		StackBase: l.Base.of(b), StackLimit: l.Limit.of(b), Origin: l.Origin,
	}
	t.Process = t.Memory
	switch {
	case t.Runs():
	case l.Resident.known() && l.Resident.of(b) == 0:
		t.Err = ErrNotResident
	default:
		t.Err = k.switched(&t, l.Stack.of(b))
	}
	return t, nil
}

// switched reads what a thread that does not run has on top of its stack.
func (k *Kernel) switched(t *Thread, stack uint64) error {
	l := k.layouts.Thread
	if l.SwitchSize == 0 || !l.SwitchIP.known() {
		return fmt.Errorf("frame of a switched thread: %w", ErrNoLayout)
	}
	if t.StackBase != 0 && (stack < t.StackLimit || stack >= t.StackBase) {
		return malformed(t.Address, "thread whose stack pointer %x is not in its stack", stack)
	}
	b, err := structure(k.plain, "frame of a switched thread", stack, int(l.SwitchSize))
	if err != nil {
		return err
	}
	ip := l.SwitchIP.of(b)
	if ip>>(l.Bits-1) == 0 {
		return malformed(stack, "switched thread that goes on at %x", ip)
	}
	t.IP, t.SP, t.FP = ip, stack+uint64(l.SwitchSize), l.SwitchFP.of(b)
	return nil
}

// UserRegisters are those with which a thread came into the kernel from user
// mode. FP is 0 where it is not known.
type UserRegisters struct{ IP, SP, FP uint64 }

// UserRegisters returns the user-mode registers of the ETHREAD at addr, from
// its trap frame. Errors wrap [ErrMalformed] if the thread has no trap frame or
// did not come from user mode, [ErrNoLayout] or a [*memsource.Fault].
func (k *Kernel) UserRegisters(addr uint64) (UserRegisters, error) {
	t, err := k.ThreadAt(addr)
	if err != nil {
		return UserRegisters{}, err
	}
	l := k.layouts.Thread
	if !l.TrapIP.known() || !l.TrapSP.known() || !l.TrapCS.known() {
		return UserRegisters{}, fmt.Errorf("trap frame: %w", ErrNoLayout)
	}
	if t.Trap == 0 {
		return UserRegisters{}, malformed(addr, "thread without a trap frame")
	}
	b, err := structure(k.plain, "trap frame", t.Trap, max(l.TrapIP.end(), l.TrapSP.end(), l.TrapFP.end(), l.TrapCS.end()))
	if err != nil {
		return UserRegisters{}, err
	}
	const fromUser = 3 // the privilege level in a code segment
	u := UserRegisters{IP: l.TrapIP.of(b), SP: l.TrapSP.of(b), FP: l.TrapFP.of(b)}
	if l.TrapCS.of(b)&3 != fromUser || u.IP>>(l.Bits-1) != 0 {
		return UserRegisters{}, malformed(t.Trap, "trap frame that is not of user mode")
	}
	return u, nil
}

// Processor is a processor of the target as it was frozen. It is plain data.
type Processor struct {
	Number  int
	Address uint64 // of the KPRCB
	Thread  uint64 // address of the ETHREAD that was running
	// Registers is its CONTEXT (winnt.h), nil where the processor saved none.
	Registers []byte
	// From says where the registers were read.
	From string
	// Err says why there are no registers; it wraps a [*memsource.Fault] or
	// [ErrMalformed].
	Err error
}

// Offsets in KDDEBUGGER_DATA64 (wdbgexts.h).
const (
	kdKiProcessorBlock = 0x218
	kdPrcbThread       = 0x2b4 // OffsetPrcbCurrentThread, 16 bits
	kdPrcbContext      = 0x2bc // OffsetPrcbProcStateContext, 16 bits
)

// Processors lists the processors by number, with the registers their KPRCBs
// hold. Errors wrap [ErrNoLayout], [ErrMalformed] or a [*memsource.Fault]; in a
// triage dump there is no list.
func (k *Kernel) Processors() iter.Seq2[Processor, error] {
	return func(yield func(Processor, error) bool) {
		table, l, err := k.processorBlock()
		if err != nil {
			yield(Processor{}, fmt.Errorf("processors: %w", err))
			return
		}
		n := min(max(int(k.header.Processors), 1), maxProcessors)
		for i := range n {
			at, err := l.width().read(k.plain, table+uint64(i)*uint64(l.width()))
			if err == nil && at == 0 {
				return
			}
			p := Processor{Number: i, Address: at}
			if err == nil {
				err = k.processor(&p, l)
			}
			if !yield(p, err) {
				return
			}
		}
	}
}

// processorBlock finds the table of KPRCBs, and the layout of one: where types
// are not known the debugger data block has it.
func (k *Kernel) processorBlock() (uint64, threadLayout, error) {
	l := k.layouts.Thread
	d, err := k.debuggerData()
	if err != nil {
		return 0, l, err
	}
	table, err := d.value(kdKiProcessorBlock)
	if table == 0 && k.prcbs != 0 {
		table, err = k.prcbs, nil
	}
	if err == nil && table == 0 {
		err = malformed(d.addr, "debugger data block without processors")
	}
	if err != nil {
		return 0, l, err
	}
	if l.Current.known() && l.Context.known() {
		return table, l, nil
	}
	thread, context := d.offset(kdPrcbThread), d.offset(kdPrcbContext)
	if thread == 0 || context == 0 || contextSize(k.header.Machine) == 0 {
		return 0, l, ErrNoLayout
	}
	l.Bits = k.header.Bits
	size := uint8(l.width())
	l.Current, l.Context, l.ContextSize = at(thread, size), at(context, size), contextSize(k.header.Machine)
	l.Origin = "debugger data block"
	return table, l, nil
}

// offset reads an offset of 16 bits; 0 where the block does not reach so far.
func (d debuggerData) offset(off uint64) uint16 {
	if off+2 > uint64(d.size) {
		return 0
	}
	v, err := memsource.U16(d.src, d.addr+off)
	if err != nil {
		return 0
	}
	return v
}

// processor reads a KPRCB.
func (k *Kernel) processor(p *Processor, l threadLayout) error {
	thread, err := l.width().read(k.plain, p.Address+uint64(l.Current.Offset))
	if err != nil {
		return fmt.Errorf("processor %d: %w", p.Number, err)
	}
	p.Thread, p.From = thread, "ProcessorState of KPRCB, "+l.Origin
	p.Registers, p.Err = k.registers(p.Address+uint64(l.Context.Offset), l)
	if p.Registers != nil || !l.ContextAt.known() {
		return nil
	}
	at, err := l.width().read(k.plain, p.Address+uint64(l.ContextAt.Offset))
	if err != nil || at == 0 {
		return nil // the first reason stands
	}
	p.From = "Context of KPRCB, " + l.Origin
	p.Registers, p.Err = k.registers(at, l)
	return nil
}

// registers reads a CONTEXT. One without flags was never written.
func (k *Kernel) registers(at uint64, l threadLayout) ([]byte, error) {
	size := int(max(l.ContextSize, contextSize(k.header.Machine)))
	if size == 0 {
		return nil, fmt.Errorf("registers of machine %#x: %w", k.header.Machine, crashdump.ErrUnsupported)
	}
	b, err := structure(k.plain, "registers of a processor", at, size)
	if err != nil {
		return nil, err
	}
	flags := map[uint16]uint16{machineAMD64: 0x30}[k.header.Machine]
	if b[flags] == 0 && b[flags+2] == 0 {
		return nil, malformed(at, "processor that saved no registers")
	}
	return b, nil
}

// Crashed returns the CONTEXT (winnt.h) of the processor that stopped the
// system, from the header of a crash dump. It is nil if the target is no crash
// dump, or the header has none.
func (k *Kernel) Crashed() []byte {
	if k.file == nil {
		return nil
	}
	b, err := k.file.Context()
	if err != nil {
		return nil
	}
	return b
}
