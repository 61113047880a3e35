package target

import (
	"context"
	"encoding/binary"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/process"
	"github.com/symres/symres/unwind"
)

// liveThreads yields the threads of a live process.
func (t *Target) liveThreads(ctx context.Context, yield func(Thread, error) bool) {
	for p, err := range t.live.Threads(ctx) {
		th := Thread{}
		if err == nil {
			th = t.liveThread(p)
		}
		if !yield(th, err) {
			return
		}
	}
}

// liveThread is a thread with its registers. One that is in a system call of Wine
// is outside of Windows, on another stack: it has those it left Windows with.
func (t *Target) liveThread(p process.Thread) Thread {
	th := Thread{ID: uint32(p.ID), Err: p.Err}
	if th.Err != nil {
		return th
	}
	c, err := parseContext(uint16(unwind.X64), p.Registers)
	if th.use(c, "the thread, stopped for a moment", err); th.Err != nil {
		return th
	}
	tib, ok := readTIB(t.live, p.GSBase)
	if !ok {
		return th
	}
	th.TEB, th.Stack, th.StackSize = p.GSBase, tib.low, tib.high-tib.low
	if id := tib.thread; id != 0 {
		th.ID = id // as Windows counts
	}
	if c.Machine == unwind.X64 && !t.inModule(c.PC) {
		if c, ok := t.wineFrame(&th); ok {
			th.use(c, "system call frame of Wine", nil)
		}
	}
	return th
}

// tib is what the beginning of a TEB says of a thread.
type tib struct {
	low, high uint64 // of the stack
	thread    uint32
}

// Offsets in a TEB of x64 (winternl.h).
const (
	tibStackBase  = 0x8
	tibStackLimit = 0x10
	tibSelf       = 0x30
	tebThread     = 0x48 // ClientId.UniqueThread
	tebBatch      = 0x2f0
	tebBatchEnd   = 0x2f0 + 0x4e8 // of GdiTebBatch
)

// readTIB reads the TEB at an address, if that is one.
func readTIB(memory memsource.Source, teb uint64) (tib, bool) {
	self, err := memsource.U64(memory, teb+tibSelf)
	if teb == 0 || err != nil || self != teb {
		return tib{}, false
	}
	high, err := memsource.U64(memory, teb+tibStackBase)
	low, err2 := memsource.U64(memory, teb+tibStackLimit)
	id, err3 := memsource.U32(memory, teb+tebThread)
	return tib{low, high, id}, err == nil && err2 == nil && err3 == nil && low < high
}

// inModule reports whether an address is in a module of the session.
func (t *Target) inModule(addr uint64) bool {
	for _, r := range t.session.Modules() {
		if addr-r.Module.Base < r.Module.Size {
			return true
		}
	}
	return false
}

// Registers that calls preserve, in the frame of a system call of Wine on x64 by
// the numbers of [unwind.Context], and its PC and stack pointer; found in its
// sources (ntdll/unix/signal_x86_64.c) and tried with version 8.
const (
	wineRBX, wineRSI, wineRDI, wineR12 = 0x08, 0x20, 0x28, 0x50
	wineRIP, wineRSP, wineRBP          = 0x70, 0x88, 0x98
	wineFrameSize                      = 0xa0
)

// wineFrame finds the registers with which a thread went into a system call of
// Wine. Where in the TEB their address is differs from version to version: what is
// there must have a PC in a module and a stack pointer in the thread's stack.
func (t *Target) wineFrame(th *Thread) (unwind.Context, bool) {
	batch := make([]byte, tebBatchEnd-tebBatch)
	if memsource.ReadFull(t.live, batch, th.TEB+tebBatch) != nil {
		return unwind.Context{}, false
	}
	for i := 0; i+8 <= len(batch); i += 8 {
		at := binary.LittleEndian.Uint64(batch[i:])
		frame := make([]byte, wineFrameSize)
		if at == 0 || at%8 != 0 || memsource.ReadFull(t.live, frame, at) != nil {
			continue
		}
		if c := wineContext(frame); c.SP()-th.Stack < th.StackSize && t.inModule(c.PC) {
			return c, true
		}
	}
	return unwind.Context{}, false
}

// wineContext has the registers of a frame. What enters a system call is no call
// that a function makes: the stub around it has no unwind data.
func wineContext(frame []byte) unwind.Context {
	c := unwind.Context{Machine: unwind.X64, PC: binary.LittleEndian.Uint64(frame[wineRIP:])}
	for reg, off := range map[int]int{
		3: wineRBX, unwind.RegRSP: wineRSP, unwind.RegRBP: wineRBP, 6: wineRSI, 7: wineRDI,
		12: wineR12, 13: wineR12 + 8, 14: wineR12 + 16, 15: wineR12 + 24,
	} {
		c.Int[reg] = binary.LittleEndian.Uint64(frame[off:])
		c.KnownInt |= 1 << reg
	}
	return c
}
