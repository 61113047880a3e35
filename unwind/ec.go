package unwind

import (
	"encoding/binary"
	"fmt"
)

// An image for x64 processes on ARM64 Windows (ARM64EC, ARM64X) has code of
// both machines. Its load configuration leads to metadata that says which code
// is which and where the function table of the machine is that the header does
// not name. Threads have x64 registers, in which ARM64 code keeps its own.
// Sources: LLVM's COFF.h, Wine's winnt.h.

const (
	dirLoadConfig  = 10   // index of the directory
	chpePointer    = 0xc8 // CHPEMetadataPointer in the load configuration
	chpeMap        = 4    // the code map in the metadata, and its length
	chpeExtraTable = 0x40 // the other function table, and its size
	chpeSize       = 0x48
	chpeMaxRanges  = 1 << 16
	chpeTypeX64    = 2 // in the low two bits of a range's begin
	chpeRange      = 8 // bytes
	contextECLR    = 0x120
	regECLR        = 16 // lr in the registers of an x64 thread
)

// hybrid is the metadata of an image with code of two machines.
type hybrid struct {
	ranges, number uint32 // RVA of the code map, and its entries
	table, size    uint32 // the other function table
}

// readHybrid reads the metadata, nil for an image that has none.
func (im *image) readHybrid(w *walker, h *headers) (*hybrid, error) {
	if h.Machine != uint16(X64) && h.Machine != uint16(ARM64) || len(h.Directories) <= dirLoadConfig {
		return nil, nil
	}
	d := h.Directories[dirLoadConfig]
	if d.RVA == 0 || d.Size == 0 {
		return nil, nil
	}
	size, err := im.word(w, d.RVA)
	if err != nil || size < chpePointer+8 {
		return nil, err
	}
	b, err := im.at(w, d.RVA+chpePointer, 8)
	if err != nil {
		return nil, err
	}
	va := binary.LittleEndian.Uint64(b)
	if va == 0 {
		return nil, nil
	}
	rva := va - im.module.Base // relocated, or as it stands in the file
	if rva >= uint64(im.module.Size) {
		rva = va - h.ImageBase
	}
	if rva >= uint64(im.module.Size) {
		return nil, fmt.Errorf("%w: hybrid metadata lies outside of the image", ErrUnwindData)
	}
	if b, err = im.at(w, uint32(rva), chpeSize); err != nil {
		return nil, err
	}
	u32 := func(off int) uint32 { return binary.LittleEndian.Uint32(b[off:]) }
	return &hybrid{u32(chpeMap), min(u32(chpeMap+4), chpeMaxRanges), u32(chpeExtraTable), u32(chpeExtraTable + 4)}, nil
}

// isEC reports whether the code at rva of an image is ARM64 code that runs in
// x64 processes.
func (im *image) isEC(w *walker, rva uint32) (bool, error) {
	h, err := im.header(w)
	if err != nil || h.hybrid == nil {
		return false, err
	}
	lo, hi, begin := uint32(0), h.hybrid.number, uint32(0)
	for lo < hi {
		mid := lo + (hi-lo)/2
		if begin, err = im.word(w, h.hybrid.ranges+mid*chpeRange); err != nil {
			return false, err
		}
		if begin&^3 <= rva {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo == 0 {
		return false, nil
	}
	b, err := im.at(w, h.hybrid.ranges+(lo-1)*chpeRange, chpeRange)
	if err != nil {
		return false, err
	}
	begin = binary.LittleEndian.Uint32(b)
	return begin&3 != chpeTypeX64 && rva-begin&^3 < binary.LittleEndian.Uint32(b[4:]), nil
}

// ec unwinds a frame of ARM64 code of an x64 thread.
func (x *x64) ec(w *walker, c *Context) (step, error) {
	if x.arm == nil {
		x.arm = &arm64{}
	}
	a := fromEC(*c)
	s, err := x.arm.step(w, &a)
	s.flat = true
	*c = toEC(a)
	return s, err
}

// fromEC gives the registers of an ARM64EC thread, kept in an x64 CONTEXT, their
// ARM64 numbers (winnt.h, ARM64EC_NT_CONTEXT).
func fromEC(x Context) Context {
	c := Context{Machine: ARM64, PC: x.PC, UnwoundToCall: x.UnwoundToCall}
	for i, r := range ecRegisters() {
		if x.known(i) {
			c.set(r, x.Int[i])
		}
	}
	c.Vec, c.KnownVec = x.Vec, x.KnownVec
	return c
}

// toEC does the opposite. Registers that ARM64EC does not use are left out.
func toEC(a Context) Context {
	c := Context{Machine: X64, PC: a.PC, UnwoundToCall: a.UnwoundToCall}
	for i, r := range ecRegisters() {
		if a.known(r) {
			c.set(i, a.Int[r])
		}
	}
	c.SetSP(a.SP())
	c.Vec, c.KnownVec = a.Vec, a.KnownVec
	return c
}

// ecRegisters returns the ARM64 register that each x64 one stands for, and lr.
func ecRegisters() [regECLR + 1]int {
	return [regECLR + 1]int{8, 0, 1, 27, RegARM64SP, RegARM64FP, 25, 26, 2, 3, 4, 5, 19, 20, 21, 22, RegARM64LR}
}
