package unwind

import (
	"encoding/binary"
	"fmt"
)

const (
	arm64EntrySize = 8
	arm64MaxCodes  = 4 * 255 // bytes of unwind codes
)

// Registers a callee preserves: x19 to x29 and sp, the low halves of v8 to v15.
const (
	arm64SavedInt = 0x3ff8_0000 | 1<<RegARM64SP
	arm64SavedVec = 0xff00
)

// arm64 unwinds ARM64 frames.
type arm64 struct {
	w     *walker
	im    *image
	c     *Context
	f     arm64Function
	codes [arm64MaxCodes]byte
}

// arm64Function is what unwind data says about a function, packed or not.
type arm64Function struct {
	begin, length uint32 // RVA and bytes
	codes         []byte
	single        bool   // its one epilogue ends where the function does
	index         int    // of that epilogue's codes
	scopes        uint32 // RVA of the epilogue scopes
	number        uint32 // of them
	fragment      bool   // neither prologue nor epilogue
	entered       bool   // the PC counts as the first one
}

// step implements stepper.
func (a *arm64) step(w *walker, c *Context) (step, error) {
	im := w.find(c.LookupPC())
	a.w, a.im, a.c = w, im, c
	if im == nil {
		return a.noModule()
	}
	ok, err := a.find(uint32(c.LookupPC() - im.module.Base))
	if err != nil {
		err = w.fail("function table", err)
		if w.cfg.Guess {
			return a.chain(err)
		}
		return step{}, err
	}
	if !ok {
		return a.leaf()
	}
	s, err := a.unwind()
	s.function = im.module.Base + uint64(a.f.begin)
	return s, err
}

// leaf returns from a function without unwind data, which has not moved the
// return address from its register.
func (a *arm64) leaf() (step, error) {
	if a.c.UnwoundToCall {
		return a.chain(errNoEntry)
	}
	return step{rule: RuleLeaf}, a.ret()
}

// noModule handles a PC in no module: a wild call leaves the return address in
// its register.
func (a *arm64) noModule() (step, error) {
	lr := stripPAC(a.c.Int[RegARM64LR])
	if !a.c.UnwoundToCall && a.c.known(RegARM64LR) && a.w.behindCall(ARM64, lr) {
		a.w.without(ErrNoModule)
		return step{rule: RuleLeaf}, a.ret()
	}
	return a.chain(ErrNoModule)
}

// chain takes what the frame pointer leads to, or fails with the reason why.
func (a *arm64) chain(why error) (step, error) {
	if s, ok := a.w.linked(a.c, RegARM64FP); ok {
		a.w.without(why)
		return s, nil
	}
	return step{}, a.w.fail("caller", why)
}

// ret goes on at the return address.
func (a *arm64) ret() error {
	if !a.c.known(RegARM64LR) {
		return a.w.fail("return address", fmt.Errorf("%w: lr", ErrRegister))
	}
	a.c.PC = stripPAC(a.c.Int[RegARM64LR])
	a.c.KnownInt &= arm64SavedInt
	a.c.KnownVec &= arm64SavedVec
	return nil
}

// stripPAC removes the signature of a signed pointer: bit 55 tells which half
// of the address space it points into, 48 bits are the address.
func stripPAC(v uint64) uint64 {
	const address = 1<<48 - 1
	if v>>55&1 != 0 {
		return v | ^uint64(address)
	}
	return v & address
}

// find finds the function whose code holds rva.
func (a *arm64) find(rva uint32) (ok bool, err error) {
	table, n, err := a.im.table(a.w, ARM64, arm64EntrySize)
	if err != nil || n == 0 {
		return false, err
	}
	i, out := a.im.search(a.w, table, n, arm64EntrySize, rva)
	if i < 0 {
		return false, out
	}
	if err := a.entry(table + uint32(i)*arm64EntrySize); err != nil {
		return false, err
	}
	if rva-a.f.begin < a.f.length {
		return true, nil
	}
	return false, out
}

// entry reads the entry at rva of the function table and what it leads to.
func (a *arm64) entry(rva uint32) error {
	a.f = arm64Function{}
	for hops := range maxChain {
		b, err := a.im.at(a.w, rva, arm64EntrySize)
		if err != nil {
			return err
		}
		begin, word := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
		if hops == 0 {
			a.f.begin = begin
		}
		switch word & 3 {
		case 0:
			return a.full(word)
		case 1, 2:
			return a.packed(word)
		}
		rva, a.f.entered = word&^3, true
	}
	return fmt.Errorf("%w: entries point at each other", ErrUnwindData)
}

// full reads the .xdata record at rva.
func (a *arm64) full(rva uint32) error {
	b, err := a.im.at(a.w, rva, 4)
	if err != nil {
		return err
	}
	h := binary.LittleEndian.Uint32(b)
	if v := h >> 18 & 3; v != 0 {
		return fmt.Errorf("%w: version %d", ErrUnwindData, v)
	}
	f := &a.f
	f.length, f.single = h&0x3ffff*4, h>>21&1 != 0
	number, words := h>>22&31, h>>27
	rva += 4
	if h>>22 == 0 {
		if b, err = a.im.at(a.w, rva, 4); err != nil {
			return err
		}
		e := binary.LittleEndian.Uint32(b)
		number, words = e&0xffff, e>>16&0xff
		rva += 4
	}
	if f.single {
		f.index = int(number)
	} else {
		f.scopes, f.number = rva, number
		rva += 4 * number
	}
	if b, err = a.im.at(a.w, rva, 4*words); err != nil {
		return err
	}
	f.codes = a.codes[:copy(a.codes[:], b)]
	return a.w.spend(int(4 * words))
}

// unwind undoes what the function has done so far.
func (a *arm64) unwind() (step, error) {
	off := (uint32(a.c.PC-a.im.module.Base) - a.f.begin) / 4
	if a.f.entered {
		off = 0
	}
	at, skip, rule, err := a.position(off)
	if err != nil {
		return step{}, a.w.fail("unwind data", err)
	}
	x := arm64Codes{a: a, c: a.c, b: a.f.codes, at: at}
	x.skip(skip)
	if err := x.run(); err != nil {
		return step{}, a.w.fail("unwind data", err)
	}
	if x.whole {
		rule = RuleContext
	}
	if x.done {
		return step{rule: rule, exact: x.exact, switched: x.switched}, nil
	}
	return step{rule: rule}, a.ret()
}

// position says which codes undo what was done at instruction off: those from
// at on, without those of the first skip instructions. A return address is
// never in an epilogue in which anything was done.
func (a *arm64) position(off uint32) (at, skip int, rule Rule, err error) {
	f := &a.f
	if f.fragment {
		return 0, 0, RuleUnwind, nil
	}
	if n := instructions(f.codes); off < uint32(n) {
		return 0, n - int(off), RuleUnwind, nil
	}
	if a.c.UnwoundToCall {
		return 0, 0, RuleUnwind, nil
	}
	start, index := uint32(0), f.index
	if f.single {
		if index > len(f.codes) {
			return 0, 0, RuleUnwind, fmt.Errorf("%w: epilogue at code %d", ErrUnwindData, index)
		}
		start = f.length/4 - uint32(instructions(f.codes[index:])) - 1
	} else if start, index, err = a.scope(off); err != nil || index < 0 {
		return 0, 0, RuleUnwind, err
	}
	if index > len(f.codes) {
		return 0, 0, RuleUnwind, fmt.Errorf("%w: epilogue at code %d", ErrUnwindData, index)
	}
	if off-start <= uint32(instructions(f.codes[index:])) {
		return index, int(off - start), RuleEpilogue, nil
	}
	return 0, 0, RuleUnwind, nil
}

// scope returns the last epilogue that begins at or before instruction off, and
// -1 where there is none. Scopes are in order.
func (a *arm64) scope(off uint32) (start uint32, index int, err error) {
	lo, hi := uint32(0), a.f.number
	index = -1
	for lo < hi {
		mid := lo + (hi-lo)/2
		b, err := a.im.at(a.w, a.f.scopes+4*mid, 4)
		if err != nil {
			return 0, -1, err
		}
		word := binary.LittleEndian.Uint32(b)
		if word&0x3ffff <= off {
			start, index = word&0x3ffff, int(word>>22)
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return start, index, nil
}
