package unwind

const x86MaxEpilogue = 24 // instructions

// epilogue executes what is left of the function, if that is an epilogue: it
// frees the frame, pops registers and leaves.
func (x *x86) epilogue() (step, bool) {
	saved, origin := *x.c, x.w.origin
	if i, ok := x.runOut(); ok && x.ret() {
		if s, err := x.accept(RuleEpilogue); err == nil {
			if x.vagueNext = i.op != x86Ret; !x.vagueNext {
				x.c.SetSP(uint64(uint32(x.c.SP()) + uint32(i.n)))
			}
			return s, true
		}
	}
	*x.c, x.w.origin = saved, origin
	return step{}, false
}

// runOut executes instructions up to the one that leaves the function, which it
// returns. A jump through a register or memory is a tail call only if something
// was undone before it.
func (x *x86) runOut() (last x86Inst, ok bool) {
	rva, moved := x.pc, false
	for range x86MaxEpilogue {
		i := x.decode(x.im, rva)
		rva += uint32(i.size)
		switch i.op {
		case x86Other:
			if !x.reload(i) {
				return i, false
			}
		case x86Pop, x86Add, x86FromEBP, x86Leave:
			if i.op == x86Add && i.n < 0 || !x.undo(i) {
				return i, false
			}
			moved = true
		case x86Ret:
			return i, true
		case x86Jump:
			return i, x.outside(rva + uint32(i.n))
		case x86JumpFar:
			return i, moved
		default:
			return i, false
		}
	}
	return last, false
}

// reload takes a register back from the stack, if the instruction does.
func (x *x86) reload(i x86Inst) bool {
	if !i.move.load || x86Saved>>i.reg&1 == 0 {
		return true
	}
	base := RegESP
	if i.move.byEBP {
		if base = RegEBP; !x.c.known(RegEBP) {
			return false
		}
	}
	x.w.restore32(x.c, i.reg, uint64(uint32(x.c.Int[base])+uint32(i.n)))
	return true
}

// undo executes an instruction that moves the stack pointer up.
func (x *x86) undo(i x86Inst) bool {
	c := x.c
	switch i.op {
	case x86Add:
		c.SetSP(uint64(uint32(c.SP()) + uint32(i.n)))
		return true
	case x86FromEBP, x86Leave:
		if !c.known(RegEBP) {
			return false
		}
		c.SetSP(uint64(uint32(c.Int[RegEBP]) + uint32(i.n)))
		return i.op == x86FromEBP || x.popInto(RegEBP)
	}
	if i.n != 4 {
		return false
	}
	return x.popInto(i.reg)
}

// popInto pops a register, -1 for what is none.
func (x *x86) popInto(reg int) bool {
	sp := x.c.SP()
	if x.c.SetSP(uint64(uint32(sp) + 4)); reg >= 0 {
		x.w.restore32(x.c, reg, sp)
	}
	return reg != RegESP
}

// ret pops the return address.
func (x *x86) ret() bool {
	sp := x.c.SP()
	pc, err := x.w.u32(sp)
	if err != nil {
		return false
	}
	x.c.PC = uint64(pc)
	x.c.SetSP(uint64(uint32(sp) + 4))
	return true
}

// outside reports whether rva is in another function, or the function's own
// beginning, as it is where it calls itself.
func (x *x86) outside(rva uint32) bool {
	start, end := x.start, x.end
	if !x.known || end == 0 {
		start, end = x.d.RVA, x.d.RVA+x.d.Size
	}
	if start >= end { // nobody knows
		return false
	}
	return rva <= start || rva >= end
}

// entered undoes what the function has done from its beginning at start on, if
// that is a straight line to the PC.
func (x *x86) entered(start uint32) bool {
	if x.pc < start || x.pc-start > x86MaxEntry {
		return false
	}
	var at [8]uint32 // where registers were pushed, from the return address down
	depth, rva := uint32(0), start
	for rva < x.pc {
		i := x.decode(x.im, rva)
		if rva += uint32(i.size); i.size == 0 {
			return false
		}
		switch i.op {
		case x86Other, x86Frame:
		case x86Push:
			if depth += uint32(i.n); i.reg >= 0 && at[i.reg] == 0 && i.n == 4 {
				at[i.reg] = depth
			}
		case x86Add:
			depth -= uint32(i.n)
		default:
			return false
		}
	}
	return rva == x.pc && x.restoreAll(depth, &at)
}

// restoreAll takes the return address from depth bytes above the stack pointer,
// and registers from below it.
func (x *x86) restoreAll(depth uint32, at *[8]uint32) bool {
	slot := uint32(x.c.SP()) + depth
	for reg, below := range at {
		if below != 0 && x86Saved>>reg&1 != 0 && reg != RegESP {
			x.w.restore32(x.c, reg, uint64(slot-below))
		}
	}
	x.c.SetSP(uint64(slot))
	return x.ret()
}

const x86MaxEntry = 64 // bytes of a prologue that is decoded
