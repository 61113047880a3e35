package target

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math"

	"github.com/symres/symres/memsource/minidump"
	"github.com/symres/symres/nt"
	"github.com/symres/symres/unwind"
)

// Thread is a thread of the target. Zero fields are unknown.
type Thread struct {
	ID        uint32
	Name      string // as the program named it; "" for one without
	TEB       uint64
	Place     int    // in the list of a minidump, from 0
	Suspend   uint32 // in a minidump: how often it was suspended and not resumed
	Stack     uint64 // address of the part of the stack that was saved, or of a kernel stack
	StackSize uint64 // and its size in bytes
	Registers Registers

	// Context holds all known registers, for [Target.Stack]. If there are none,
	// its Machine is 0 and Err says why.
	Context unwind.Context
	// Raw is the CONTEXT structure (winnt.h) that Context was read from, nil where
	// the registers were none. See [Thread.Register].
	Raw []byte
	// Origin says where the registers come from, such as "exception record".
	Origin string
	// Err says why there are no registers. It wraps [ErrNoRecord],
	// [nt.ErrNotResident], [nt.ErrMalformed], [nt.ErrNoLayout],
	// [unwind.ErrContext], [unwind.ErrMachine] or a [*memsource.Fault], or is that
	// of [process.Thread].
	Err error

	// Of a kernel target: the addresses of its ETHREAD, of its EPROCESS and of
	// the EPROCESS whose memory it saw, and whether it was running.
	Address, Process, Attached uint64
	Running                    bool
}

// use takes registers.
func (th *Thread) use(c unwind.Context, origin string, err error) {
	if th.Err = err; err != nil {
		return
	}
	th.Context, th.Origin = c, origin
	fp := map[unwind.Machine]int{unwind.X64: unwind.RegRBP, unwind.X86: unwind.RegEBP, unwind.ARM: unwind.RegARMFP, unwind.ARM64: unwind.RegARM64FP}
	th.Registers = Registers{IP: c.PC, SP: c.SP()}
	if r, ok := fp[c.Machine]; ok && c.KnownInt>>r&1 != 0 {
		th.Registers.FP = c.Int[r]
	}
}

// Threads yields the threads whose stacks can be asked for: those of a
// minidump, the one of the exception first and with the registers it had then;
// those of a kernel target, after [Target.LoadTypes], the one that stopped it
// first, then those of the other processors and all that wait, of
// Options.Process alone where that was given; every processor or thread of a GDB stub;
// those of a live process, each of which is stopped for a moment to read its
// registers, see [process.Process.Threads].
//
// An error stands for a part of a list that cannot be read. It wraps
// [ErrNoRecord] if the target has no threads: files, and memory supplied by the
// caller.
func (t *Target) Threads(ctx context.Context) iter.Seq2[Thread, error] {
	switch {
	case t.mini != nil:
		return t.miniThreads
	case t.Kernel() != nil:
		return func(yield func(Thread, error) bool) { t.kernelThreads(ctx, yield) }
	case t.stub != nil:
		return func(yield func(Thread, error) bool) {
			list, err := t.stubThreads(ctx)
			for _, th := range list {
				if !yield(th, nil) {
					return
				}
			}
			if err != nil {
				yield(Thread{}, err)
			}
		}
	case t.live != nil:
		return func(yield func(Thread, error) bool) { t.liveThreads(ctx, yield) }
	}
	return failing[Thread](fmt.Errorf("threads: %w", ErrNoRecord))
}

// miniThreads yields the threads of a minidump, that of the exception first. It keeps
// none of them: a minidump may list very many.
func (t *Target) miniThreads(yield func(Thread, error) bool) {
	first := -1 // place of the thread of the exception
	if e, err := t.mini.Exception(); err == nil {
		th, place := t.crashedThread(e.ThreadID)
		first = place
		if t.atException(&th, e); !yield(th, nil) {
			return
		}
	}
	place := 0
	for m, err := range t.mini.Threads() {
		if err != nil {
			if !yield(Thread{}, noRecord("threads", err)) {
				return
			}
			continue
		}
		if place++; place-1 == first {
			continue
		}
		th := t.miniThread(m)
		if th.Place = place - 1; !yield(th, nil) {
			return
		}
	}
}

// crashedThread returns the first thread with an ID and its place in the list, -1 if
// it is not listed.
func (t *Target) crashedThread(id uint32) (th Thread, place int) {
	for m, err := range t.mini.Threads() {
		if err != nil {
			continue
		}
		if m.ID == id {
			th := t.miniThread(m)
			th.Place = place
			return th, place
		}
		place++
	}
	return Thread{ID: id}, -1
}

func (t *Target) miniThread(m minidump.Thread) Thread {
	th := Thread{ID: m.ID, Name: m.Name, TEB: m.TEB, Suspend: m.Suspend, Stack: m.Stack, StackSize: m.Size}
	c, err := parseContext(t.machine, m.Registers)
	th.use(c, "thread list", err)
	th.Raw = m.Registers
	if th.Err != nil {
		th.Registers = Registers(m.Context)
	}
	return th
}

// Of a CONTEXT of x64 (winnt.h), and of the code segment of 32-bit code.
const (
	contextCS = 0x38
	codeCS32  = 0x23
)

// parseContext reads a CONTEXT. A thread of x64 that was in 32-bit code has the
// registers of x86, which are the lower halves.
func parseContext(machine uint16, b []byte) (unwind.Context, error) {
	c, err := unwind.ParseContext(unwind.Machine(machine), b)
	if err != nil || c.Machine != unwind.X64 || binary.LittleEndian.Uint16(b[contextCS:]) != codeCS32 {
		return c, err
	}
	x86 := unwind.Context{Machine: unwind.X86, PC: c.PC & math.MaxUint32, KnownInt: c.KnownInt & 0xff}
	for i := range 8 {
		x86.Int[i] = c.Int[i] & math.MaxUint32
	}
	return x86, nil
}

// atException gives a thread the registers it had at the exception. Those of
// the list are of when the dump was written.
func (t *Target) atException(th *Thread, e minidump.Exception) {
	if c, err := parseContext(t.machine, e.Registers); err == nil || th.Context.Machine == 0 {
		th.use(c, "exception record", err)
		th.Raw = e.Registers
	}
}

// errNoRegisters is of a processor that was not frozen.
var errNoRegisters = fmt.Errorf("registers of the processor: %w", ErrNoRecord)

// kernelThreads yields the threads of a kernel target.
func (t *Target) kernelThreads(ctx context.Context, yield func(Thread, error) bool) {
	_ = t.LoadTypes(ctx) // an error that counts comes with the list, see Explain
	if ctx.Err() != nil {
		yield(Thread{}, ctx.Err())
		return
	}
	k := t.Kernel()
	running, problems := t.running(ctx, k)
	seen := map[uint64]bool{}
	for _, th := range running {
		seen[th.Address] = true
		if t.wanted(&th) && !yield(th, nil) {
			return
		}
	}
	for _, err := range problems {
		if !yield(Thread{}, t.Explain(err)) {
			return
		}
	}
	for th, err := range t.listed(ctx, k) {
		if err == nil && seen[th.Address] {
			continue
		}
		if !yield(th, t.Explain(err)) {
			return
		}
	}
}

// wanted reports whether a thread is of the process that was asked for.
func (t *Target) wanted(th *Thread) bool {
	return t.view == nil || th.Process == 0 || th.Process == t.view.Process().Address
}

// running returns the threads of the processors, the one that stopped the
// system first.
func (t *Target) running(ctx context.Context, k *nt.Kernel) (list []Thread, problems []error) {
	crashed, err := unwind.ParseContext(unwind.Machine(k.Machine()), k.Crashed())
	stopped, at := err == nil, -1
	for p, err := range k.Processors() {
		if err != nil {
			problems = append(problems, err)
			continue
		}
		th := t.onProcessor(k, p)
		if stopped && at < 0 && th.Err == nil && th.Context.PC == crashed.PC && th.Context.SP() == crashed.SP() {
			at = len(list)
		}
		list = append(list, th)
	}
	switch {
	case at > 0:
		list[0], list[at] = list[at], list[0]
	case at < 0 && stopped:
		list = t.headed(k, crashed, list)
	}
	if t.stub != nil {
		list = t.overStub(ctx, list)
	}
	return list, problems
}

// headed puts the registers of the dump's header first: those of the processor
// whose KPRCB has none, or of a thread nobody else knows of. Where each
// processor has its own, the header's say the same about one of them.
func (t *Target) headed(k *nt.Kernel, crashed unwind.Context, list []Thread) []Thread {
	for i := range list {
		if list[i].Err != nil && holds(&list[i], crashed.SP()) || len(list) == 1 && list[i].Err != nil {
			list[i].use(crashed, "header of the dump", nil)
			list[0], list[i] = list[i], list[0]
			return list
		}
	}
	if len(list) > 0 && list[0].Err == nil {
		return list
	}
	th := Thread{Running: true}
	th.use(crashed, "header of the dump", nil)
	return append([]Thread{th}, list...)
}

// holds reports whether an address is in the kernel stack of a thread.
func holds(th *Thread, sp uint64) bool { return sp-th.Stack < th.StackSize }

// onProcessor is the thread a processor ran.
func (t *Target) onProcessor(k *nt.Kernel, p nt.Processor) Thread {
	th := Thread{Address: p.Thread, Running: true}
	if found, err := k.ThreadAt(p.Thread); err == nil {
		th = ofKernel(k, found)
		th.Running = true
	}
	if p.Registers == nil {
		th.Err = errors.Join(errNoRegisters, p.Err)
		return th
	}
	c, err := unwind.ParseContext(unwind.Machine(k.Machine()), p.Registers)
	th.use(c, p.From, err)
	th.Raw = p.Registers
	return th
}

// unwalked is the error of machines whose stacks are not unwound. It says more than
// that what a thread left on its stack is not understood.
func unwalked(m unwind.Machine) error {
	if _, err := unwind.ParseContext(m, nil); errors.Is(err, unwind.ErrMachine) {
		return err
	}
	return nil
}

// ofKernel makes a thread of an ETHREAD.
func ofKernel(k *nt.Kernel, found nt.Thread) Thread {
	th := Thread{
		ID: uint32(found.ID), TEB: found.TEB, Stack: found.StackLimit, StackSize: max(found.StackBase, found.StackLimit) - found.StackLimit,
		Address: found.Address, Process: found.Process, Attached: found.Memory, Running: found.Runs(),
	}
	machine := unwind.Machine(k.Machine())
	if th.Err = cmp.Or(unwalked(machine), found.Err); th.Running {
		th.Err = errNoRegisters
	}
	if th.Err != nil {
		return th
	}
	c := unwind.Context{Machine: machine, PC: found.IP, UnwoundToCall: true}
	c.SetSP(found.SP)
	if r := unwind.RegRBP; c.Machine == unwind.X64 && found.FP != 0 {
		c.Int[r] = found.FP
		c.KnownInt |= 1 << r
	}
	th.use(c, "stack of a thread that waits, "+found.Origin, nil)
	return th
}

// ThreadAt returns the thread of a kernel target whose ETHREAD is at an address, with
// the registers that [Target.Threads] has for it: those with which a thread that waits
// goes on. It wraps [nt.ErrNoKernel] for a target without a kernel, and else what
// [nt.Kernel.ThreadAt] returns.
func (t *Target) ThreadAt(addr uint64) (Thread, error) {
	k := t.Kernel()
	if k == nil {
		return Thread{}, fmt.Errorf("a %v: %w", t.kind, nt.ErrNoKernel)
	}
	found, err := k.ThreadAt(addr)
	if err != nil {
		return Thread{}, t.Explain(err)
	}
	return ofKernel(k, found), nil
}

// maxListed bounds the threads of a kernel target: in a forged one every process
// may have the same.
const maxListed = 1 << 17

var errTooMany = errors.New("more threads than a system has")

// listed yields the threads in the lists of the processes.
func (t *Target) listed(ctx context.Context, k *nt.Kernel) iter.Seq2[Thread, error] {
	return func(yield func(Thread, error) bool) {
		left := maxListed
		for p, err := range k.Processes() {
			if err == nil && t.view != nil && p.Address != t.view.Process().Address {
				continue
			}
			if err != nil && !yield(Thread{}, err) || err == nil && !threadsOf(ctx, k, p, &left, yield) {
				return
			}
		}
	}
}

// threadsOf yields the threads of a process, and says whether to go on.
func threadsOf(ctx context.Context, k *nt.Kernel, p nt.Process, left *int, yield func(Thread, error) bool) bool {
	for found, err := range k.Threads(p) {
		if *left--; *left < 0 {
			yield(Thread{}, errTooMany)
			return false
		}
		if ctx.Err() != nil {
			yield(Thread{}, ctx.Err())
			return false
		}
		th := Thread{}
		if err == nil {
			th = ofKernel(k, found)
		}
		if !yield(th, err) || errors.Is(err, nt.ErrNoLayout) {
			return false
		}
	}
	return true
}
