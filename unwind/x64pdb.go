package unwind

import "errors"

// lacking notes that unwind data cannot be read, so that the step may do
// without it.
func (x *x64) lacking(what string, err error) error {
	err = x.w.fail(what, err)
	if errors.Is(err, ErrUnreadable) {
		x.out = err
	}
	return err
}

// instead finds the caller of a function whose unwind data is out, by what the
// PDB says about it or, where guesses are wanted, by the frame pointer.
func (x *x64) instead(c *Context) (step, bool) {
	*c = x.w.frame.Context // of which a part may have been undone
	s, ok := x.trap(c)
	if !ok {
		s, ok = x.pdbFrame(c)
	}
	if !ok && x.w.cfg.Guess {
		s, ok = x.w.linked(c, RegRBP)
	}
	if ok {
		x.w.without(x.out)
	}
	return s, ok
}

// pdbFrame takes the return address from above the frame, as large as the PDB
// says it is in the body of the function. Pushed registers may lie between, of
// which Microsoft's compiler does not say how many: the first word is taken that
// may be a return address. It is a guess where others follow.
func (x *x64) pdbFrame(c *Context) (step, bool) {
	f, err := x.symbol(c.LookupPC())
	off := uint32(c.PC-x.im.module.Base) - f.RVA
	if err != nil || !f.HasFrame || off < f.BodyStart || off > f.BodyEnd && !c.UnwoundToCall {
		return step{}, false
	}
	const pushes = 8 // registers a callee preserves
	s := step{rule: RuleFrameData, function: x.im.module.Base + uint64(f.RVA)}
	at, found := c.Int[RegRSP]+uint64(f.Frame), -1
	for i := range pushes + 1 {
		pc, err := x.w.u64(at + 8*uint64(i))
		switch {
		case err != nil:
		case found < 0 && x.returns(pc):
			found, c.PC = i, pc
		case found > 0 && x.mayReturn(pc):
			s.rule = RuleScan
		}
	}
	c.KnownInt, c.KnownVec = 0, 0
	c.set(RegRSP, at+8*uint64(found)+8)
	return s, found >= 0
}

// returns reports whether pc may be a return address: in a module, behind a call
// where its code can be read, and in the middle of a function where the module's
// functions are known.
func (x *x64) returns(pc uint64) bool {
	im := x.w.find(pc - 1)
	if im == nil || !x.w.behindCall(X64, pc) {
		return false
	}
	f, err := x.symbol(pc - 1)
	if errors.Is(err, ErrNoSymbols) {
		return true
	}
	rva := uint32(pc - im.module.Base)
	next, err2 := x.symbol(pc)
	return err == nil && (f.Size == 0 || rva-f.RVA <= f.Size) && !(err2 == nil && next.RVA == rva)
}

// mayReturn is returns for a word that matters less: of a module that may not be on
// the stack, nobody is asked for code or symbols.
func (x *x64) mayReturn(pc uint64) bool {
	im := x.w.find(pc - 1)
	return im != nil && (im != x.im || x.returns(pc))
}

// symbol returns the function at addr. The error is ErrNoModule, ErrTooMuchWork,
// or that of the module's symbols.
func (x *x64) symbol(addr uint64) (Function, error) {
	im := x.w.find(addr)
	if im == nil {
		return Function{}, ErrNoModule
	}
	if im.module.Symbols == nil {
		return Function{}, ErrNoSymbols
	}
	if err := x.w.spend(slowRead); err != nil {
		return Function{}, err
	}
	return im.module.Symbols.Function(x.w.ctx, uint32(addr-im.module.Base))
}
