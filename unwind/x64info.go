package unwind

import (
	"encoding/binary"
	"fmt"
)

// Flags of UNWIND_INFO.
const (
	x64Chained = 4
	x64Large   = 8 // version 3
)

// Operations of versions 1 and 2.
const (
	opPush = iota
	opAllocLarge
	opAllocSmall
	opSetFP
	opSave
	opSaveFar
	opEpilog
	opSpare
	opSaveXMM
	opSaveXMMFar
	opMachineFrame
)

// x64Info is an UNWIND_INFO with its codes and, where it is chained, the parent.
// It lies in the buffer of its x64.
type x64Info []byte

func (i x64Info) version() byte       { return i[0] & 7 }
func (i x64Info) flags() byte         { return i[0] >> 3 }
func (i x64Info) frameRegister() int  { return int(i[3] & 15) }
func (i x64Info) frameOffset() uint64 { return uint64(i[3]>>4) * 16 }

// codes returns the slots of versions 1 and 2.
func (i x64Info) codes() []byte { return i[4 : 4+2*int(i[2])] }

// parent returns the chained entry.
func (i x64Info) parent() x64Entry { return x64EntryOf(i[len(i)-x64EntrySize:]) }

// read reads the UNWIND_INFO of e.
func (x *x64) read(e x64Entry) (x64Info, error) {
	b, err := x.im.at(x.w, e.unwind, 4)
	if err != nil {
		return nil, err
	}
	n := 4 + 2*uint32(b[2])
	if b[0]>>3&x64Chained != 0 {
		n = (n+3)&^3 + x64EntrySize
	}
	if b, err = x.im.at(x.w, e.unwind, n); err != nil {
		return nil, err
	}
	if err := x.w.spend(int(n)); err != nil {
		return nil, err
	}
	return x.info[:copy(x.info[:], b)], nil
}

// function12 unwinds a function described by version 1 or 2.
func (x *x64) function12(e x64Entry, info x64Info) (step, error) {
	if !x.c.UnwoundToCall {
		s, done, err := x.epilogue12(e, info)
		if done || err != nil {
			return s, err
		}
	}
	if err := x.establish(e, info); err != nil {
		return step{}, x.w.fail("frame", err)
	}
	return x.undoChain(e, info)
}

// establish finds the base of the frame before anything is undone: the frame
// register's, once it is set up, else the stack pointer.
func (x *x64) establish(e x64Entry, info x64Info) error {
	x.base, x.framed = x.c.Int[RegRSP], false
	r := info.frameRegister()
	if r == 0 || !x.frameIsSet(e, info) {
		return nil
	}
	if !x.c.known(r) {
		return fmt.Errorf("%w: frame register %d", ErrRegister, r)
	}
	x.base, x.framed = x.c.Int[r]-info.frameOffset(), true
	return nil
}

// frameIsSet reports whether the frame register holds its value at the PC.
func (x *x64) frameIsSet(e x64Entry, info x64Info) bool {
	off := x.pc - e.begin // wraps for a part that lies before its function
	if off >= uint32(info[1]) || info.flags()&x64Chained != 0 {
		return true
	}
	codes := info.codes()
	for len(codes) > 0 {
		if codes[1]&15 == opSetFP {
			return off >= uint32(codes[0])
		}
		n := slots(info.version(), codes)
		if n == 0 || 2*n > len(codes) {
			return false
		}
		codes = codes[2*n:]
	}
	return false
}

// undoChain undoes the codes of info and of the entries it is chained to, then
// the call.
func (x *x64) undoChain(e x64Entry, info x64Info) (step, error) {
	for range maxChain {
		interrupted, err := x.undoCodes(x.pc-e.begin, info)
		if err != nil || interrupted {
			return step{rule: RuleUnwind, exact: true, switched: true}, err
		}
		if info.flags()&x64Chained == 0 {
			return step{rule: RuleUnwind}, x.ret()
		}
		if e, info, err = x.up(info); err != nil {
			return step{}, x.lacking("chained unwind data", err)
		}
	}
	return step{}, x.w.fail("unwind data", fmt.Errorf("%w: chained in a circle", ErrUnwindData))
}

// up returns the entry info is chained to and its unwind data.
func (x *x64) up(info x64Info) (x64Entry, x64Info, error) {
	e, err := x.im.follow(x.w, info.parent())
	if err != nil {
		return e, nil, err
	}
	was := info.version()
	if info, err = x.read(e); err != nil {
		return e, nil, err
	}
	if v := info.version(); v == 0 || v > 3 || (v == 3) != (was == 3) {
		return e, nil, fmt.Errorf("%w: version %d chained to version %d", ErrUnwindData, was, v)
	}
	return e, info, nil
}

// undoCodes undoes the codes whose instruction ends at or before off.
func (x *x64) undoCodes(off uint32, info x64Info) (interrupted bool, err error) {
	codes := info.codes()
	for len(codes) > 0 {
		n := slots(info.version(), codes)
		if n == 0 || 2*n > len(codes) {
			return false, x.w.fail("unwind data", fmt.Errorf("%w: code %x", ErrUnwindData, codes[1]))
		}
		if off >= uint32(codes[0]) {
			if interrupted, err = x.undo(codes, info); interrupted || err != nil {
				return interrupted, err
			}
		}
		codes = codes[2*n:]
	}
	return false, nil
}

// slots returns how many 16-bit slots the first code has, 0 for none that there
// is.
func slots(version byte, codes []byte) int {
	switch codes[1] & 15 {
	case opPush, opAllocSmall, opSetFP, opMachineFrame:
		return 1
	case opSave, opSaveXMM:
		return 2
	case opSaveFar, opSaveXMMFar, opSpare:
		return 3
	case opEpilog:
		return 3 - int(version)
	case opAllocLarge:
		if codes[1]>>4 > 1 {
			return 0
		}
		return 2 + int(codes[1]>>4)
	}
	return 0
}

// undo undoes one code that is whole.
func (x *x64) undo(code []byte, info x64Info) (interrupted bool, err error) {
	r := int(code[1] >> 4)
	switch code[1] & 15 {
	case opPush:
		x.pop(r)
	case opAllocLarge:
		x.c.Int[RegRSP] += large(code)
	case opAllocSmall:
		x.c.Int[RegRSP] += 8*uint64(r) + 8
	case opSetFP:
		return false, x.undoFrame(info)
	case opSave:
		x.w.restore(x.c, r, x.base+8*small(code))
	case opSaveFar:
		x.w.restore(x.c, r, x.base+far(code))
	case opSaveXMM:
		x.restoreXMM(r, x.base+16*small(code))
	case opSaveXMMFar:
		x.restoreXMM(r, x.base+far(code))
	case opMachineFrame:
		return true, x.machineFrame(uint64(r))
	}
	return false, nil
}

// undoFrame undoes the setting of the frame register.
func (x *x64) undoFrame(info x64Info) error {
	r := info.frameRegister()
	switch {
	case r == 0:
		return x.w.fail("unwind data", fmt.Errorf("%w: no frame register", ErrUnwindData))
	case x.framed:
		x.c.Int[RegRSP] = x.base
	case !x.c.known(r):
		return x.w.fail("frame", fmt.Errorf("%w: frame register %d", ErrRegister, r))
	default:
		x.c.Int[RegRSP] = x.c.Int[r] - info.frameOffset()
	}
	return nil
}

// small, far and large return the operand of a code.
func small(code []byte) uint64 { return uint64(binary.LittleEndian.Uint16(code[2:])) }
func far(code []byte) uint64   { return uint64(binary.LittleEndian.Uint32(code[2:])) }
func large(code []byte) uint64 {
	if code[1]>>4 == 0 {
		return 8 * small(code)
	}
	return far(code)
}

// pop undoes the push of register r. The stack pointer is not a register that
// can be pushed.
func (x *x64) pop(r int) {
	sp := x.c.Int[RegRSP]
	if r != RegRSP {
		x.w.restore(x.c, r, sp)
	}
	x.c.Int[RegRSP] = sp + 8
}

// restoreXMM gives xmm register r the 16 bytes at addr.
func (x *x64) restoreXMM(r int, addr uint64) {
	b, err := x.w.read(addr, 16)
	if err != nil {
		x.c.KnownVec &^= 1 << r
		return
	}
	x.c.Vec[r] = [2]uint64{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])}
	x.c.KnownVec |= 1 << r
}

// machineFrame undoes an interrupt: the processor has pushed ss, rsp, flags, cs,
// rip and, where skip is 1, an error code.
func (x *x64) machineFrame(skip uint64) error {
	if skip > 1 {
		return x.w.fail("unwind data", fmt.Errorf("%w: machine frame of type %d", ErrUnwindData, skip))
	}
	b, err := x.w.read(x.c.Int[RegRSP]+8*skip, 32)
	if err != nil {
		return x.w.fail("machine frame", err)
	}
	x.c.PC = binary.LittleEndian.Uint64(b)
	x.c.Int[RegRSP] = binary.LittleEndian.Uint64(b[24:])
	return nil
}
