package unwind

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// errNoRecord is why a frame rests on code or guesses alone.
var errNoRecord = fmt.Errorf("%w about the frame", ErrNone)

// noRecord is errNoRecord with the reason why there are no records, if err has
// one: the PDB cannot be had, or cannot be read.
func noRecord(err error) error {
	if err == ErrNone {
		return errNoRecord
	}
	return fmt.Errorf("records about the frame: %w", err)
}

// fpo finds the old record of the code at the PC.
func (x *x86) fpo() (FPO, error) {
	if x.im.module.Symbols == nil {
		return FPO{}, ErrNone
	}
	if err := x.w.spend(slowRead); err != nil {
		return FPO{}, err
	}
	f, err := x.im.module.Symbols.FPO(x.w.ctx, uint32(x.c.LookupPC()-x.im.module.Base))
	if err != nil && !errors.Is(err, ErrNone) {
		x.w.without(err)
	}
	return f, err
}

// byFPO takes the return address from above locals and saved registers. The
// record does not say which registers these are, nor how far a prologue is.
func (x *x86) byFPO(f FPO) (step, error) {
	x.w.origin = x.w.origin.with(Origin{BytesTarget, f.Proof})
	if !x.known {
		x.start, x.known, x.end = f.RVA, true, f.RVA+f.Size
	}
	if x.pc-f.RVA < uint32(f.PrologSize) && x.entered(f.RVA) {
		return x.accept(RuleFPO)
	}
	*x.c = x.w.frame.Context
	if f.Type == FPONonFrame {
		return x.fpoFrame()
	}
	x.d = FrameData{RVA: f.RVA, Size: f.Size, Locals: f.Locals, Params: f.Params, SavedRegs: 4 * uint16(f.SavedRegs)}
	at, err := x.search()
	if err != nil {
		return step{}, err
	}
	x.c.SetSP(uint64(at))
	if !x.ret() {
		return step{}, errUnproven
	}
	x.fpoSaved(f, at)
	return x.accept(RuleFPO)
}

// fpoSaved restores what the prologue pushed or, as that of KiSwapContext does,
// moved to the stack, by its code where that can be read. A function that does not
// use ebp leaves it alone.
func (x *x86) fpoSaved(f FPO, slot uint32) {
	lost := uint32(1<<3 | 1<<6 | 1<<7)
	if f.UsesBP {
		lost |= 1 << RegEBP
	}
	if f.SavedRegs == 0 {
		return
	}
	depth, rva, found := uint32(0), f.RVA, uint32(0)
	for n := uint32(0); n < x86MaxEntry && found < uint32(f.SavedRegs); n++ {
		i := x.decode(x.im, rva)
		if rva += uint32(i.size); i.size == 0 {
			break
		}
		switch i.op {
		case x86Add:
			depth -= uint32(i.n)
		case x86Push:
			depth += uint32(i.n)
			if i.reg < 0 || x86Saved>>i.reg&1 == 0 || i.reg == RegESP {
				continue
			}
			found++
			lost &^= 1 << i.reg
			x.w.restore32(x.c, i.reg, uint64(slot-depth))
		case x86Other, x86Frame:
			if i.move.store && !i.move.byEBP && lost>>i.reg&1 != 0 {
				found++
				lost &^= 1 << i.reg
				x.w.restore32(x.c, i.reg, uint64(slot-depth+uint32(i.n)))
			}
			continue
		default:
			n = x86MaxEntry
		}
	}
	if found < uint32(f.SavedRegs) {
		x.c.KnownInt &^= lost
	}
}

// fpoFrame goes on by the frame pointer that the record says there is.
func (x *x86) fpoFrame() (step, error) {
	if !x.c.known(RegEBP) {
		return step{}, x.w.fail("frame pointer", fmt.Errorf("%w: ebp", ErrRegister))
	}
	at := uint32(x.c.Int[RegEBP])
	if uint64(at) < x.c.SP() {
		return step{}, x.w.fail("frame pointer", ErrNoProgress)
	}
	x.c.SetSP(uint64(at))
	if !x.popInto(RegEBP) || !x.ret() {
		return step{}, x.w.fail("frame pointer", ErrUnreadable)
	}
	x.c.KnownInt &= 1<<RegESP | 1<<RegEBP
	return x.accept(RuleFPO)
}

// A kernel's entries for faults, interrupts and system calls keep the address of
// their KTRAP_FRAME in ebp. Offsets are those of the public types.
const (
	x86TrapEDI   = 0x54
	x86TrapESI   = 0x58
	x86TrapEBX   = 0x5c
	x86TrapEBP   = 0x60
	x86TrapEIP   = 0x68
	x86TrapCS    = 0x6c
	x86TrapFlags = 0x70
	x86TrapESP   = 0x74 // pushed only where the ring changes
	x86TrapSize  = 0x7c
	x86Kernel    = 0x80000000
)

// trap goes on where the kernel's entry at the PC was entered from, if a record
// or its symbol says that it is one and what is there looks like a trap frame.
func (x *x86) trap(f FPO, record bool) (step, bool) {
	byRecord := record && f.Type == FPOTrap
	if !byRecord && !isTrapEntry(strings.TrimLeft(x.name, "_@")) && !strings.Contains(x.name, "KiFastCallEntry") {
		return step{}, false
	}
	if !x.c.known(RegEBP) || x.c.Int[RegEBP] < x.c.SP() {
		return step{}, false
	}
	at := x.c.Int[RegEBP]
	b, err := x.w.read(at, x86TrapSize)
	if err != nil {
		return step{}, false
	}
	word := func(off int) uint64 { return uint64(binary.LittleEndian.Uint32(b[off:])) }
	pc, cs, flags, sp := word(x86TrapEIP), word(x86TrapCS)&0xffff, word(x86TrapFlags), at+x86TrapESP
	const always, user = 2, 3 // a bit of the flags that is always set; the ring of users
	if cs&3 == user {
		sp = word(x86TrapESP)
	}
	if cs != 8 && cs&3 != user || flags&always == 0 || pc == 0 || (cs == 8) != (pc >= x86Kernel) {
		return step{}, false
	}
	c := x.c
	c.set(3, word(x86TrapEBX))
	c.set(6, word(x86TrapESI))
	c.set(7, word(x86TrapEDI))
	c.set(RegEBP, word(x86TrapEBP))
	c.KnownInt &= x86Saved
	c.SetSP(sp)
	c.PC = pc
	if x.w.assume(); byRecord {
		x.w.origin = x.w.origin.with(Origin{BytesTarget, f.Proof})
	}
	x.vagueNext = false
	return step{rule: RuleContext, exact: true, switched: true}, true
}
