package unwind

import (
	"encoding/binary"
	"fmt"
)

// special executes a code that says where the registers of an interrupted or
// dispatching function are.
func (x *arm64Codes) special(code byte) error {
	x.done, x.exact = true, true
	sp := x.c.Int[RegARM64SP]
	switch code {
	case codeClear:
		return x.clear()
	case codeMachine:
		return x.machineFrame(sp)
	case codeTrap:
		return x.trapFrame(sp)
	case codeEC:
		return x.saved(X64, sp)
	}
	return x.saved(ARM64, sp)
}

// clear goes on at lr, which is not a return address.
func (x *arm64Codes) clear() error {
	if !x.c.known(RegARM64LR) {
		return fmt.Errorf("%w: lr", ErrRegister)
	}
	x.c.PC = stripPAC(x.c.Int[RegARM64LR])
	x.forget()
	return nil
}

// forget marks the registers as unknown that an interrupted function may have
// changed since they were saved. Its return address is one that it keeps.
func (x *arm64Codes) forget() {
	x.c.KnownInt &= arm64SavedInt | 1<<RegARM64LR
	x.c.KnownVec &= arm64SavedVec
}

// machineFrame takes stack pointer and PC from a frame that holds just them.
func (x *arm64Codes) machineFrame(sp uint64) error {
	b, err := x.a.w.read(sp, 16)
	if err != nil {
		return err
	}
	x.c.Int[RegARM64SP] = binary.LittleEndian.Uint64(b)
	x.c.PC = binary.LittleEndian.Uint64(b[8:])
	x.switched = true
	x.forget()
	return nil
}

// Offsets in ARM64_KTRAP_FRAME (dotnet/runtime, unwinder.cpp).
const (
	trapSP   = 0x98
	trapX0   = 0xa0 // to x18
	trapLR   = 0x138
	trapFP   = 0x140
	trapPC   = 0x148
	trapSize = 0x150
)

// trapFrame takes registers from a KTRAP_FRAME. It has not those from x19 to
// x28, which the codes before have restored.
func (x *arm64Codes) trapFrame(sp uint64) error {
	b, err := x.a.w.read(sp, trapSize)
	if err != nil {
		return err
	}
	u64 := func(off int) uint64 { return binary.LittleEndian.Uint64(b[off:]) }
	for i := range 19 {
		x.c.set(i, u64(trapX0+8*i))
	}
	x.c.set(RegARM64LR, u64(trapLR))
	x.c.set(RegARM64FP, u64(trapFP))
	x.c.set(RegARM64SP, u64(trapSP))
	x.c.PC = u64(trapPC)
	x.c.KnownVec &= arm64SavedVec
	x.switched = true
	return nil
}

// saved takes all registers from a CONTEXT of machine m.
func (x *arm64Codes) saved(m Machine, sp uint64) error {
	size := contextSize(m)
	b, err := x.a.w.read(sp, uint64(size))
	if err != nil {
		return err
	}
	c, err := ParseContext(m, b)
	if err != nil {
		return err
	}
	if m == X64 {
		c = fromEC(c)
	}
	*x.c = c
	x.whole, x.exact = true, !c.UnwoundToCall
	x.switched = true
	return nil
}
