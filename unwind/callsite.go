package unwind

import "encoding/binary"

const longestCall = 7 // bytes, but for prefixes

// behindCall reports whether addr is in a module right behind a call
// instruction, as a return address is. Where the code cannot be read, any
// address in a module may be one.
func (w *walker) behindCall(m Machine, addr uint64) bool {
	im := w.find(addr - 1)
	if im == nil {
		return false
	}
	saved := w.origin
	defer func() { w.origin = saved }()
	rva := uint32(addr - im.module.Base)
	n := min(rva, longestCall)
	b, err := im.at(w, rva-n, n)
	if err != nil {
		return true
	}
	switch m {
	case ARM64:
		return len(b) >= 4 && addr%4 == 0 && armCall64(binary.LittleEndian.Uint32(b[len(b)-4:]))
	case ARM:
		return addr%2 == 0 && thumbCall(b)
	}
	return x86Call(b)
}

// armCall64 reports whether an instruction is bl, blr or one of the latter's
// forms that authenticate.
func armCall64(i uint32) bool {
	return i>>26 == 0x25 || i&0xfffffc1f == 0xd63f0000 || i&0xfefff800 == 0xd63f0800
}

// thumbCall reports whether b ends with a Thumb-2 bl or blx.
func thumbCall(b []byte) bool {
	if len(b) < 4 {
		return false
	}
	hi, lo := binary.LittleEndian.Uint16(b[len(b)-4:]), binary.LittleEndian.Uint16(b[len(b)-2:])
	return hi&0xf800 == 0xf000 && lo&0xc000 == 0xc000 || lo&0xff87 == 0x4780
}

// x86Call reports whether b ends with a call of x86 or x64: e8 with a
// displacement, or ff /2 with its operand.
func x86Call(b []byte) bool {
	n := len(b)
	if n >= 5 && b[n-5] == 0xe8 {
		return true
	}
	for size := 2; size <= longestCall && size <= n; size++ {
		if b[n-size] == 0xff && b[n-size+1]>>3&7 == 2 && operandSize(b[n-size+1:]) == size-1 {
			return true
		}
	}
	return false
}

// operandSize returns the size in bytes of an operand that begins with the
// ModRM byte b[0], 0 where it is cut short.
func operandSize(b []byte) int {
	mod, rm, n := b[0]>>6, b[0]&7, 1
	if mod == 3 {
		return n
	}
	if rm == 4 {
		if len(b) < 2 {
			return 0
		}
		if n++; mod == 0 && b[1]&7 == 5 {
			return n + 4
		}
	}
	switch {
	case mod == 1:
		return n + 1
	case mod == 2, mod == 0 && rm == 5:
		return n + 4
	}
	return n
}

const maxLinks = 64 // frames outside of modules that a chain may lead through

// linked goes on at the caller that the frame pointer in register fp names: the
// caller's own frame pointer is where it points, the return address behind it.
// That is a guess, so the chain must rise and lead to a return address.
func (w *walker) linked(c *Context, fp int) (step, bool) {
	at := c.Int[fp]
	if !c.known(fp) || at%c.Machine.word() != 0 || at < c.SP() || !w.leadsOut(c.Machine, at) {
		return step{}, false
	}
	next, pc, err := w.link(c.Machine, at)
	if err != nil {
		return step{}, false
	}
	c.KnownInt, c.KnownVec = 0, 0
	c.set(fp, next)
	c.PC = pc
	c.SetSP(at + 2*c.Machine.word())
	w.assume()
	return step{rule: RuleFramePointer}, true
}

// link reads the frame pointer and the return address at at.
func (w *walker) link(m Machine, at uint64) (next, pc uint64, err error) {
	if next, err = w.pointer(m, at); err != nil {
		return 0, 0, err
	}
	pc, err = w.pointer(m, at+m.word())
	switch m {
	case ARM64:
		pc = stripPAC(pc)
	case ARM:
		pc &^= 1
	}
	return next, pc, err
}

// leadsOut reports whether the chain of frame pointers from at on rises and
// leads to a return address in a module.
func (w *walker) leadsOut(m Machine, at uint64) bool {
	for range maxLinks {
		next, pc, err := w.link(m, at)
		if err != nil || w.spend(1) != nil {
			return false
		}
		if w.find(pc-1) != nil {
			return w.behindCall(m, pc)
		}
		if next <= at || next%m.word() != 0 || w.cfg.StackHigh != 0 && next >= w.cfg.StackHigh {
			return false
		}
		at = next
	}
	return false
}
