package unwind

import (
	"cmp"
	"errors"
	"fmt"
)

// x86Saved are the registers a callee preserves, and the stack pointer, as bits
// of Context.KnownInt.
const x86Saved = 1<<3 | 1<<RegESP | 1<<RegEBP | 1<<6 | 1<<7

// errUnproven is why a rule's caller is not taken.
var errUnproven = fmt.Errorf("%w: no call leads to the return address", ErrUnwindData)

// x86 unwinds x86 frames. There is no unwind data in images: what a PDB says
// about frames leads on, code where the PDB is silent (it always is about
// epilogues), and else the chain of frame pointers and the stack itself. A
// return address must stand behind a call that may have called the function.
type x86 struct {
	w  *walker
	im *image // nil: in no module
	c  *Context
	pc uint32 // RVA

	start      uint32 // RVA of the function
	end        uint32 // RVA behind it, 0: not known
	known      bool   // start is known
	name       string
	d          FrameData
	vague      bool // what the callee popped behind its return address is not known
	vagueNext  bool // the same of the next frame's callee
	wild       bool // a search had to choose
	sure       bool // code says where the return address is, whatever is called there
	searched   bool // what follows is the result
	found      uint32
	missed     error
	blind      bool  // code before a word of the stack is out
	unreadable error // why code cannot be read

	program x86Program
	paths   [x86Paths]x86Path
}

// step implements stepper.
func (x *x86) step(w *walker, c *Context) (step, error) {
	x.w, x.im, x.c = w, w.find(c.LookupPC()), c
	x.vague, x.vagueNext = x.vagueNext && w.frame.Index > 0, true
	x.d, x.unreadable, x.blind, x.searched, x.sure = FrameData{}, nil, false, false, false
	x.known, x.end, x.name, x.wild = false, 0, "", false
	if x.im == nil {
		return x.guess(ErrNoModule)
	}
	x.pc = uint32(c.PC - x.im.module.Base)
	x.identify()
	s, err := x.trusted()
	if err != nil {
		w.next = w.frame.Context
		s, err = x.guess(err)
	}
	if err != nil && w.work < 0 {
		err = w.fail("caller", ErrTooMuchWork)
	}
	if x.known {
		s.function = x.im.module.Base + uint64(x.start)
	}
	if s.slot == 0 && !s.exact {
		s.slot = uint64(uint32(c.SP()) - 4)
	}
	return s, err
}

// identify finds out which function it is.
func (x *x86) identify() {
	if x.im.module.Symbols == nil || x.w.spend(slowRead) != nil {
		return
	}
	rva := uint32(x.c.LookupPC() - x.im.module.Base)
	f, err := x.im.module.Symbols.Function(x.w.ctx, rva)
	if err != nil || f.RVA > rva {
		return
	}
	x.start, x.known, x.name = f.RVA, true, f.Name
	if f.Size > rva-f.RVA && f.Size < 1<<31 {
		x.end = f.RVA + f.Size
	}
}

// trusted tries the rules that are no guesses, in their order.
func (x *x86) trusted() (step, error) {
	record := x.frameData()
	fpo, old := FPO{}, error(ErrNone)
	if record != nil {
		fpo, old = x.fpo()
	}
	if s, ok := x.trap(fpo, old == nil); ok {
		return s, nil
	}
	if !x.c.UnwoundToCall {
		if s, ok := x.epilogue(); ok {
			return s, nil
		}
		if x.unreadable != nil { // nobody knows that it is no epilogue
			x.w.without(x.unreadable)
		}
	}
	switch {
	case record == nil:
		return x.byFrameData()
	case old == nil:
		return x.byFPO(fpo)
	}
	if s, ok := x.leaf(); ok {
		return s, nil
	}
	if s, ok := x.returning(); ok {
		return s, nil
	}
	return step{}, cmp.Or(x.w.ctx.Err(), noRecord(record))
}

// returning goes on where nothing but the end of the function is behind the call:
// its code says what it restores. The PC has to be in the function still, which it
// is not behind a call that never returns.
func (x *x86) returning() (step, bool) {
	if !x.c.UnwoundToCall || x.vague || !x.known || x.pc >= x.end {
		return step{}, false
	}
	return x.epilogue()
}

// frameData finds the record of the code at the PC. Where a call is the last
// instruction of a function, the PC is in the next one already.
func (x *x86) frameData() error {
	if x.im.module.Symbols == nil {
		return ErrNone
	}
	if err := x.w.spend(slowRead); err != nil {
		return err
	}
	var err error
	x.d, err = x.im.module.Symbols.FrameData(x.w.ctx, x.pc)
	if x.c.UnwoundToCall && (err != nil || x.d.RVA == x.pc && (x.d.Begins || x.allocates())) {
		x.d, err = x.im.module.Symbols.FrameData(x.w.ctx, x.pc-1)
	}
	if err != nil && !errors.Is(err, ErrNone) {
		x.w.without(err)
	}
	return err
}

// allocates reports whether the call before the PC is of a function that
// allocates the frame, which it has not yet done when it is walked through.
func (x *x86) allocates() bool {
	to, ok := x.calls(x.pc)
	if !ok {
		return false
	}
	f, err := x.im.module.Symbols.Function(x.w.ctx, to)
	return err == nil && x86Allocator(f.Name)
}

func x86Allocator(name string) bool {
	switch name {
	case "__chkstk", "_chkstk", "__alloca_probe", "_alloca_probe", "___chkstk_ms", "__alloca":
		return true
	}
	return false
}

// byFrameData runs the program of the record or, in a prologue of which the
// record knows only its size, undoes what the code did.
func (x *x86) byFrameData() (step, error) {
	x.w.origin = x.w.origin.with(Origin{BytesTarget, x.d.Proof})
	start := x.start
	if x.d.Begins || !x.known {
		start = x.d.RVA
	}
	if x.pc-x.d.RVA < uint32(x.d.PrologSize) && x.entered(start) {
		return x.accept(RuleFrameData)
	}
	p := &x.program
	p.x = x
	p.load(x.c)
	if err := p.run(); err != nil {
		return step{}, x.w.fail("frame data", err)
	}
	p.store(x.c)
	s, err := x.accept(RuleFrameData)
	if p.has>>x86Temp0&1 != 0 {
		s.virtual = uint64(p.vars[x86Temp0])
	}
	return s, err
}

// accept ends a step at the registers in c, unless nothing calls the function
// before the return address.
func (x *x86) accept(r Rule) (step, error) {
	c := x.c
	c.KnownInt &= x86Saved
	c.PC &= 1<<32 - 1
	c.Int[RegESP] &= 1<<32 - 1
	if c.PC == 0 && !r.Guess() && !x.wild {
		return step{rule: r, slot: uint64(uint32(c.SP()) - 4)}, nil // the end of the stack
	}
	kind := x.judge(uint32(c.PC))
	if c.SP() <= x.w.frame.SP() || kind < x86Unlikely && !(x.sure && kind == x86Elsewhere) {
		return step{}, x.w.fail("return address", errUnproven)
	}
	if x.wild && !r.Guess() {
		r = RuleScan
	}
	slot := uint64(uint32(c.SP()) - 4)
	if r != RuleEpilogue {
		n := uint32(0)
		n, x.vagueNext = x.argBytes()
		c.SetSP(uint64(uint32(c.SP()) + n))
	}
	return step{rule: r, slot: slot}, nil
}
