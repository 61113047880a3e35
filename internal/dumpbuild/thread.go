package dumpbuild

import (
	"bytes"
	"encoding/binary"
)

const (
	ethread      = "ETHREAD"
	stackSize    = 0x3000
	stackStride  = 0x10000
	ticks        = 0x38400 // since the start, as the kernel's KeTickCount has it
	stateRunning = 2
	stateWaiting = 5
	userRequest  = 6 // why a thread waits
)

// threads writes the threads of a process.
func (b *builder) threads(p *Process, f *ProcessFacts) {
	if len(p.Threads) == 0 {
		return
	}
	var links, own []uint64
	for i := range p.Threads {
		t := b.thread(p, f, &p.Threads[i])
		r := b.record(ethread, t.Address)
		links, own = append(links, r.addr("ThreadListEntry")), append(own, r.addr("Tcb.ThreadListEntry"))
		f.Threads = append(f.Threads, t)
	}
	b.record(eprocess, f.Address).list("ThreadListHead", links...).list("Pcb.ThreadListHead", own...).may("ActiveThreads", uint64(len(links)))
}

// thread writes an ETHREAD, its stack and what it waits for.
func (b *builder) thread(p *Process, f *ProcessFacts, t *Thread) ThreadFacts {
	r := b.object(&b.nonPaged, "Thread", ethread).dispatcher("Tcb.Header", dispatchThread)
	top := b.lay.stacks + uint64(b.stacks+1)*stackStride
	b.stacks++
	b.ensure(b.root, top-stackSize, stackSize)
	facts := ThreadFacts{Address: r.at, TID: t.TID, TEB: t.TEB, Running: t.Running}
	state := uint64(stateWaiting)
	if t.Running {
		state = stateRunning
	}
	r.set("Tcb.InitialStack", top).set("Tcb.StackBase", top).set("Tcb.StackLimit", top-stackSize).set("Tcb.Teb", t.TEB).set("Tcb.State", state).
		set("Tcb.WaitReason", userRequest).set("Tcb.WaitTime", ticks-100).set("Tcb.WaitMode", 1).set("Tcb.ContextSwitches", 77).
		set("Tcb.Priority", 8).set("Tcb.BasePriority", 8).may("Tcb.KernelTime", 3).may("Tcb.UserTime", 5).
		set("Tcb.KernelStackResident", 1).may("Tcb.Running", state&stateRunning/stateRunning).
		set("Tcb.ApcState.Process", f.Address).may("Tcb.Process", f.Address).may("ThreadsProcess", f.Address).
		set("Cid.UniqueProcess", p.PID).set("Cid.UniqueThread", t.TID).set("StartAddress", b.start(t)).set("Win32StartAddress", b.start(t)).
		list("Tcb.MutantListHead").list("IrpList")
	for i := range uint64(2) {
		b.link(r.addr("Tcb.ApcState.ApcListHead")+2*b.lay.pointer*i, nil)
	}
	b.put(r.addr("CreateTime"), created<<map[bool]uint{true: 3, false: 0}[b.has(ethread, "NestedFaultCount") || b.lay.pointer == 4], 8)
	b.teb(p, f, t)
	s := b.stack(f, t, top)
	facts.Frames = s.facts()
	r.may("Tcb.TrapFrame", s.trap).may("Tcb.InitialBStore", top).may("Tcb.KernelBStore", top).may("Tcb.BStoreLimit", top+stackSize)
	if t.Running {
		r.set("Tcb.KernelStack", s.sp)
		b.running = &activation{thread: r.at, process: f.Address, root: f.Root, teb: t.TEB, top: top, stack: s}
		return facts
	}
	r.set("Tcb.KernelStack", s.switched())
	b.wait(r)
	return facts
}

// start is where a thread began: in user mode, or a function of the kernel.
func (b *builder) start(t *Thread) uint64 {
	if t.Start != 0 {
		return t.Start
	}
	return b.symbol("PspSystemThreadStartup")
}

// wait gives a thread an event to wait for.
func (b *builder) wait(r record) {
	event := b.object(&b.nonPaged, "Event", "KEVENT").set("Header.Type", notificationEvent)
	block := b.record("KWAIT_BLOCK", r.addr("Tcb.WaitBlock"))
	block.set("Thread", r.at).set("Object", event.at).may("NextWaitBlock", block.at).set("WaitType", 1)
	event.list("Header.WaitListHead", block.addr("WaitListEntry"))
	r.set("Tcb.WaitBlockList", block.at)
}

// teb writes what a thread has in user memory.
func (b *builder) teb(p *Process, f *ProcessFacts, t *Thread) {
	if t.TEB == 0 {
		return
	}
	b.ensure(f.Root, t.TEB, b.sizeOf("TEB"))
	u := t.User
	if b.mem.ia64 != nil { // whose stacks are not built
		u = &UserFrame{SP: t.TEB}
	}
	b.ensure(f.Root, u.SP&^(pageSize-1), pageSize)
	r := b.in(f.Root, "TEB", t.TEB).set("NtTib.Self", t.TEB).set("NtTib.StackBase", u.SP&^(pageSize-1)+pageSize).set("NtTib.StackLimit", u.SP&^(pageSize-1)).
		set("ProcessEnvironmentBlock", p.PEB).set("ClientId.UniqueProcess", p.PID).set("ClientId.UniqueThread", t.TID)
	if b.lay.pointer == 4 {
		r.set("NtTib.ExceptionList", 1<<32-1)
	}
}

// activation is the thread that was running.
type activation struct {
	thread, process, root, teb, top uint64
	stack                           *stack
}

// stack is a kernel stack as the calls of a thread leave it.
type stack struct {
	b      *builder
	root   uint64 // of the process, for what is on the stack of user mode
	trap   uint64 // the trap frame; 0: none
	sp, fp uint64
	user   *UserFrame
	frames []frame // outermost first
	narrow bool
}

// frame is a function that was called.
type frame struct {
	name     string
	ip       uint64 // where it called the next
	sp, fp   uint64
	returnTo uint64
	size     uint64 // bytes it takes below its return address
}

// stack writes the stack of a thread from its outermost call on.
func (b *builder) stack(f *ProcessFacts, t *Thread, top uint64) *stack {
	s := &stack{b: b, root: f.Root, sp: top, user: t.User, narrow: b.lay.pointer == 4}
	if b.mem.ia64 != nil {
		s.sp -= 0x200
		return s
	}
	outside := uint64(0)
	if t.User != nil {
		outside = t.User.IP
		s.enter(t)
	} else if !s.narrow {
		s.push(0)
	}
	for i, c := range t.Calls {
		fr := b.call(c)
		fr.returnTo = outside
		if i > 0 {
			s.call(&fr)
		} else {
			s.first(&fr)
		}
		outside = fr.ip
		s.frames = append(s.frames, fr)
	}
	return s
}

// call finds a function, what it takes of the stack and where it calls another:
// in its code, which is ours.
func (b *builder) call(c Call) frame {
	f := frame{name: c.Name, ip: b.symbol(c.Name)}
	if c.Module != "" {
		for _, m := range b.facts.Modules {
			if m.Name == c.Module {
				f.ip = m.Base + uint64(c.RVA)
			}
		}
		return f
	}
	code, err := b.mem.read(b.root, f.ip, 24)
	if err != nil || f.ip == 0 {
		b.failf("the kernel has no function %s to call", c.Name)
		return f
	}
	switch { // sub rsp, 8 or 32 bits
	case bytes.HasPrefix(code, []byte{0x48, 0x83, 0xec}):
		f.size = uint64(code[3])
	case bytes.HasPrefix(code, []byte{0x48, 0x81, 0xec}):
		f.size = uint64(binary.LittleEndian.Uint32(code[3:]))
	}
	at := bytes.IndexByte(code, 0xe8)
	if at < 0 {
		b.failf("%s calls nothing", c.Name)
		return f
	}
	f.name, f.ip = "nt!"+f.name+"+"+hexOffset(at+5), f.ip+uint64(at)+5
	return f
}

func (s *stack) push(v uint64) {
	s.sp -= s.b.lay.pointer
	s.b.putPtr(s.sp, v)
}

// enter writes the trap frame of a thread that came from user mode, and the
// stack it left there.
func (s *stack) enter(t *Thread) {
	u, b := t.User, s.b
	size := b.sizeOf("KTRAP_FRAME")
	if s.narrow {
		s.sp -= 0x210 // below the state of the coprocessor
	}
	s.sp -= size
	s.trap, s.fp = s.sp, s.sp
	r := b.record("KTRAP_FRAME", s.trap).set("EFlags", 0x246)
	if !s.narrow {
		r.set("PreviousMode", 1).set("MxCsr", 0x1f80).set("Rip", u.IP).set("Rsp", u.SP).set("SegCs", 0x33).set("SegSs", 0x2b).
			set("SegDs", 0x2b).set("SegEs", 0x2b).set("SegFs", 0x53).set("SegGs", 0x2b)
		for i, v := range u.Returns {
			b.userPtr(s.root, u.SP+8*uint64(i), v)
		}
		return
	}
	fp := u.SP + 0x20
	r.set("DbgEbp", fp).set("DbgEip", u.IP).set("DbgArgMark", 0xbadb0d00).set("Eip", u.IP).set("Ebp", fp).set("HardwareEsp", u.SP).
		set("SegCs", 0x1b).set("HardwareSegSs", 0x23).set("SegDs", 0x23).set("SegEs", 0x23).set("SegFs", 0x3b).
		set("PreviousPreviousMode", 1).set("ExceptionList", 1<<32-1)
	for i, v := range u.Returns { // frames 20h apart
		at := fp + 0x20*uint64(i)
		b.userPtr(s.root, at, at+0x20)
		b.userPtr(s.root, at+4, v)
	}
}

// userPtr stores a pointer in user memory.
func (b *builder) userPtr(root, at, v uint64) {
	var p [8]byte
	putN(p[:b.lay.pointer], v)
	if b.err == nil {
		b.fail(b.mem.write(root, at, p[:b.lay.pointer]))
	}
}

// first is the function nothing in the kernel called.
func (s *stack) first(f *frame) {
	if s.trap == 0 {
		s.sp -= f.size
		if s.narrow {
			s.sp -= 0x20
		}
	}
	f.sp, f.fp = s.sp, s.fp
}

// call is a function called by the one before it.
func (s *stack) call(f *frame) {
	s.push(f.returnTo)
	if s.narrow && f.name[:min(len(f.name), 16)] == "nt!KiSwapContext" { // no frame, four registers
		f.fp = s.sp - 4
		f.sp = s.sp
		return
	}
	if s.narrow {
		s.push(s.fp)
		s.fp = s.sp
	}
	s.sp -= f.size
	f.sp, f.fp = s.sp, s.fp
}

// switched puts what a thread that waits has on top of its stack, and returns
// where that is.
func (s *stack) switched() uint64 {
	if len(s.frames) == 0 {
		return s.sp
	}
	b, inner := s.b, s.frames[len(s.frames)-1]
	if !s.narrow {
		s.sp -= b.sizeOf("KSWITCH_FRAME")
		b.record("KSWITCH_FRAME", s.sp).set("MxCsr", 0x1f80).set("ApcBypass", 1).set("Return", inner.ip)
		return s.sp
	}
	for range 3 {
		s.push(0)
	}
	s.push(s.fp)
	s.push(inner.ip)
	s.push(0)
	s.push(1<<32 - 1)
	return s.sp
}

// facts are the frames as a debugger shows them, the innermost first.
func (s *stack) facts() (list []FrameFacts) {
	for i := len(s.frames) - 1; i >= 0; i-- {
		f := s.frames[i]
		at := f.sp
		if s.narrow {
			at = f.fp
		}
		list = append(list, FrameFacts{Stack: at, Return: f.returnTo, Where: f.name})
	}
	return list
}
