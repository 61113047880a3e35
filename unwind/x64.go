package unwind

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	maxChain     = 32  // entries chained to each other, at most
	x64InfoSize  = 528 // of the longest UNWIND_INFO that is read
	x64EntrySize = 12
)

// Registers a callee preserves, as bits of Context.KnownInt and KnownVec.
const (
	x64SavedInt = 1<<3 | 1<<4 | 1<<5 | 1<<6 | 1<<7 | 0xf000
	x64SavedVec = 0xffc0
)

// x64 unwinds x64 frames.
type x64 struct {
	arm     *arm64 // for ARM64EC code
	w       *walker
	im      *image
	c       *Context
	out     error  // why unwind data cannot be read
	pc      uint32 // RVA of the PC itself
	base    uint64 // of the frame: what saved registers are relative to
	framed  bool   // base comes from the frame register
	chained x64Codes
	info    [x64InfoSize]byte
}

// x64Entry is a RUNTIME_FUNCTION: RVAs of code and of unwind data.
type x64Entry struct{ begin, end, unwind uint32 }

// step implements stepper.
func (x *x64) step(w *walker, c *Context) (step, error) {
	im := w.find(c.LookupPC())
	x.w, x.im, x.c, x.out = w, im, c, nil
	if im == nil {
		return x.doubtfulLeaf(ErrNoModule)
	}
	s, err := x.known()
	if x.out == nil {
		return s, err
	}
	x.im = im
	if s, ok := x.instead(c); ok {
		return s, nil
	}
	return s, err
}

// known unwinds by unwind data.
func (x *x64) known() (step, error) {
	im, w, c := x.im, x.w, x.c
	x.pc = uint32(c.PC - im.module.Base)
	rva := uint32(c.LookupPC() - im.module.Base)
	if is, err := im.isEC(w, rva); err == nil && is {
		return x.ec(w, c)
	}
	e, ok, err := im.x64Entry(w, rva)
	if err != nil {
		return step{}, x.lacking("function table", err)
	}
	switch {
	case !ok && c.UnwoundToCall:
		if s, ok := x.pdbFrame(c); ok {
			x.w.without(errNoEntry)
			return s, nil
		}
		*c = x.w.frame.Context
		return x.doubtfulLeaf(errNoEntry)
	case !ok:
		if h := im.headers.Load(); h.lacks != nil { // it may be code of another machine
			w.without(h.lacks)
		}
		return x.leaf()
	}
	s, err := x.function(e)
	s.function = im.module.Base + uint64(e.begin)
	x.forgetVolatile()
	return s, err
}

// leaf undoes the call of a function without unwind data: such a function moves
// neither the stack pointer nor registers that a callee preserves.
func (x *x64) leaf() (step, error) {
	if err := x.ret(); err != nil {
		return step{}, err
	}
	x.forgetVolatile()
	return step{rule: RuleLeaf}, nil
}

// doubtfulLeaf handles a PC that nothing is known about, for the reason why: one
// in no module, as after a call of a null pointer, or behind a call in a
// function without unwind data. It takes what a leaf function would return to
// if that is a return address, else what a frame pointer leads to.
func (x *x64) doubtfulLeaf(why error) (step, error) {
	pc, err := x.w.u64(x.c.Int[RegRSP])
	wild := !errors.Is(why, ErrNoModule) || !x.c.UnwoundToCall
	if err == nil && wild && x.w.behindCall(X64, pc) {
		x.w.without(why)
		return x.leaf()
	}
	if s, ok := x.w.linked(x.c, RegRBP); ok {
		x.w.without(why)
		return s, nil
	}
	if err == nil && wild && x.afterSystemCall(pc) {
		x.w.without(why)
		s, err := x.leaf()
		s.rule = RuleScan
		return s, err
	}
	return step{}, x.w.fail("caller", why)
}

// afterSystemCall reports whether pc may be where a system call's stub returns
// to whose module is not known: stubs are leaf functions, and what interrupts a
// user's code is most often their system call.
func (x *x64) afterSystemCall(pc uint64) bool {
	sameHalf := int64(pc^x.c.PC) >= 0
	return x.w.frame.Index > 0 && (pc == 0 || sameHalf && x.w.find(pc-1) == nil)
}

// ret pops the return address.
func (x *x64) ret() error {
	sp := x.c.Int[RegRSP]
	pc, err := x.w.u64(sp)
	if err != nil {
		return x.w.fail("return address", err)
	}
	x.c.PC = pc
	x.c.set(RegRSP, sp+8)
	return nil
}

// forgetVolatile marks what callees do not preserve as unknown.
func (x *x64) forgetVolatile() {
	x.c.KnownInt &= x64SavedInt
	x.c.KnownVec &= x64SavedVec
}

// function undoes what the function of entry e has done so far.
func (x *x64) function(e x64Entry) (step, error) {
	info, err := x.read(e)
	if err != nil {
		return step{}, x.lacking("unwind data", err)
	}
	switch info.version() {
	case 1, 2:
		return x.function12(e, info)
	case 3:
		return x.function3(e, info)
	}
	return step{}, x.w.fail("unwind data", fmt.Errorf("%w: version %d", ErrUnwindData, info.version()))
}

// x64Entry returns the entry whose code holds rva, after indirections.
func (im *image) x64Entry(w *walker, rva uint32) (e x64Entry, ok bool, err error) {
	table, n, err := im.table(w, X64, x64EntrySize)
	if err != nil || n == 0 {
		return e, false, err
	}
	i, out := im.search(w, table, n, x64EntrySize, rva)
	if i < 0 {
		return e, false, out
	}
	e, err = im.x64EntryAt(w, table+uint32(i)*x64EntrySize)
	if err != nil || rva >= e.end {
		return e, false, cmp.Or(err, out)
	}
	e, err = im.follow(w, e)
	return e, err == nil, err
}

// x64EntryAt reads the entry at rva.
func (im *image) x64EntryAt(w *walker, rva uint32) (x64Entry, error) {
	b, err := im.at(w, rva, x64EntrySize)
	if err != nil {
		return x64Entry{}, err
	}
	return x64EntryOf(b), nil
}

func x64EntryOf(b []byte) x64Entry {
	le := binary.LittleEndian
	return x64Entry{le.Uint32(b), le.Uint32(b[4:]), le.Uint32(b[8:])}
}

// follow replaces an indirect entry, whose unwind word is odd, by the one it
// points to.
func (im *image) follow(w *walker, e x64Entry) (x64Entry, error) {
	for range maxChain {
		if e.unwind&1 == 0 {
			return e, nil
		}
		var err error
		if e, err = im.x64EntryAt(w, e.unwind&^1); err != nil {
			return e, err
		}
	}
	return e, fmt.Errorf("%w: entries point at each other", ErrUnwindData)
}
