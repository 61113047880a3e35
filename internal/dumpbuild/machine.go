package dumpbuild

import (
	"encoding/binary"
	"fmt"
)

func hexOffset(n int) string { return fmt.Sprintf("%#x", n) }

// Times are FILETIMEs: of the start, and how long the target ran.
const (
	bootTime = 0x01c04395a2a3e800 - upTime // 2000-11-01 less an hour
	upTime   = 36_000_000_000
)

// ensure makes pages resident that are not there yet.
func (b *builder) ensure(root, at, size uint64) {
	for va := at &^ (b.mem.page() - 1); va < at+size && b.err == nil; va += b.mem.page() {
		if _, err := b.mem.resident(root, va); err != nil {
			_, err = b.mem.mapPage(root, va, nil)
			b.fail(err)
		}
	}
}

// sharedData writes KUSER_SHARED_DATA.
func (b *builder) sharedData() {
	if !b.has("KUSER_SHARED_DATA", "SystemTime") {
		return
	}
	b.ensure(b.root, b.lay.shared, pageSize)
	r := b.record("KUSER_SHARED_DATA", b.lay.shared).set("TickCountMultiplier", 0x0fa00000).set("NtProductType", 1).set("ProductTypeIsValid", 1).
		set("NtMajorVersion", uint64(b.version()[0])).set("NtMinorVersion", uint64(b.version()[1])).set("SuiteMask", 0x100).may("TickCountLow", ticks)
	for path, t := range map[string]uint64{"SystemTime": bootTime + upTime, "InterruptTime": upTime, "TickCount": ticks} {
		f, ok := b.field(r.typ, path)
		if !ok {
			continue
		}
		var p [12]byte
		binary.LittleEndian.PutUint64(p[:], t)
		copy(p[8:], p[4:8])
		r.bytes(f.Offset, p[:])
	}
}

// version is that of Windows.
func (b *builder) version() [2]int {
	switch {
	case b.spec.Build >= buildWindows10:
		return [2]int{10, 0}
	case b.spec.Build >= build7:
		return [2]int{6, 1}
	}
	return [2]int{5, 1}
}

// processor writes the processor's structures: KPCR with its KPRCB, contexts,
// special registers and the descriptor tables. Debuggers find the current
// process by them.
func (b *builder) processor() {
	if b.running == nil || b.err != nil {
		return
	}
	pcr, a := b.record("KPCR", b.lay.pcr), b.running
	b.ensure(b.root, pcr.at, b.sizeOf("KPCR"))
	if b.mem.ia64 != nil {
		b.processorIA64(pcr)
		return
	}
	b.ensure(b.root, b.lay.descriptors, 2*pageSize)
	path := "Prcb"
	if b.has("KPCR", "PrcbData") {
		path = "PrcbData"
	}
	prcb := b.record("KPRCB", pcr.addr(path))
	pcr.set("MajorVersion", 1).set("MinorVersion", 1).set("Irql", 0xf)
	prcb.set("MajorVersion", 1).set("MinorVersion", 1).set("CurrentThread", a.thread).may("CpuType", 6).may("MHz", 2400).may("BuildType", 2)
	prcb.bytes(b.off("KPRCB", "VendorString"), []byte("GenuineIntel"))
	state := prcb.addr("ProcessorState")
	special := b.record("KSPECIAL_REGISTERS", state+b.off("KPROCESSOR_STATE", "SpecialRegisters"))
	context := b.record("CONTEXT", state+b.off("KPROCESSOR_STATE", "ContextFrame"))
	if b.lay.pointer == 4 {
		b.processor32(pcr, prcb, special, context)
	} else {
		b.processor64(pcr, prcb, special, context)
	}
	if table := b.symbol("KiProcessorBlock"); table != 0 {
		b.putPtr(table, prcb.at)
	}
	b.contextBytes, _ = b.mem.read(b.root, context.at, int(b.sizeOf("CONTEXT")))
}

// registers sets those of the running thread.
func (b *builder) registers(context record, values map[string]uint64) {
	b.facts.Registers = values
	for name, v := range values {
		context.set(name, v)
	}
}

func (b *builder) processor32(pcr, prcb, special, context record) {
	gdt, a := b.lay.descriptors, b.running
	pcr.set("SelfPcr", pcr.at).set("Prcb", prcb.at).set("GDT", gdt).set("IDT", gdt+0x400).set("TSS", gdt+0x1000)
	b.putPtr(pcr.at, 1<<32-1) // no exception handler
	special.set("Cr0", 0x8001003b).set("Cr3", a.root).set("Cr4", 0x6f9).set("Tr", 0x28).
		set("Gdtr.Base", gdt).set("Gdtr.Limit", 0x3ff).set("Idtr.Base", gdt+0x400).set("Idtr.Limit", 0x7ff)
	for selector, d := range map[uint64][4]uint64{ // base, limit, access, flags
		8: {0, 0xfffff, 0x9b, 0xc}, 0x10: {0, 0xfffff, 0x93, 0xc}, 0x18: {0, 0xfffff, 0xfb, 0xc}, 0x20: {0, 0xfffff, 0xf3, 0xc},
		0x28: {gdt + 0x1000, 0x20ab, 0x8b, 0}, 0x30: {pcr.at, 1, 0x93, 0xc}, 0x38: {a.teb, 0xfff, 0xf3, 4},
	} {
		base, limit, access, flags := d[0], d[1], d[2], d[3]
		b.put32(gdt+selector, limit&0xffff|base&0xffff<<16)
		b.put32(gdt+selector+4, base>>16&0xff|access<<8|limit>>16<<16|flags<<20|base&0xff000000)
	}
	b.registers(context, map[string]uint64{"ContextFlags": 0x1001f, "Eip": a.ip(), "Esp": a.stack.sp, "Ebp": a.stack.fp, "Eax": bugCheck, "Ebx": b.lay.nonPaged,
		"Ecx": 0, "Edx": 0x40, "Esi": a.thread, "Edi": 0, "SegCs": 8, "SegSs": 0x10, "SegDs": 0x23, "SegEs": 0x23, "SegFs": 0x30, "SegGs": 0, "EFlags": 0x246})
}

func (b *builder) processor64(pcr, prcb, special, context record) {
	gdt, a := b.lay.descriptors, b.running
	pcr.set("Self", pcr.at).set("CurrentPrcb", prcb.at).set("GdtBase", gdt).set("IdtBase", gdt+0x80).set("TssBase", gdt+0x1080).may("Used_Self", a.teb)
	prcb.set("MxCsr", 0x1f80).may("RspBase", a.top)
	special.set("Cr0", 0x80050031).set("Cr3", a.root).set("Cr4", 0x6f8).set("Tr", 0x40).set("Gdtr.Base", gdt).set("Gdtr.Limit", 0x7f).
		set("Idtr.Base", gdt+0x80).set("Idtr.Limit", 0xfff).may("MsrGsBase", pcr.at).may("MsrGsSwap", a.teb)
	for selector, d := range map[uint64][2]uint64{ // code of the kernel in long mode, data, user code of 32 bits, data, user code, TEB
		0x10: {0, 0x209b00}, 0x18: {0, 0x409300}, 0x20: {0xffff, 0xcffb00}, 0x28: {0xffff, 0xcff300}, 0x30: {0, 0x20fb00}, 0x50: {0x3c00, 0x40f300},
	} {
		b.put32(gdt+selector, d[0])
		b.put32(gdt+selector+4, d[1])
	}
	b.registers(context, map[string]uint64{"ContextFlags": 0x10001f, "MxCsr": 0x1f80, "Rip": a.ip(), "Rsp": a.stack.sp, "Rcx": bugCheck, "Rbx": b.lay.nonPaged,
		"Rdi": a.thread, "SegCs": 0x10, "SegSs": 0x18, "SegDs": 0x2b, "SegEs": 0x2b, "SegFs": 0x53, "SegGs": 0x2b, "EFlags": 0x246})
}

// ip is where the running thread is.
func (a *activation) ip() uint64 {
	if n := len(a.stack.frames); n > 0 {
		return a.stack.frames[n-1].ip
	}
	return 0
}
