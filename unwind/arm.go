package unwind

import (
	"encoding/binary"
	"fmt"
)

// Registers a callee preserves: r4 to r11 and sp, d8 to d15.
const (
	armSavedInt = 0x0ff0 | 1<<RegARMSP
	armSavedVec = 0xff00
)

// arm unwinds frames of ARM code, which on Windows is Thumb-2. Source:
// cpp-docs, arm-exception-handling.
type arm struct {
	w     *walker
	im    *image
	c     *Context
	f     armFunction
	codes [4 * 255]byte
}

// armFunction is what unwind data says about a function, packed or not.
type armFunction struct {
	begin, length uint32 // RVA and bytes
	codes         []byte
	prologue      bool // there is one
	single        bool // the one epilogue ends where the function does
	index         int  // of that epilogue's codes
	scopes        uint32
	number        uint32
}

// step implements stepper.
func (a *arm) step(w *walker, c *Context) (step, error) {
	im := w.find(c.LookupPC())
	a.w, a.im, a.c = w, im, c
	if im == nil {
		return a.guess(ErrNoModule)
	}
	ok, err := a.find(uint32(c.LookupPC() - im.module.Base))
	switch {
	case err != nil:
		return a.guess(w.fail("function table", err))
	case !ok && c.UnwoundToCall:
		return a.guess(errNoEntry)
	case !ok:
		return step{rule: RuleLeaf}, a.ret()
	}
	s, err := a.unwind()
	s.function = im.module.Base + uint64(a.f.begin)
	return s, err
}

// guess goes on where unwind data cannot be had, for the reason why: at lr where
// the function has just begun or was called where nothing is, else along the
// chain of frame pointers.
func (a *arm) guess(why error) (step, error) {
	lr := a.c.Int[RegARMLR] &^ 1
	begins := a.im == nil || a.begins()
	if !a.c.UnwoundToCall && begins && a.c.known(RegARMLR) && a.w.behindCall(ARM, lr) {
		a.w.without(why)
		return step{rule: RuleLeaf}, a.ret()
	}
	if s, ok := a.w.linked(a.c, RegARMFP); ok {
		a.w.without(why)
		return s, nil
	}
	return step{}, a.w.fail("caller", why)
}

// begins reports whether the instruction at the PC pushes lr, as the first one
// of a function does.
func (a *arm) begins() bool {
	b, err := a.im.at(a.w, uint32(a.c.PC-a.im.module.Base), 4)
	if err != nil {
		return false
	}
	first, second := binary.LittleEndian.Uint16(b), binary.LittleEndian.Uint16(b[2:])
	return first&0xff00 == 0xb500 || first == 0xe92d && second&0x4000 != 0
}

// ret goes on at the return address, whose lowest bit says Thumb.
func (a *arm) ret() error {
	if !a.c.known(RegARMLR) {
		return a.w.fail("return address", fmt.Errorf("%w: lr", ErrRegister))
	}
	a.c.PC = a.c.Int[RegARMLR] &^ 1
	a.c.KnownInt &= armSavedInt
	a.c.KnownVec &= armSavedVec
	return nil
}

// find finds the function whose code holds rva. Addresses of the table have
// their lowest bit set for Thumb.
func (a *arm) find(rva uint32) (ok bool, err error) {
	table, n, err := a.im.table(a.w, ARM, arm64EntrySize)
	if err != nil || n == 0 {
		return false, err
	}
	i, out := a.im.search(a.w, table, n, arm64EntrySize, rva|1)
	if i < 0 {
		return false, out
	}
	b, err := a.im.at(a.w, table+uint32(i)*arm64EntrySize, arm64EntrySize)
	if err != nil {
		return false, err
	}
	a.f = armFunction{begin: binary.LittleEndian.Uint32(b) &^ 1, prologue: true}
	switch word := binary.LittleEndian.Uint32(b[4:]); word & 3 {
	case 0:
		err = a.full(word)
	case 3:
		err = fmt.Errorf("%w: word %08x", ErrUnwindData, word)
	default:
		err = a.packed(word)
	}
	if err != nil {
		return false, err
	}
	if rva-a.f.begin < a.f.length {
		return true, nil
	}
	return false, out
}

// full reads the .xdata record at rva.
func (a *arm) full(rva uint32) error {
	h, err := a.im.word(a.w, rva)
	if err != nil {
		return err
	}
	if v := h >> 18 & 3; v != 0 {
		return fmt.Errorf("%w: version %d", ErrUnwindData, v)
	}
	f := &a.f
	f.length, f.single, f.prologue = h&0x3ffff*2, h>>21&1 != 0, h>>22&1 == 0
	number, words := h>>23&31, h>>28
	rva += 4
	if h>>23 == 0 {
		e, err := a.im.word(a.w, rva)
		if err != nil {
			return err
		}
		number, words = e&0xffff, e>>16&0xff
		rva += 4
	}
	if f.single {
		f.index = int(number)
	} else {
		f.scopes, f.number = rva, number
		rva += 4 * number
	}
	b, err := a.im.at(a.w, rva, 4*words)
	if err != nil {
		return err
	}
	f.codes = a.codes[:copy(a.codes[:], b)]
	return a.w.spend(int(4 * words))
}

// unwind undoes what the function has done so far.
func (a *arm) unwind() (step, error) {
	at, skip, rule, err := a.position(uint32(a.c.PC-a.im.module.Base) - a.f.begin)
	if err != nil {
		return step{}, a.w.fail("unwind data", err)
	}
	x := armCodes{a: a, b: a.f.codes, at: at}
	x.skip(skip)
	if err := x.run(); err != nil {
		return step{}, a.w.fail("unwind data", err)
	}
	if x.done {
		return step{rule: rule, exact: true, switched: true}, nil
	}
	return step{rule: rule}, a.ret()
}

// position says which codes undo what was done up to byte off: those from at
// on, without those of the first skip bytes of instructions.
func (a *arm) position(off uint32) (at, skip int, rule Rule, err error) {
	f := &a.f
	if n := armBytes(f.codes, false); f.prologue && off < uint32(n) {
		return 0, n - int(off), RuleUnwind, nil
	}
	if a.c.UnwoundToCall {
		return 0, 0, RuleUnwind, nil
	}
	start, index := uint32(0), f.index
	if !f.single {
		if start, index, err = a.scope(off); err != nil || index < 0 {
			return 0, 0, RuleUnwind, err
		}
	}
	if index > len(f.codes) {
		return 0, 0, RuleUnwind, fmt.Errorf("%w: epilogue at code %d", ErrUnwindData, index)
	}
	n := uint32(armBytes(f.codes[index:], true))
	if f.single {
		start = f.length - n
	}
	if off-start < n {
		return index, int(off - start), RuleEpilogue, nil
	}
	return 0, 0, RuleUnwind, nil
}

// scope returns the last epilogue that begins at or before byte off, and -1
// where there is none. Scopes are in order.
func (a *arm) scope(off uint32) (start uint32, index int, err error) {
	lo, hi := uint32(0), a.f.number
	index = -1
	for lo < hi {
		mid := lo + (hi-lo)/2
		word, err := a.im.word(a.w, a.f.scopes+4*mid)
		if err != nil {
			return 0, -1, err
		}
		if s := word & 0x3ffff * 2; s <= off {
			start, index, lo = s, int(word>>24), mid+1
		} else {
			hi = mid
		}
	}
	return start, index, nil
}
