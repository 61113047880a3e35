package pdblocals

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/symres/symres/symbols"
	"github.com/symres/symres/unwind"
)

// register is a register of a machine, or a part of one.
type register struct {
	name    string
	index   int // in Context.Int, or of Context.Vec
	vector  bool
	shift   int // bits, of the part
	size    int // bytes
	special special
}

// special is what counts as a register and is none.
type special uint8

const (
	plain        special = iota
	virtualFrame         // what the frame program of an x86 function counts from
	virtualEBP           // what ebp is or would be
	zero
)

// cvVFrame is the number of the virtual frame on every machine (cvconst.h,
// CV_ALLREG_VFRAME).
const cvVFrame = 30006

func is32(m unwind.Machine) bool { return m == unwind.X86 || m == unwind.ARM }

// registerOf returns the register with a number of CodeView (cvconst.h,
// CV_HREG_e). The error is [symbols.ErrPlace].
func registerOf(m unwind.Machine, cv uint16) (register, error) {
	n, r, ok := int(cv), register{}, false
	switch {
	case cv == cvVFrame && m == unwind.X86:
		return register{name: "vframe", special: virtualFrame}, nil
	case m == unwind.X86:
		r, ok = intelRegister(n)
		ok = ok && n < 252
	case m == unwind.X64:
		r, ok = intelRegister(n)
	case m == unwind.ARM64:
		r, ok = arm64Register(n)
	case m == unwind.ARM && n >= 10 && n <= 24:
		return register{name: fmt.Sprintf("r%d", n-10), index: n - 10, size: 4}, nil
	}
	if !ok {
		return register{}, fmt.Errorf("%w: register %d", symbols.ErrPlace, cv)
	}
	return r, nil
}

// intelRegister is a register of x86 or x64: those of x86 have the same numbers
// on both.
func intelRegister(n int) (register, bool) {
	in := func(first, count int) bool { return n >= first && n < first+count }
	switch {
	case in(1, 4): // al
		return intel(n-1, 1), true
	case in(5, 4): // ah
		return register{name: "acdb"[n-5:n-4] + "h", index: n - 5, shift: 8, size: 1}, true
	case in(9, 8): // ax
		return intel(n-9, 2), true
	case in(17, 8): // eax
		return intel(n-17, 4), true
	case in(324, 4): // sil, dil, bpl, spl
		return intel([]int{6, 7, 5, 4}[n-324], 1), true
	case in(328, 8): // rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp
		return intel([]int{0, 3, 1, 2, 6, 7, 5, 4}[n-328], 8), true
	case in(336, 8):
		return intel(n-328, 8), true
	case in(344, 8):
		return intel(n-336, 1), true
	case in(352, 8):
		return intel(n-344, 2), true
	case in(360, 8):
		return intel(n-352, 4), true
	case in(154, 8):
		return vector("xmm", n-154, 16), true
	case in(252, 8):
		return vector("xmm", n-244, 16), true
	case in(194, 8): // the low half of xmm0
		return vector("xmm", n-194, 8), true
	case in(368, 16): // the low half of ymm0
		return vector("xmm", n-368, 16), true
	}
	return register{}, false
}

// intel names an integer register by its number in instructions.
func intel(index, size int) register {
	r := register{index: index, size: size}
	if index >= 8 {
		r.name = fmt.Sprintf("r%d%s", index, map[int]string{1: "b", 2: "w", 4: "d"}[size])
		return r
	}
	r.name = strings.Fields("ax cx dx bx sp bp si di")[index]
	switch {
	case size == 1 && index < 4:
		r.name = r.name[:1] + "l"
	case size == 1:
		r.name += "l"
	case size >= 4:
		r.name = map[int]string{4: "e", 8: "r"}[size] + r.name
	}
	return r
}

func vector(name string, index, size int) register {
	return register{name: fmt.Sprintf("%s%d", name, index), vector: true, index: index, size: size}
}

func arm64Register(n int) (register, bool) {
	in := func(first, count int) bool { return n >= first && n < first+count }
	switch {
	case n == 41 || n == 82:
		return register{name: "zr", special: zero, size: 8}, true
	case in(10, 31):
		return register{name: fmt.Sprintf("w%d", n-10), index: n - 10, size: 4}, true
	case in(50, 29):
		return register{name: fmt.Sprintf("x%d", n-50), index: n - 50, size: 8}, true
	case in(79, 3):
		return register{name: []string{"fp", "lr", "sp"}[n-79], index: n - 50, size: 8}, true
	case in(100, 32):
		return vector("s", n-100, 4), true
	case in(140, 32):
		return vector("d", n-140, 8), true
	case in(180, 32):
		return vector("q", n-180, 16), true
	}
	return register{}, false
}

// bytes returns what the register holds, nil where that is not known.
func (r register) bytes(c *unwind.Context) []byte {
	b := make([]byte, 16)
	le := binary.LittleEndian
	switch {
	case r.special == zero:
	case r.special != plain:
		return nil
	case r.vector:
		if r.index >= len(c.Vec) || c.KnownVec>>r.index&1 == 0 {
			return nil
		}
		le.PutUint64(b, c.Vec[r.index][0])
		le.PutUint64(b[8:], c.Vec[r.index][1])
	case r.index == spOf(c.Machine):
		le.PutUint64(b, c.SP())
	case c.KnownInt>>r.index&1 == 0:
		return nil
	default:
		le.PutUint64(b, c.Int[r.index]>>r.shift)
	}
	return b[:r.size]
}

// spOf returns the number of the stack pointer, which is always known.
func spOf(m unwind.Machine) int {
	switch m {
	case unwind.ARM64:
		return unwind.RegARM64SP
	case unwind.ARM:
		return unwind.RegARMSP
	}
	return unwind.RegRSP
}

// address returns the address in the register.
func (r register) address(f *symbols.StackFrame) (uint64, bool) {
	switch {
	case r.special == virtualFrame && f.Virtual != 0:
		return f.Virtual, true
	case r.special == virtualFrame:
		return f.ReturnAt, f.ReturnAt != 0
	case r.special == virtualEBP && f.ReturnAt != 0:
		return f.ReturnAt - 4, true
	case r.special == virtualEBP:
		r = register{index: unwind.RegEBP, size: 4}
	}
	b := r.bytes(&f.Context)
	switch len(b) {
	case 8, 16:
		return binary.LittleEndian.Uint64(b), true
	case 4:
		return uint64(binary.LittleEndian.Uint32(b)), true
	}
	return 0, false
}
