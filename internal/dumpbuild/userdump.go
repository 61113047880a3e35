package dumpbuild

import "encoding/binary"

// BuildUserDump writes the dump in the format before MDMP, USERDU64 or with 32-bit
// fields USERDUMP: of the parts of m those that it has, the memory of m.Full as
// regions, m.Regions behind them without data, and an exception, or without one the
// event that a process was made. Offsets are those of two dumps of dbgeng.
func BuildUserDump(m Minidump, wide bool) []byte {
	w := &udWriter{wide: wide}
	header, event, region, state, context := 0x60, 0xb0, 48, 0x50, 1232
	if !wide {
		header, event, region, state, context = 0x40, 0x60, 28, 0x30, 716
	}
	w.b = make([]byte, header+event)
	var offsets [7]uint64 // threads, modules, data, regions, event, states, version
	at := func(i int) { offsets[i] = uint64(len(w.b)) }
	offsets[4] = uint64(header)
	at(3)
	for _, r := range m.Full {
		w.region(r.Addr, uint64(len(r.Data)), 0x1000)
	}
	for _, r := range m.Regions {
		w.region(r.Addr, r.Size, r.State)
	}
	regions := (len(w.b) - header - event) / region
	at(0)
	for _, t := range m.Threads {
		w.b = append(w.b, append(t.Context, make([]byte, context)...)[:context]...)
	}
	at(5)
	for _, t := range m.Threads {
		w.b = append(w.b, make([]byte, state)...)
		binary.LittleEndian.PutUint32(w.b[len(w.b)-state:], t.ID)
	}
	at(1)
	for _, module := range m.Modules {
		w.field(module.Base)
		w.u32(module.Size, uint32(len(module.Name)+1))
		w.b = append(append(w.b, module.Name...), 0)
	}
	at(2)
	for _, r := range m.Full {
		w.b = append(w.b, r.Data...)
	}
	at(6)
	w.b = append(w.b, "version"...)
	w.header(m, offsets, regions)
	w.event(m, header)
	return w.b
}

// udWriter writes fields of one width.
type udWriter struct {
	wide bool
	b    []byte
}

func (w *udWriter) u32(values ...uint32) {
	for _, v := range values {
		w.b = binary.LittleEndian.AppendUint32(w.b, v)
	}
}

// field writes a pointer, a size or an offset.
func (w *udWriter) field(v uint64) {
	if w.wide {
		w.b = binary.LittleEndian.AppendUint64(w.b, v)
		return
	}
	w.u32(uint32(v))
}

// region writes a MEMORY_BASIC_INFORMATION.
func (w *udWriter) region(addr, size uint64, state uint32) {
	w.field(addr)
	w.field(addr)
	w.u32(4)
	if w.wide {
		w.u32(0)
	}
	w.field(size)
	w.u32(state, 4, 0x20000)
	if w.wide {
		w.u32(0)
	}
}

// header overwrites the beginning.
func (w *udWriter) header(m Minidump, offsets [7]uint64, regions int) {
	machine := map[uint16]uint32{0: 0x14c, 9: 0x8664, 12: 0xaa64}[m.Architecture]
	h := &udWriter{wide: w.wide, b: []byte("USERDU64")}
	if !w.wide {
		h.b = []byte("USERDUMP")
	}
	h.u32(10, 19045<<16, machine, uint32(len(m.Threads)), uint32(len(m.Modules)), uint32(regions))
	for _, o := range offsets {
		h.field(o)
	}
	copy(w.b, h.b)
}

// event overwrites the DEBUG_EVENT.
func (w *udWriter) event(m Minidump, at int) {
	e := &udWriter{wide: w.wide}
	if m.Exception == nil {
		e.u32(3, m.PID, 0) // CREATE_PROCESS_DEBUG_EVENT
		copy(w.b[at:], e.b)
		return
	}
	e.u32(1, m.PID, m.Exception.ID)
	if w.wide {
		e.u32(0)
	}
	e.u32(m.ExceptionIs, 0)
	e.field(0)
	e.field(m.ExceptionAt)
	e.u32(uint32(len(m.Parameters)))
	if w.wide {
		e.u32(0)
	}
	for _, p := range m.Parameters {
		e.field(p)
	}
	copy(w.b[at:], e.b)
}
