package dumpbuild

import "fmt"

// What is where on an Itanium (kxia64.h, and what Microsoft's kd makes of it).
const (
	kseg0, kseg0End = 0xe000000080000000, 0xe0000000c0000000 // mapped without tables: the kernel's image

	pteTableIA64   = 0x461 // valid, accessed, dirty, writable
	pteExecuteIA64 = 0x200
	pteUserIA64    = 0x180 // privilege level 3

	ptePrototypeIA64  = 1 << 1
	pteTransitionIA64 = 1 << 7
	protectAtIA64     = 2
)

func layoutIA64() layout {
	return layout{
		pointer: 8, poolHeader: 16, nonPaged: 0xe000012602000000, pagedPool: 0xe000000602000000, nonPagedEnd: 0xe000012640000000,
		pfnDatabase: 0xe000010000000000, stacks: 0xe000012603000000, sessions: 0x2000000000000000,
		shared: 0xe0000000fffe0000, pcr: 0xe0000000ffff0000, descriptors: 0xe0000000ffff8000,
		firstFrame: 0x1900, kernelFrames: 0x3c00, headerSize: 0x2000, headerRuns: 0x88, mostRuns: 42,
	}
}

// regions are the roots of an Itanium besides that of region 0.
type regions struct {
	kernel   uint64            // physical address of the root of region 7
	sessions map[uint64]uint64 // those of region 1, by the root of a process
}

func (r *regions) check(va uint64) error {
	if region := va >> 61; region != 0 && region != 1 && region != 7 || va>>43&(1<<18-1) != 0 {
		return fmt.Errorf("%w: no such address %x", ErrSpec, va)
	}
	return nil
}

// direct returns the frame of an address that needs no table.
func (m *memory) direct(va uint64) (frame uint64, ok bool) {
	if m.ia64 == nil || va < kseg0 || va >= kseg0End {
		return 0, false
	}
	return (va - kseg0) >> m.shift, true
}

// rootFrame is the frame of the top table for an address.
func (m *memory) rootFrame(root, va uint64) uint64 {
	if m.ia64 != nil {
		switch va >> 61 {
		case 7:
			root = m.ia64.kernel
		case 1:
			root = m.ia64.sessions[root]
		}
	}
	return root >> m.shift
}

// large reports whether an entry above the last level is a large page.
func (m *memory) large(e uint64) bool { return m.ia64 == nil && e&pteLarge != 0 }

// tableFlags are the bits of an entry that names a table.
func (m *memory) tableFlags(va uint64) uint64 {
	if m.ia64 != nil {
		return pteTableIA64
	}
	return m.flags(va)
}

func flagsIA64(va uint64) uint64 {
	if va>>61 == 0 {
		return pteTableIA64 | pteExecuteIA64 | pteUserIA64
	}
	return pteTableIA64 | pteExecuteIA64
}

// newRootIA64 returns an empty root of region 0, in the frame asked for if that is
// not 0, as a KPROCESS has it.
func (b *builder) newRootIA64(frame uint64) uint64 {
	if frame == 0 {
		frame = b.mem.alloc()
	} else {
		b.mem.frames[frame] = make([]byte, b.mem.page())
	}
	return frame<<b.mem.shift | pteTableIA64
}

// sessionRoot gives a process the page tables of its session.
func (b *builder) sessionRoot(session uint32, f *ProcessFacts) {
	if b.mem.ia64 == nil {
		return
	}
	at, ok := b.sessionRoots[session]
	if !ok {
		at = b.mem.alloc()<<b.mem.shift | pteTableIA64
		b.sessionRoots[session] = at
	}
	b.mem.ia64.sessions[f.Root] = at
	b.record(eprocess, f.Address).set("Pcb.SessionParentBase", at)
}

// sessionSpace is the address space in which the structure of a session is.
func (b *builder) sessionSpace(session uint32) uint64 {
	if members := b.members[session]; b.mem.ia64 != nil && len(members) > 0 {
		return members[0]
	}
	return b.root
}

// processorIA64 writes KPCR and KPRCB, which are apart, and the registers.
func (b *builder) processorIA64(pcr record) {
	a := b.running
	prcb := b.record("KPRCB", b.lay.descriptors)
	b.ensure(b.root, prcb.at, b.sizeOf("KPRCB"))
	frame, err := b.mem.entryOf(b.root, pcr.at)
	b.fail(err)
	pcr.set("MajorVersion", 1).set("MinorVersion", 1).set("Prcb", prcb.at).set("CurrentPrcb", prcb.at).set("Self", pcr.at).set("CurrentThread", a.thread).
		set("InitialStack", a.top).set("StackLimit", a.top-stackSize).set("InitialBStore", a.top).set("BStoreLimit", a.top+stackSize).set("CurrentIrql", 15)
	prcb.set("MajorVersion", 1).set("MinorVersion", 1).set("CurrentThread", a.thread).set("PcrPage", b.mem.frameOf(frame)).
		set("MHz", 1600).set("CpuType", 0x20).set("SetMember", 1)
	prcb.bytes(b.off("KPRCB", "VendorString"), []byte("GenuineIntel"))
	context := b.record("CONTEXT", prcb.addr("ProcessorState")+b.off("KPROCESSOR_STATE", "ContextFrame"))
	b.registers(context, map[string]uint64{"StIIP": b.symbol("KeBugCheckEx"), "IntSp": a.stack.sp, "RsBSP": a.top, "RsBSPSTORE": a.top})
	context.set("ContextFlags", 0x8002f).set("StIPSR", 0x1010082a6010).set("StIFS", 1<<63).set("RsRSC", 3).set("StFPSR", 0x9804c0270033f).set("IntTeb", a.teb)
	b.putPtr(b.symbol("KiProcessorBlock"), prcb.at)
	b.contextBytes, _ = b.mem.read(b.root, context.at, int(b.sizeOf("CONTEXT")))
}

// debuggerBlockIA64 gives the block what only kernels of Itanium have there.
func (b *builder) debuggerBlockIA64(r record) {
	r.set("MmPageSize", b.mem.page()).set("MmVirtualTranslationBase", 0).set("MmSystemParentTablePage", b.symbol("MmSystemParentTablePage")).
		set("OffsetKThreadBStore", b.off("KTHREAD", "InitialBStore")).set("OffsetKThreadBStoreLimit", b.off("KTHREAD", "BStoreLimit")).
		set("OffsetPcrInitialBStore", b.off("KPCR", "InitialBStore")).set("OffsetPcrBStoreLimit", b.off("KPCR", "BStoreLimit")).
		set("OffsetPcrInitialStack", b.off("KPCR", "InitialStack")).set("OffsetPcrStackLimit", b.off("KPCR", "StackLimit")).
		set("OffsetPrcbPcrPage", b.off("KPRCB", "PcrPage")).set("OffsetPcrContainedPrcb", 0)
}

// entryOf returns the entry of a page.
func (m *memory) entryOf(root, va uint64) (uint64, error) {
	frame, err := m.table(root, va, len(m.shifts())-1)
	return m.get(frame, m.index(va, m.shift)), err
}
