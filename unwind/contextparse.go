package unwind

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/symres/symres/memsource"
)

// ErrContext is returned by [ParseContext] for bytes that are not a CONTEXT.
var ErrContext = errors.New("not a CONTEXT of that machine")

// contextLayout says where registers are in a CONTEXT (winnt.h). Offsets are in
// bytes.
type contextLayout struct {
	size               int    // of the structure
	flags              int    // offset of ContextFlags
	machine            uint32 // the bit of ContextFlags that tells the machine
	pc                 int
	ints               []int // by number; -1: none
	vec, vecSize, nvec int
	vecFlag            uint32
}

const contextUnwound = 0x20000000 // CONTEXT_UNWOUND_TO_CALL

// layoutOf returns the layout of m's CONTEXT. The parts of ContextFlags are 1
// control, 2 integer and 8 (x64) or 4 (ARM64 and ARM) vector registers.
func layoutOf(m Machine) (l contextLayout, ok bool) {
	switch m {
	case X64:
		return contextLayout{
			size: 0x4d0, flags: 0x30, machine: 0x100000, pc: 0xf8,
			ints: series(0x78, 8, 16), vec: 0x1a0, vecSize: 16, nvec: 16, vecFlag: 8,
		}, true
	case ARM64:
		ints := append(series(8, 8, 31), 0x100)
		return contextLayout{
			size: 0x390, machine: 0x400000, pc: 0x108,
			ints: ints, vec: 0x110, vecSize: 16, nvec: 16, vecFlag: 4,
		}, true
	case X86:
		return contextLayout{
			size: 0x2cc, machine: 0x10000, pc: 0xb8,
			ints: []int{0xb0, 0xac, 0xa8, 0xa4, 0xc4, 0xb4, 0xa0, 0x9c},
		}, true
	case ARM:
		return contextLayout{
			size: 0x1a0, machine: 0x200000, pc: 0x40,
			ints: series(4, 4, 15), vec: 0x50, vecSize: 8, nvec: 16, vecFlag: 4,
		}, true
	}
	return l, false
}

// series returns n offsets from first on.
func series(first, step, n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = first + step*i
	}
	return s
}

// contextSize returns the size in bytes of m's CONTEXT.
func contextSize(m Machine) int {
	l, _ := layoutOf(m)
	return l.size
}

// ReadContext is [ParseContext] for the CONTEXT at an address in memory. What lies
// behind the part that is needed may be out; where that part is, the error wraps a
// [*memsource.Fault].
func ReadContext(memory memsource.Source, m Machine, addr uint64) (Context, error) {
	b := make([]byte, contextSize(m))
	n, out := memory.ReadMemory(b, addr)
	c, err := ParseContext(m, b[:n])
	if err != nil && out != nil {
		return Context{}, fmt.Errorf("CONTEXT: %w", out)
	}
	return c, err
}

// ParseContext reads a CONTEXT of m as winnt.h declares it, or the older form
// of ARM64 that Breakpad writes. Registers are unknown if ContextFlags says
// that they were not saved. Bytes after the structure are ignored, and vector
// registers may be missing. The error wraps [ErrContext], or [ErrMachine].
func ParseContext(m Machine, b []byte) (Context, error) {
	l, ok := layoutOf(m)
	if !ok {
		return Context{}, m.unsupported()
	}
	if m == ARM64 && len(b) >= 0x320 && binary.LittleEndian.Uint64(b)>>31 == 1 {
		return breakpadARM64(b), nil
	}
	unit := 8
	if m.is32() {
		unit = 4
	}
	if len(b) < max(l.pc, slices.Max(l.ints))+unit {
		return Context{}, fmt.Errorf("%w: %d bytes", ErrContext, len(b))
	}
	flags := binary.LittleEndian.Uint32(b[l.flags:])
	if flags&l.machine == 0 {
		return Context{}, fmt.Errorf("%w: flags %08x", ErrContext, flags)
	}
	return l.read(m, flags, b), nil
}

// unsupported is the error for a machine that is not unwound.
func (m Machine) unsupported() error {
	const ia64 = 0x200
	if m == ia64 {
		return fmt.Errorf("%w: stacks of IA-64 (Itanium) are not unwound, because its frames are in registers saved to a second stack", ErrMachine)
	}
	return fmt.Errorf("%w: %#x", ErrMachine, uint16(m))
}

// read reads the registers.
func (l contextLayout) read(m Machine, flags uint32, b []byte) Context {
	c := Context{Machine: m, PC: word(m, b, l.pc), UnwoundToCall: flags&contextUnwound != 0}
	for i, off := range l.ints {
		part := uint32(2)
		if control(m, i) {
			part = 1
		}
		if c.Int[i] = word(m, b, off); flags&part != 0 {
			c.KnownInt |= 1 << i
		}
	}
	if m == X64 && len(b) >= contextECLR+8 {
		c.set(regECLR, word(m, b, contextECLR))
	}
	for i := range l.nvec {
		off := l.vec + i*l.vecSize
		if flags&l.vecFlag == 0 || off+l.vecSize > len(b) {
			break
		}
		if c.Vec[i][0] = binary.LittleEndian.Uint64(b[off:]); l.vecSize == 16 {
			c.Vec[i][1] = binary.LittleEndian.Uint64(b[off+8:])
		}
		c.KnownVec |= 1 << i
	}
	return c
}

// control reports whether integer register i belongs to the control part.
func control(m Machine, i int) bool {
	switch m {
	case ARM64:
		return i >= RegARM64FP
	case ARM:
		return i >= RegARMSP
	case X86:
		return i == RegESP || i == RegEBP
	}
	return i == RegRSP
}

// word reads a register of m's width.
func word(m Machine, b []byte, off int) uint64 {
	if m.is32() {
		return uint64(binary.LittleEndian.Uint32(b[off:]))
	}
	return binary.LittleEndian.Uint64(b[off:])
}

// breakpadARM64 reads the older form: 64 bits of flags, x0 to x30, sp, pc.
func breakpadARM64(b []byte) Context {
	c := Context{Machine: ARM64, KnownInt: ^uint32(0), PC: word(ARM64, b, 0x108)}
	for i := range c.Int {
		c.Int[i] = word(ARM64, b, 8+8*i)
	}
	return c
}
