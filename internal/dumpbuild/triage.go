package dumpbuild

import (
	"encoding/binary"
	"unicode/utf16"
)

// Offsets of TRIAGE_DUMP64 and of its driver entries: public readers,
// measured on three real dumps.
const (
	triageHeader     = 0x2000
	triageSize       = 0x80
	driverStride     = 0x90
	triageFields     = 0x1 | 0x2 | 0x40 | 0x400 | 0x800 // context, exception, drivers, debugger data, data blocks
	triageValid      = 0x44475254                       // "TRGD"
	miniDumpFields   = 0x1038
	debuggerDataSize = 0x380
)

// tail is a piece of the file that grows behind the fixed part.
type tail struct {
	base uint64 // file offset of b[0]
	b    []byte
}

// add appends p on an 8-byte boundary and returns its file offset.
func (t *tail) add(p []byte) uint64 {
	t.b = append(t.b, make([]byte, roundUp(uint64(len(t.b)), 8)-uint64(len(t.b)))...)
	at := t.base + uint64(len(t.b))
	t.b = append(t.b, p...)
	return at
}

// triage returns what follows the header of a triage dump: its own header,
// driver list, names and blocks of virtual memory.
func (b *builder) triage(h []byte) []byte {
	le := binary.LittleEndian
	le.PutUint32(h[miniDumpFields:], triageFields)
	t := tail{base: triageHeader, b: make([]byte, triageSize)}
	set := func(off int, v uint64) { le.PutUint32(t.b[off:], uint32(v)) }
	names, drivers := b.triageDrivers(&t)
	at := t.add(drivers)
	set(0x30, at)
	set(0x34, uint64(len(b.facts.Modules)))
	set(0x38, names[0])
	set(0x3c, names[1]-names[0])
	b.triageBlocks(&t)
	if p, err := b.mem.read(b.root, b.facts.DebuggerBlock, debuggerDataSize); err == nil {
		set(0x70, t.add(p))
		set(0x74, debuggerDataSize)
	}
	b.triageRunning(h, &t)
	b.triageUnloaded(&t)
	set(0x0c, header64().context)
	set(0x10, header64().exception)
	le.PutUint32(t.b[0x44:], 1<<32-1) // TriageOptions, as measured
	valid := t.add(le.AppendUint32(nil, triageValid))
	set(0x08, valid)
	set(0x04, valid+4)
	return t.b
}

// triageBasic are the low bits of MiniDumpFields, which the real triage dumps we
// have seen all set. Without 0x80 Microsoft's kd ignores the debugger data (measured).
const triageBasic = 0xff

// triageRunning keeps what the processor did: its KPRCB, the process, the thread
// and its stack. Microsoft's kd opens no triage dump that lacks all of these.
func (b *builder) triageRunning(h []byte, t *tail) {
	a := b.running
	if a == nil || b.err != nil {
		return
	}
	le := binary.LittleEndian
	keep := func(at, n uint64) uint64 {
		p, err := b.mem.read(b.root, at, int(n))
		b.fail(err)
		return t.add(p)
	}
	set := func(off int, v uint64) { le.PutUint32(t.b[off:], uint32(v)) }
	set(0x1c, keep(b.getPtr(b.symbol("KiProcessorBlock")), b.sizeOf("KPRCB")))
	set(0x20, keep(b.getPtr(b.record("KTHREAD", a.thread).addr("ApcState.Process")), b.sizeOf("EPROCESS")))
	set(0x24, keep(a.thread, b.sizeOf("ETHREAD")))
	set(0x28, keep(a.stack.sp, a.top-a.stack.sp))
	set(0x2c, a.top-a.stack.sp)
	le.PutUint64(t.b[0x48:], a.stack.sp)
	le.PutUint32(h[miniDumpFields:], triageFields|triageBasic)
}

// triageUnloaded keeps the drivers the kernel remembers: a count, and entries
// with the first 12 units of each name.
func (b *builder) triageUnloaded(t *tail) {
	if len(b.spec.Unloaded) == 0 {
		return
	}
	le := binary.LittleEndian
	list := le.AppendUint64(nil, uint64(len(b.spec.Unloaded)))
	for _, u := range b.spec.Unloaded {
		e := make([]byte, 0x38)
		name := utf16.Encode([]rune(u.Name))
		name = name[:min(len(name), 12)]
		le.PutUint16(e, uint16(2*len(name)))
		le.PutUint16(e[2:], 24)
		for i, c := range name {
			le.PutUint16(e[0x10+2*i:], c)
		}
		le.PutUint64(e[0x28:], u.Start)
		le.PutUint64(e[0x30:], u.End)
		list = append(list, e...)
	}
	at := t.add(list) // t.b moves
	le.PutUint32(t.b[0x18:], uint32(at))
}

// triageDrivers appends the string pool and returns where it starts and ends,
// and the driver entries: the offset of the path, then a loader entry whose
// stamp is where user-mode entries have it.
func (b *builder) triageDrivers(t *tail) (pool [2]uint64, drivers []byte) {
	le := binary.LittleEndian
	for i, m := range b.facts.Modules {
		units := utf16.Encode([]rune(m.Path))
		s := le.AppendUint32(nil, uint32(len(units)))
		for _, u := range append(units, 0) {
			s = le.AppendUint16(s, u)
		}
		name := t.add(s)
		if i == 0 {
			pool[0] = name
		}
		pool[1] = name + uint64(len(s))
		d := make([]byte, driverStride)
		le.PutUint32(d, uint32(name))
		le.PutUint64(d[0x38:], m.Base)
		le.PutUint32(d[0x48:], uint32(m.Size))
		le.PutUint32(d[0x80:], m.CheckSum)
		le.PutUint32(d[0x88:], m.Stamp)
		drivers = append(drivers, d...)
	}
	return pool, drivers
}

// triageBlocks appends the kept memory and the table that says where it is.
func (b *builder) triageBlocks(t *tail) {
	le := binary.LittleEndian
	blocks := b.spec.Blocks
	if len(blocks) == 0 {
		blocks = b.defaultBlocks()
	}
	var table []byte
	for _, k := range blocks {
		p, err := b.mem.read(b.root, k.Addr, int(min(k.Size, maxImage)))
		if err != nil {
			b.fail(err)
			return
		}
		at := t.add(p)
		table = le.AppendUint64(table, k.Addr)
		table = le.AppendUint32(table, uint32(at))
		table = le.AppendUint32(table, k.Size)
	}
	at := t.add(table)
	le.PutUint32(t.b[0x78:], uint32(at))
	le.PutUint32(t.b[0x7c:], uint32(len(blocks)))
}

// defaultBlocks keeps what real triage dumps keep: the debugger's block and a
// fragment of the headers that are in memory, too short to tell SizeOfImage.
func (b *builder) defaultBlocks() []Block {
	blocks := []Block{{b.facts.DebuggerBlock, debuggerDataSize}}
	for _, m := range b.facts.Modules {
		if _, err := b.mem.resident(b.root, m.Base); err == nil {
			blocks = append(blocks, Block{m.Base, 0x100})
		}
	}
	return blocks
}
