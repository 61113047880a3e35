package nt

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/symres/symres/memsource"
)

// processor takes what the registers of a processor lead to: the handler of the
// first interrupt, which is in the kernel.
func (f *finder) processor(p Physical) (hints []hint, err error) {
	const what = KernelRoadProcessor
	if p.Root == 0 || p.IDT == 0 && len(p.PCRs) == 0 {
		return nil, fmt.Errorf("%v: the target does not say where it is", what)
	}
	err = fmt.Errorf("%v: no control region of a processor where the registers point", what)
	for _, mode := range f.modes {
		space, spaceErr := f.space(mode, p.Root)
		if spaceErr != nil {
			return nil, spaceErr
		}
		tables := []uint64{p.IDT}
		for _, pcr := range p.PCRs {
			tables = append(tables, interruptTable(space, wide(mode), pcr))
		}
		for _, idt := range tables {
			if idt == 0 {
				continue
			}
			addr, gateErr := handler(space, wide(mode), idt)
			if gateErr != nil {
				err = fmt.Errorf("%v: %w", what, gateErr)
				continue
			}
			hints = append(hints, hint{mode, p.Root, addr, what})
		}
	}
	return hints, err
}

// Offsets in the KPCR, of which all Windows versions keep the first part
// (ntddk.h): its own address, and that of the interrupt table.
const (
	pcrSelf32, pcrSelf64 = 0x1c, 0x18
	pcrIDT               = 0x38
)

// interruptTable reads where the interrupt table is off the control region at
// addr; 0 when there is none.
func interruptTable(space memsource.Source, wide bool, addr uint64) uint64 {
	w, self := width(4), uint64(pcrSelf32)
	if wide {
		w, self = 8, pcrSelf64
	}
	if addr == 0 || addr > w.top()-pcrIDT {
		return 0
	}
	if v, err := w.read(space, addr+self); err != nil || v != addr {
		return 0
	}
	idt, err := w.read(space, addr+pcrIDT)
	if err != nil {
		return 0
	}
	return idt
}

// handler is the address in the first gate of an interrupt table.
func handler(space memsource.Source, wide bool, idt uint64) (uint64, error) {
	const narrowGate, wideGate = 8, 16
	size := narrowGate
	if wide {
		size = wideGate
	}
	gate, err := structure(space, "first gate", idt, size)
	if err != nil {
		return 0, err
	}
	le := binary.LittleEndian
	addr := uint64(le.Uint16(gate)) | uint64(le.Uint16(gate[6:]))<<16
	if wide {
		addr |= uint64(le.Uint32(gate[8:])) << 32
	}
	return addr, nil
}

// The code the kernel starts processors by, in the first megabyte: its first
// bytes are a jump, an address in the kernel and CR3 stand at fixed offsets
// (memflow, MemProcFS). Kernels for x86 leave none that is known.
const (
	stubStart  = 0x00000001000600e9
	stubMask   = 0xffffffffffff00ff
	stubKernel = 0x70
	stubCR3    = 0xa0
	megabyte   = 1 << 20
)

// Video memory is a device, which on a live machine is better left alone.
const videoMemory, videoEnd = 0xa0000, 0xc0000

func (f *finder) lowStub() (hints []hint, err error) {
	var b [stubCR3 + 8]byte
	for at := uint64(0); at < megabyte; at += pageSize {
		if at >= videoMemory && at < videoEnd || memsource.ReadFull(f.phys, b[:], at) != nil {
			continue
		}
		le := binary.LittleEndian
		addr, root := le.Uint64(b[stubKernel:]), le.Uint64(b[stubCR3:])
		if le.Uint64(b[:])&stubMask != stubStart || addr>>47 != 1<<17-1 || root == 0 || root>>48 != 0 {
			continue
		}
		for _, mode := range f.modes {
			if wide(mode) {
				hints = append(hints, hint{mode, root, addr, KernelRoadLowStub})
			}
		}
		return hints, nil
	}
	return nil, errors.New("low stub: none in the first megabyte")
}
