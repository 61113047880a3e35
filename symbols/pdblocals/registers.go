package pdblocals

import (
	"encoding/binary"
	"fmt"

	"github.com/symres/symres/internal/register"
	"github.com/symres/symres/symbols"
	"github.com/symres/symres/unwind"
)

// place is a register of a machine or a part of one, or what counts as one.
type place struct {
	register.Register
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

func whole(r register.Register) place { return place{Register: r} }

func named(name string, special special) place {
	return place{Register: register.Register{Name: name, Size: 8}, special: special}
}

// registerOf returns the register with a number of CodeView (cvconst.h,
// CV_HREG_e). The error is [symbols.ErrPlace].
func registerOf(m unwind.Machine, cv uint16) (place, error) {
	n, r, ok := int(cv), place{}, false
	switch {
	case cv == cvVFrame && m == unwind.X86:
		return named("vframe", virtualFrame), nil
	case m == unwind.X86:
		r, ok = intelRegister(n)
		ok = ok && n < 252
	case m == unwind.X64:
		r, ok = intelRegister(n)
	case m == unwind.ARM64:
		r, ok = arm64Register(n)
	case m == unwind.ARM && n >= 10 && n <= 24:
		return whole(register.Register{Name: fmt.Sprintf("r%d", n-10), Index: n - 10, Size: 4}), nil
	}
	if !ok {
		return place{}, fmt.Errorf("%w: register %d", symbols.ErrPlace, cv)
	}
	return r, nil
}

// intelRegister is a register of x86 or x64: those of x86 have the same numbers
// on both.
func intelRegister(n int) (place, bool) {
	in := func(first, count int) bool { return n >= first && n < first+count }
	switch {
	case in(1, 4): // al
		return intel(n-1, 1), true
	case in(5, 4): // ah
		return whole(register.Register{Name: "acdb"[n-5:n-4] + "h", Index: n - 5, Shift: 8, Size: 1}), true
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
	return place{}, false
}

func intel(index, size int) place { return whole(register.Intel(index, size)) }

func vector(letters string, index, size int) place {
	return whole(register.Vector(letters, index, size))
}

func arm64Register(n int) (place, bool) {
	in := func(first, count int) bool { return n >= first && n < first+count }
	switch {
	case n == 41 || n == 82:
		return named("zr", zero), true
	case in(10, 31):
		return whole(register.ARM64(n-10, 4)), true
	case in(50, 32):
		return whole(register.ARM64(n-50, 8)), true
	case in(100, 32):
		return vector("s", n-100, 4), true
	case in(140, 32):
		return vector("d", n-140, 8), true
	case in(180, 32):
		return vector("q", n-180, 16), true
	}
	return place{}, false
}

// bytes returns what the register holds, nil where that is not known.
func (r place) bytes(c *unwind.Context) []byte {
	switch r.special {
	case plain:
		return r.Bytes(c)
	case zero:
		return make([]byte, r.Size)
	}
	return nil
}

// address returns the address in the register.
func (r place) address(f *symbols.StackFrame) (uint64, bool) {
	switch {
	case r.special == virtualFrame && f.Virtual != 0:
		return f.Virtual, true
	case r.special == virtualFrame:
		return f.ReturnAt, f.ReturnAt != 0
	case r.special == virtualEBP && f.ReturnAt != 0:
		return f.ReturnAt - 4, true
	case r.special == virtualEBP:
		r = intel(unwind.RegEBP, 4)
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
