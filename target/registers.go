package target

import (
	"encoding/binary"
	"strings"

	"github.com/symres/symres/unwind"
)

// register is where a register lies in a CONTEXT, or in its integer registers.
type register struct {
	offset int // in bytes, in the CONTEXT
	bits   int
	number int // in unwind.Context.Int, -1 for the others; pc is behind them
}

// Register returns a register by its name in lower case, as a debugger calls it: "rax",
// "eip", "al", "r8d", "efl", "zf". bits is the width of the whole register. It is not found if the thread has no such
// register or its value is not known. The offsets are those of winnt.h.
func (th *Thread) Register(name string) (value uint64, bits int, ok bool) {
	if r, shift, ok := flag(name); ok {
		v, _, known := th.Register("efl")
		return v >> r & (1<<shift - 1), th.width(), known
	}
	full, bits, shift := name, 0, 0
	r, known := th.named(full)
	if !known {
		if full, bits, shift = partOf(name, th.Context.Machine); full == "" {
			return 0, 0, false
		}
		if r, known = th.named(full); !known {
			return 0, 0, false
		}
	}
	v, ok := th.read(r)
	if bits == 0 {
		return v, r.bits, ok
	}
	return v >> shift & (1<<bits - 1), r.bits, ok
}

// width is that of the integer registers.
func (th *Thread) width() int {
	if th.Context.Machine == unwind.X64 || th.Context.Machine == unwind.ARM64 {
		return 64
	}
	return 32
}

// read takes a register from the CONTEXT, or from what was read of one.
func (th *Thread) read(r register) (uint64, bool) {
	c := &th.Context
	switch {
	case r.number == pcNumber:
		return c.PC, c.Machine != 0
	case r.number >= 0:
		return c.Int[r.number], c.KnownInt>>r.number&1 != 0 || c.Machine != 0 && c.Int[r.number] == c.SP() && c.SP() != 0
	case len(th.Raw) < r.offset+8:
		return 0, false
	}
	v := binary.LittleEndian.Uint64(th.Raw[r.offset:])
	if r.bits < 64 {
		v &= 1<<r.bits - 1
	}
	return v, true
}

const pcNumber = 99

// named finds a register that has its own place.
func (th *Thread) named(name string) (register, bool) {
	integers := map[unwind.Machine]string{
		unwind.X86: "eax ecx edx ebx esp ebp esi edi",
		unwind.X64: "rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15",
		unwind.ARM: "r0 r1 r2 r3 r4 r5 r6 r7 r8 r9 r10 r11 r12 sp lr",
		unwind.ARM64: "x0 x1 x2 x3 x4 x5 x6 x7 x8 x9 x10 x11 x12 x13 x14 x15 x16 x17 x18 x19 x20 x21 x22 x23 x24 x25 x26 x27 x28 " +
			"fp lr sp",
	}[th.Context.Machine]
	bits := th.width()
	if name == "rip" && th.Context.Machine == unwind.X64 || name == "eip" && th.Context.Machine == unwind.X86 ||
		name == "pc" && (th.Context.Machine == unwind.ARM || th.Context.Machine == unwind.ARM64) {
		return register{bits: bits, number: pcNumber}, true
	}
	for i, n := range strings.Fields(integers) {
		if n == name {
			return register{bits: bits, number: i}, true
		}
	}
	other := map[unwind.Machine]map[string]register{
		unwind.X86: {
			"gs": {0x8c, 16, -1}, "fs": {0x90, 16, -1}, "es": {0x94, 16, -1}, "ds": {0x98, 16, -1}, "cs": {0xbc, 16, -1}, "ss": {0xc8, 16, -1},
			"efl": {0xc0, 32, -1}, "dr0": {0x4, 32, -1}, "dr1": {0x8, 32, -1}, "dr2": {0xc, 32, -1}, "dr3": {0x10, 32, -1}, "dr6": {0x14, 32, -1}, "dr7": {0x18, 32, -1},
		},
		unwind.X64: {
			"cs": {0x38, 16, -1}, "ds": {0x3a, 16, -1}, "es": {0x3c, 16, -1}, "fs": {0x3e, 16, -1}, "gs": {0x40, 16, -1}, "ss": {0x42, 16, -1},
			"efl": {0x44, 32, -1}, "dr0": {0x48, 64, -1}, "dr1": {0x50, 64, -1}, "dr2": {0x58, 64, -1}, "dr3": {0x60, 64, -1}, "dr6": {0x68, 64, -1}, "dr7": {0x70, 64, -1},
			"mxcsr": {0x34, 32, -1},
		},
	}[th.Context.Machine]
	r, ok := other[name]
	return r, ok
}

// partOf returns the register that one of fewer bits is a part of.
func partOf(name string, machine unwind.Machine) (full string, bits, shift int) {
	prefix := map[unwind.Machine]string{unwind.X86: "e", unwind.X64: "r"}[machine]
	if prefix == "" || len(name) < 2 {
		return "", 0, 0
	}
	letter, last := name[:len(name)-1], name[len(name)-1]
	_, numbered := strings.CutPrefix(name, "r")
	switch {
	case machine == unwind.X64 && numbered && strings.IndexByte("dwb", last) >= 0:
		return letter, map[byte]int{'d': 32, 'w': 16, 'b': 8}[last], 0
	case machine == unwind.X64 && name[0] == 'e' && len(name) == 3:
		return "r" + name[1:], 32, 0
	case len(name) == 2 && strings.Contains("ax bx cx dx si di bp sp ip", name):
		return prefix + name, 16, 0
	case len(name) == 2 && strings.Contains("abcd", letter) && last == 'l':
		return prefix + letter + "x", 8, 0
	case len(name) == 2 && strings.Contains("abcd", letter) && last == 'h':
		return prefix + letter + "x", 8, 8
	case machine == unwind.X64 && last == 'l' && strings.Contains("si di bp sp", letter):
		return prefix + letter, 8, 0
	}
	return "", 0, 0
}

// flag is the bit of a flag in efl, and how many it has.
func flag(name string) (bit, bits int, ok bool) {
	at := map[string]int{"cf": 0, "pf": 2, "af": 4, "zf": 6, "sf": 7, "tf": 8, "if": 9, "df": 10, "of": 11, "iopl": 12, "vif": 19, "vip": 20}
	bit, ok = at[name]
	if name == "iopl" {
		return bit, 2, ok
	}
	return bit, 1, ok
}
