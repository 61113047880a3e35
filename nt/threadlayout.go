package nt

// threadLayout says where the fields of an ETHREAD are that lead to its stack,
// what KiSwapContext left on the stack of a thread that does not run, and where
// a KPRCB keeps the registers of its processor. It is plain data.
type threadLayout struct {
	Origin string // which Windows it is of, and where it was taken from
	Bits   int    // 32 or 64: the width of pointers; 0 for a layout that is not known

	Head  field // EPROCESS.ThreadListHead
	Links field // ETHREAD.ThreadListEntry

	ID       field // Cid.UniqueThread
	State    field // as the following fields, of KTHREAD, with which an ETHREAD begins
	Stack    field // KernelStack
	Base     field // StackBase, else InitialStack
	Limit    field // StackLimit
	TEB      field
	Trap     field // TrapFrame
	Resident field // KernelStackResident
	Process  field // ApcState.Process

	SwitchSize uint16 // of a KSWITCH_FRAME
	SwitchIP   field
	SwitchFP   field

	TrapIP, TrapSP, TrapFP, TrapCS field // of a KTRAP_FRAME

	Current     field // KPRCB.CurrentThread
	Context     field // KPRCB.ProcessorState.ContextFrame; Size is that of a pointer
	ContextAt   field // KPRCB.Context, a pointer to the registers
	ContextSize uint16
}

// threadLayoutFor returns the embedded layout for a machine and build; its Bits
// are 0 where none is embedded. Those of XP SP2 were measured in its PDB, those
// of Windows 10 2004 to 22H2 are of public dumps of the kernel's types.
func threadLayoutFor(machine uint16, build uint32) threadLayout {
	switch {
	case machine == machineI386 && build == buildXP:
		return threadLayout{
			Origin: "embedded: x86, Windows XP SP2", Bits: 32, Head: at(0x190, 4), Links: at(0x22c, 4), ID: at(0x1f0, 4),
			State: at(0x2d, 1), Stack: at(0x28, 4), Base: at(0x168, 4), Limit: at(0x1c, 4), TEB: at(0x20, 4), Trap: at(0x134, 4),
			Resident: at(0x12a, 1), Process: at(0x44, 4), SwitchSize: switchSize32, SwitchIP: at(switchIP32, 4),
			TrapIP: at(0x68, 4), TrapSP: at(0x74, 4), TrapFP: at(0x60, 4), TrapCS: at(0x6c, 2),
			Current: at(4, 4), Context: at(0x1c, 4), ContextSize: contextSize(machine),
		}
	case machine == machineAMD64 && build >= build2004 && build <= build22H2:
		return threadLayout{
			Origin: "embedded: x64, Windows 10 2004 to 22H2", Bits: 64, Head: at(0x5e0, 8), Links: at(0x4e8, 8), ID: at(0x480, 8),
			State: at(0x184, 1), Stack: at(0x58, 8), Base: at(0x38, 8), Limit: at(0x30, 8), TEB: at(0xf0, 8), Trap: at(0x90, 8),
			Resident: bitsAt(0x74, 4, 0, 1), Process: at(0xb8, 8), SwitchSize: 0x40, SwitchIP: at(0x38, 8), SwitchFP: at(0x30, 8),
			TrapIP: at(0x168, 8), TrapSP: at(0x180, 8), TrapFP: at(0x158, 8), TrapCS: at(0x170, 2),
			Current: at(8, 8), Context: at(0x120, 8), ContextSize: contextSize(machine),
		}
	}
	return threadLayout{}
}

// What SwapContext leaves on an x86 stack: an exception list, a flag, where it
// returns to. Later PDBs have no type for it.
const (
	switchSize32 = 12
	switchIP32   = 8
)

// contextSize is the size of the CONTEXT of winnt.h.
func contextSize(machine uint16) uint16 {
	return map[uint16]uint16{machineI386: 0x2cc, machineAMD64: 0x4d0, machineARM: 0x1a0, machineARM64: 0x390, machineIA64: 0xa70}[machine]
}

func (l *threadLayout) width() width { return width(l.Bits / 8) }

// size is the size of the part of an ETHREAD that is read.
func (l *threadLayout) size() int {
	n := 0
	for _, f := range []field{l.Links, l.ID, l.State, l.Stack, l.Base, l.Limit, l.TEB, l.Trap, l.Resident, l.Process} {
		n = max(n, f.end())
	}
	return n
}

// known reports whether threads can be listed by the layout.
func (l *threadLayout) known() bool { return l.Bits != 0 && l.Head.known() && l.Links.known() }

// thread reads the layout out of types.
func (t *typeReader) thread() threadLayout {
	const thread, prcb = "_ETHREAD", "_KPRCB"
	l := threadLayout{
		Origin: ofTypes, Bits: t.bits, Head: t.must("_EPROCESS", "ThreadListHead.Flink"), Links: t.must(thread, "ThreadListEntry.Flink"),
		ID: t.must(thread, "Cid.UniqueThread"), State: t.must(thread, "Tcb.State"), Stack: t.must(thread, "Tcb.KernelStack"),
		Base: t.may(thread, "Tcb.StackBase", "Tcb.InitialStack"), Limit: t.may(thread, "Tcb.StackLimit"), TEB: t.may(thread, "Tcb.Teb"),
		Trap: t.may(thread, "Tcb.TrapFrame"), Resident: t.may(thread, "Tcb.KernelStackResident"), Process: t.may(thread, "Tcb.ApcState.Process"),
		Current: t.must(prcb, "CurrentThread"), ContextAt: t.may(prcb, "Context"), ContextSize: contextSize(t.f.Info().DBI.Machine),
	}
	if f, ok := t.has(prcb, "ProcessorState.ContextFrame"); ok {
		l.Context, l.ContextSize = at(uint16(f.Offset), uint8(t.bits/8)), uint16(f.Size)
	}
	const trap = "_KTRAP_FRAME"
	l.TrapIP, l.TrapSP = t.may(trap, "Rip", "Eip"), t.may(trap, "Rsp", "HardwareEsp")
	l.TrapFP, l.TrapCS = t.may(trap, "Rbp", "Ebp"), t.may(trap, "SegCs")
	t.switchFrame(&l)
	if t.err != nil {
		return threadLayout{}
	}
	return l
}

// switchFrame reads the form of a KSWITCH_FRAME. Without a type it is known on
// x86 alone.
func (t *typeReader) switchFrame(l *threadLayout) {
	if t.bits == 32 {
		l.SwitchSize, l.SwitchIP = switchSize32, at(switchIP32, 4)
		return
	}
	const frame = "_KSWITCH_FRAME"
	if size, err := sizeOfType(t.f, frame); err == nil && size <= maxStructure {
		l.SwitchSize, l.SwitchIP, l.SwitchFP = uint16(size), t.may(frame, "Return"), t.may(frame, "Rbp")
	}
}
