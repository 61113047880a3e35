package unwind

import "encoding/binary"

const maxEpilogue = 64 // bytes of code that are looked at

// epilogue12 executes what is left of an epilogue, if the PC is in one.
func (x *x64) epilogue12(e x64Entry, info x64Info) (s step, done bool, err error) {
	if info.version() == 2 {
		return x.epilogue2(e, info)
	}
	p := x64Epilogue{x: x, entry: e, info: info}
	out := x.code(&p)
	switch found, cut := p.run(false); {
	case cut && out != nil:
		x.w.without(out) // the bytes that would tell are out: the body it is
		return s, false, nil
	case !found || cut:
		return s, false, nil
	}
	p.at = 0
	p.run(true)
	if p.interrupted {
		return step{rule: RuleEpilogue, exact: true, switched: true}, true, x.machineFrame(0)
	}
	return step{rule: RuleEpilogue}, true, x.ret()
}

// code reads code at the PC, and returns why it is less than an epilogue may
// have.
func (x *x64) code(p *x64Epilogue) (out error) {
	n := min(maxEpilogue, x.im.module.Size-min(x.pc, x.im.module.Size))
	b, out := x.im.at(x.w, x.pc, n)
	if out != nil { // as much as is in this page
		n = min(n, pageSize-x.pc%pageSize)
		var err error
		if b, err = x.im.at(x.w, x.pc, n); err != nil {
			return out
		}
	}
	p.code = p.buf[:copy(p.buf[:], b)]
	return out
}

// x64Epilogue recognises the epilogues the x64 calling convention allows:
// one add or lea that frees the frame, pops, and a way out of the function.
type x64Epilogue struct {
	x           *x64
	entry       x64Entry
	info        x64Info
	buf         [maxEpilogue]byte
	code        []byte
	at          int
	interrupted bool // it returns from an interrupt
}

// run goes through the code. It reports whether all of it is an epilogue, and
// whether the code was cut before that could be told. With apply it does to the
// registers what the code does, but for its last instruction.
func (p *x64Epilogue) run(apply bool) (found, cut bool) {
	p.free(apply)
	for p.pop(apply) {
	}
	if p.hasMachineFrame() {
		p.free(apply) // an error code
	}
	if p.at+8 > len(p.code) && len(p.code) < maxEpilogue {
		found = p.leaves()
		return found, !found
	}
	return p.leaves(), false
}

// peek returns byte i from here, 0 behind the end of the code.
func (p *x64Epilogue) peek(i int) byte {
	if p.at+i < len(p.code) {
		return p.code[p.at+i]
	}
	return 0
}

// disp returns the signed number of n bytes at byte i from here.
func (p *x64Epilogue) disp(i, n int) int64 {
	if p.at+i+n > len(p.code) {
		return 0
	}
	if n == 1 {
		return int64(int8(p.peek(i)))
	}
	return int64(int32(binary.LittleEndian.Uint32(p.code[p.at+i:])))
}

// free takes add rsp,n or lea rsp,[frame register+n].
func (p *x64Epilogue) free(apply bool) {
	rex, op, mod := p.peek(0), p.peek(1), p.peek(2)
	base, size := RegRSP, 0
	switch {
	case rex == 0x48 && op == 0x83 && mod == 0xc4:
		size = 1
	case rex == 0x48 && op == 0x81 && mod == 0xc4:
		size = 4
	case rex&^1 == 0x48 && op == 0x8d && mod>>3&7 == RegRSP && mod&7 != RegRSP:
		base = int(mod&7 | rex&1<<3)
		size = [4]int{0, 1, 4, 0}[mod>>6]
		if base != p.info.frameRegister() {
			return
		}
	}
	if size == 0 || base != RegRSP && !p.x.c.known(base) {
		return
	}
	if apply {
		p.x.c.Int[RegRSP] = p.x.c.Int[base] + uint64(p.disp(3, size))
	}
	p.at += 3 + size
}

// pop takes one pop of a register other than the stack pointer.
func (p *x64Epilogue) pop(apply bool) bool {
	n, rex := 0, byte(0)
	if p.peek(0)&0xf0 == 0x40 {
		n, rex = 1, p.peek(0)
	}
	op := p.peek(n)
	r := int(op&7 | rex&1<<3)
	if op&0xf8 != 0x58 || r == RegRSP {
		return false
	}
	if apply {
		p.x.pop(r)
	}
	p.at += n + 1
	return true
}

// leaves reports whether the next instruction leaves the function.
func (p *x64Epilogue) leaves() bool {
	if p.peek(0) == 0xf2 { // bnd
		p.at++
	}
	switch b := p.peek(0); {
	case b == 0xc3, b == 0xc2, b == 0xf3 && p.peek(1) == 0xc3:
		return true
	case b == 0xeb:
		return p.leavesTo(2 + p.disp(1, 1))
	case b == 0xe9:
		return p.leavesTo(5 + p.disp(1, 4))
	case b == 0xff && p.peek(1) == 0x25:
		return true
	case b&0xf8 == 0x48 && p.peek(1) == 0xff && p.peek(2)>>3&7 == 4:
		return true // REX.W marks a tail call
	case b == 0x48 && p.peek(1) == 0xcf:
		p.interrupted = p.hasMachineFrame()
		return p.interrupted
	}
	return false
}

// leavesTo reports whether a jump by that many bytes leaves the function: to
// another one, or to its own beginning as a call of itself.
func (p *x64Epilogue) leavesTo(by int64) bool {
	x := p.x
	to := int64(x.pc) + int64(p.at) + by
	if to < 0 || to >= int64(x.im.module.Size) {
		return true
	}
	target := uint32(to)
	saved := x.w.origin
	defer func() { x.w.origin = saved }()
	if target >= p.entry.begin && target < p.entry.end {
		return target == p.entry.begin && p.info.flags()&x64Chained == 0
	}
	e, ok, err := x.im.x64Entry(x.w, target)
	if err != nil || !ok {
		return true
	}
	own, other := x.primary(p.entry), x.primary(e)
	return own != other || target == own
}

// primary returns where the function begins that e is a part of.
func (x *x64) primary(e x64Entry) uint32 {
	for range maxChain {
		b, err := x.im.at(x.w, e.unwind, 4)
		if err != nil || b[0]>>3&x64Chained == 0 {
			break
		}
		n := (4 + 2*uint32(b[2]) + 3) &^ 3
		if b, err = x.im.at(x.w, e.unwind+n, x64EntrySize); err != nil {
			break
		}
		if e, err = x.im.follow(x.w, x64EntryOf(b)); err != nil {
			break
		}
	}
	return e.begin
}

// hasMachineFrame reports whether the function was entered by an interrupt.
func (p *x64Epilogue) hasMachineFrame() bool {
	codes := p.info.codes()
	for len(codes) > 0 {
		n := slots(p.info.version(), codes)
		if codes[1]&15 == opMachineFrame {
			return true
		}
		if n == 0 || 2*n > len(codes) {
			return false
		}
		codes = codes[2*n:]
	}
	return false
}
