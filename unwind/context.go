package unwind

// Context holds a thread's registers. It is plain data.
type Context struct {
	Machine Machine
	// UnwoundToCall says that PC is a return address: the call is the
	// instruction before it.
	UnwoundToCall bool
	// KnownInt and KnownVec have a bit for each register of Int and Vec whose
	// value is known. PC and the stack pointer are always known.
	KnownInt uint32
	KnownVec uint16
	PC       uint64
	// Int holds integer registers by the machine's numbers: rax rcx rdx rbx rsp
	// rbp rsi rdi r8 to r15; eax to edi in the same order; r0 to r12, sp, lr;
	// x0 to x30 and sp as 31. 32-bit ones are zero-extended. On x64, element 16
	// is the value that lr would have if the code at PC were ARM64 code in a
	// hybrid image.
	Int [32]uint64
	// Vec holds the low 128 bits of vector registers, low half first: xmm0 to
	// xmm15 on x64, v0 to v15 on ARM64, and in the low half d0 to d15 on ARM.
	Vec [16][2]uint64
}

// Numbers of registers in Context.Int.
const (
	RegRSP     = 4
	RegRBP     = 5
	RegESP     = 4
	RegEBP     = 5
	RegARMFP   = 11
	RegARMSP   = 13
	RegARMLR   = 14
	RegARM64FP = 29
	RegARM64LR = 30
	RegARM64SP = 31
)

// spIndex is the number of the stack pointer.
func (m Machine) spIndex() int {
	switch m {
	case ARM64:
		return RegARM64SP
	case ARM:
		return RegARMSP
	}
	return RegRSP
}

// is32 reports whether addresses have 32 bits.
func (m Machine) is32() bool { return m == X86 || m == ARM }

// word is the size of an address in bytes.
func (m Machine) word() uint64 {
	if m.is32() {
		return 4
	}
	return 8
}

// SP returns the stack pointer.
func (c *Context) SP() uint64 { return c.Int[c.Machine.spIndex()] }

// SetSP sets the stack pointer.
func (c *Context) SetSP(sp uint64) { c.Int[c.Machine.spIndex()] = sp }

// LookupPC returns the address by which function, line and module of the frame
// are to be found: inside the call instruction before PC where PC is a return
// address, because a call that never returns may be the last instruction of its
// function, else PC.
func (c *Context) LookupPC() uint64 {
	if !c.UnwoundToCall || c.PC == 0 {
		return c.PC
	}
	switch c.Machine {
	case ARM64:
		return c.PC - 4
	case ARM:
		return c.PC - 2
	}
	return c.PC - 1
}

// known reports whether integer register i has a value.
func (c *Context) known(i int) bool { return c.KnownInt>>i&1 != 0 }

// set gives integer register i a value.
func (c *Context) set(i int, v uint64) { c.Int[i], c.KnownInt = v, c.KnownInt|1<<i }

// forget marks integer register i as unknown.
func (c *Context) forget(i int) { c.KnownInt &^= 1 << i }
