package unwind

// leaf handles a function about which the PDB has a symbol and no record, or
// that is known to have just begun: what it did from its beginning on is undone
// if nothing but the symbol is needed for that.
func (x *x86) leaf() (step, bool) {
	if !x.known || x.c.UnwoundToCall {
		return step{}, false
	}
	saved := *x.c
	moved := false
	if x.entered(x.start) {
		moved = x.c.SP() != uint64(uint32(saved.SP())+4)
		x.w.without(errNoRecord)
		rule := RuleLeaf
		if moved {
			rule = RuleFramePointer
		}
		if s, err := x.accept(rule); err == nil {
			return s, true
		}
	}
	*x.c = saved
	return step{}, false
}

// guess handles a PC that nothing certain is known about, for the reason why.
func (x *x86) guess(why error) (step, error) {
	if s, ok := x.wildCall(); ok {
		x.w.without(why)
		return s, nil
	}
	if s, ok := x.begun(); ok {
		x.w.without(why)
		return s, nil
	}
	if s, ok := x.counted(); ok {
		x.w.without(why)
		return s, nil
	}
	if s, ok := x.w.linked(x.c, RegEBP); ok && x.judge(uint32(x.c.PC)) >= x86Maybe {
		x.w.without(why)
		s.slot = uint64(uint32(x.c.SP()) - 4)
		n, vague := x.argBytes()
		x.c.SetSP(uint64(uint32(x.c.SP()) + n))
		x.vagueNext = vague
		return s, nil
	}
	*x.c = x.w.frame.Context
	if x.ended() {
		x.w.without(why)
		return step{rule: RuleFramePointer}, nil
	}
	if s, ok := x.scan(); ok {
		x.w.without(why)
		return s, nil
	}
	return step{}, x.w.fail("caller", why)
}

// wildCall returns from a call of an address where no module is, such as null.
func (x *x86) wildCall() (step, bool) {
	if x.im != nil || x.c.UnwoundToCall {
		return step{}, false
	}
	if kind, _ := x.word(uint32(x.c.SP())); kind < x86Maybe || !x.ret() {
		return step{}, false
	}
	x.c.KnownInt &= x86Saved
	return step{rule: RuleLeaf}, true
}

// begun returns from a function whose first instructions, before it has a frame
// of its own, are next: push ebp; mov ebp,esp, maybe behind mov edi,edi. The
// chain of frame pointers leads past its caller there.
func (x *x86) begun() (step, bool) {
	if x.im == nil || x.c.UnwoundToCall {
		return step{}, false
	}
	saved, origin := *x.c, x.w.origin
	b := x.code(x.im, x.pc)
	pushed := x.pc > 0 && isFrameSetup(b) && x.pushedBefore()
	if len(b) >= 2 && b[0] == 0x8b && b[1] == 0xff {
		b = b[2:]
	}
	if pushed || len(b) >= 3 && b[0] == 0x55 && isFrameSetup(b[1:]) {
		if !pushed || x.popInto(RegEBP) {
			if kind, _ := x.word(uint32(x.c.SP())); kind >= x86Maybe && x.ret() {
				x.c.KnownInt &= x86Saved
				return step{rule: RuleFramePointer}, true
			}
		}
	}
	*x.c, x.w.origin = saved, origin
	return step{}, false
}

// isFrameSetup reports whether b begins with mov ebp,esp.
func isFrameSetup(b []byte) bool {
	return len(b) >= 2 && (b[0] == 0x8b && b[1] == 0xec || b[0] == 0x89 && b[1] == 0xe5)
}

// pushedBefore reports whether push ebp is before the PC.
func (x *x86) pushedBefore() bool {
	b, err := x.im.at(x.w, x.pc-1, 1)
	return err == nil && b[0] == 0x55
}

// ended reports whether the chain of frame pointers ends here, as Windows ends
// it where a thread begins: with a frame pointer and a return address of 0.
func (x *x86) ended() bool {
	at := x.c.Int[RegEBP]
	if !x.c.known(RegEBP) || at%4 != 0 || at < x.c.SP() {
		return false
	}
	next, pc, err := x.w.link(X86, at)
	if err != nil || next != 0 || pc != 0 {
		return false
	}
	x.c.PC = 0
	return true
}

// scan takes the first word of the stack that may be a return address. The
// frame pointer is taken to be still that of a frame above it.
func (x *x86) scan() (step, bool) {
	slot, kind, _ := x.first(uint32(x.c.SP()), x86MaxScan, x86Maybe)
	if kind == x86No {
		slot, kind, _ = x.first(uint32(x.c.SP()), x86MaxScan, x86Elsewhere)
	}
	if kind == x86No {
		return step{}, false
	}
	return x.take(slot)
}

// take returns to the word at slot.
func (x *x86) take(slot uint32) (step, bool) {
	x.c.SetSP(uint64(slot))
	if !x.ret() {
		return step{}, false
	}
	if x.c.KnownInt &= 1<<RegESP | 1<<RegEBP; x.c.Int[RegEBP] <= uint64(slot) {
		x.c.forget(RegEBP)
	}
	return step{rule: RuleScan}, true
}

// counted returns from a function whose code says how far the return address is,
// unless that is where a frame pointer leads as well.
func (x *x86) counted() (step, bool) {
	if x.im == nil {
		return step{}, false
	}
	slot, ok := x.exit()
	if !ok || uint64(slot) < x.c.SP() || x.c.known(RegEBP) && uint64(slot) == x.c.Int[RegEBP]+4 {
		return step{}, false
	}
	if kind, _ := x.word(slot); kind < x86Maybe {
		return step{}, false
	}
	s, ok := x.take(slot)
	n := uint32(0)
	s.slot = uint64(uint32(x.c.SP()) - 4)
	n, x.vagueNext = x.argBytes()
	x.c.SetSP(uint64(uint32(x.c.SP()) + n))
	return s, ok
}
