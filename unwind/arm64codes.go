package unwind

import (
	"encoding/binary"
	"fmt"
)

// arm64Codes executes unwind codes. Source: cpp-docs, arm64-exception-handling.
type arm64Codes struct {
	a        *arm64
	c        *Context
	b        []byte
	at       int
	next     int  // pairs that the next pair code restores besides its own
	done     bool // the PC is set, lr has no part in it
	exact    bool // and it is not a return address
	switched bool // the stack may be another one
	whole    bool // all registers were saved
}

// Codes that stand for themselves.
const (
	codeAllocZ   = 0xdf
	codeAllocL   = 0xe0
	codeSetFP    = 0xe1
	codeAddFP    = 0xe2
	codeNop      = 0xe3
	codeEnd      = 0xe4
	codeEndC     = 0xe5
	codeSaveNext = 0xe6
	codeSaveAny  = 0xe7
	codeTrap     = 0xe8
	codeMachine  = 0xe9
	codeContext  = 0xea
	codeEC       = 0xeb
	codeClear    = 0xec
	codePAC      = 0xfc
)

// codeSize returns the size in bytes of a code by its first byte.
func codeSize(b byte) int {
	switch {
	case b < 0xc0:
		return 1
	case b <= codeAllocZ:
		return 2
	case b == codeAllocL:
		return 4
	case b == codeAddFP:
		return 2
	case b == codeSaveAny:
		return 3
	case b >= 0xf8 && b <= 0xfb:
		return int(b) - 0xf8 + 2
	}
	return 1
}

// instructionsOf returns how many instructions a code stands for.
func instructionsOf(b byte) int {
	if b >= codeTrap && b <= 0xf7 {
		return 0
	}
	return 1
}

// instructions counts those of the sequence at the beginning of b.
func instructions(b []byte) (n int) {
	for len(b) > 0 && b[0] != codeEnd && b[0] != codeEndC {
		n += instructionsOf(b[0])
		b = b[min(codeSize(b[0]), len(b)):]
	}
	return n
}

// skip passes over the codes of the first n instructions of the sequence.
func (x *arm64Codes) skip(n int) {
	for n > 0 && x.at < len(x.b) {
		b := x.b[x.at]
		if b == codeEnd || b == codeEndC {
			return
		}
		n -= instructionsOf(b)
		x.at += codeSize(b)
	}
}

// run executes codes up to the end.
func (x *arm64Codes) run() error {
	for x.at < len(x.b) && x.b[x.at] != codeEnd && !x.done {
		n := codeSize(x.b[x.at])
		if x.at+n > len(x.b) {
			return fmt.Errorf("%w: code is cut short", ErrUnwindData)
		}
		if err := x.one(x.b[x.at : x.at+n]); err != nil {
			return err
		}
		x.at += n
	}
	return nil
}

// one executes one code.
func (x *arm64Codes) one(b []byte) error {
	switch c := b[0]; {
	case c < 0x20:
		x.alloc(16 * uint64(c))
	case c < 0x40:
		return x.save(19, 2, 0, 8*uint64(c&31))
	case c < 0x80:
		return x.save(RegARM64FP, 2, 8*uint64(c&63), 0)
	case c < 0xc0:
		return x.save(RegARM64FP, 2, 0, 8*uint64(c&63)+8)
	case c < 0xc8:
		x.alloc(16 * (uint64(c&7)<<8 | uint64(b[1])))
	case c < codeAllocZ:
		return x.two(uint(c)<<8 | uint(b[1]))
	case c == codeAllocZ:
		return fmt.Errorf("%w: the size of SVE registers is not known", ErrUnsupported)
	case c == codeAllocL:
		x.alloc(16 * (uint64(b[1])<<16 | uint64(b[2])<<8 | uint64(b[3])))
	case c == codeSaveAny:
		return x.saveAny(b[1], b[2])
	case c == codeSaveNext:
		x.next++
	case c == codeSetFP:
		return x.frame(0)
	case c == codeAddFP:
		return x.frame(8 * uint64(b[1]))
	case c == codePAC:
		x.c.Int[RegARM64LR] = stripPAC(x.c.Int[RegARM64LR])
	case c == codeTrap || c == codeMachine || c == codeContext || c == codeEC || c == codeClear:
		return x.special(c)
	case c >= 0xed && c <= 0xf7:
		return fmt.Errorf("%w: code %x", ErrUnwindData, c)
	}
	return nil
}

func (x *arm64Codes) alloc(n uint64) { x.c.Int[RegARM64SP] += n }

// frame takes the stack pointer from the frame pointer.
func (x *arm64Codes) frame(below uint64) error {
	if !x.c.known(RegARM64FP) {
		return fmt.Errorf("%w: frame pointer", ErrRegister)
	}
	x.c.Int[RegARM64SP] = x.c.Int[RegARM64FP] - below
	return nil
}

// two executes a code of two bytes that saves registers.
func (x *arm64Codes) two(v uint) error {
	z := 8 * uint64(v&63)
	zx := 8*uint64(v&31) + 8 // of single registers with write-back
	switch {
	case v < 0xcc00: // save_regp
		return x.save(19+int(v>>6&15), 2, z, 0)
	case v < 0xd000: // save_regp_x
		return x.save(19+int(v>>6&15), 2, 0, z+8)
	case v < 0xd400: // save_reg
		return x.save(19+int(v>>6&15), 1, z, 0)
	case v < 0xd600: // save_reg_x
		return x.save(19+int(v>>5&15), 1, 0, zx)
	case v < 0xd800: // save_lrpair
		if err := x.save(19+2*int(v>>6&7), 1, z, 0); err != nil {
			return err
		}
		return x.save(RegARM64LR, 1, z+8, 0)
	case v < 0xda00: // save_fregp
		x.saveVec(8+int(v>>6&7), 2, z, 0, 8)
	case v < 0xdc00: // save_fregp_x
		x.saveVec(8+int(v>>6&7), 2, 0, z+8, 8)
	case v < 0xde00: // save_freg
		x.saveVec(8+int(v>>6&7), 1, z, 0, 8)
	default: // save_freg_x
		x.saveVec(8+int(v>>5&7), 1, 0, zx, 8)
	}
	return nil
}

// pairs returns how many registers a code restores that names n, with those of
// the codes before that extend a pair.
func (x *arm64Codes) pairs(n int) int {
	if n == 2 {
		n += 2 * x.next
	}
	x.next = 0
	return n
}

// save restores n integer registers from r on, saved off bytes above the stack
// pointer, and frees what saving them allocated.
func (x *arm64Codes) save(r, n int, off, free uint64) error {
	n = x.pairs(n)
	if r+n > RegARM64SP {
		return fmt.Errorf("%w: register x%d", ErrUnwindData, r+n-1)
	}
	sp := x.c.Int[RegARM64SP]
	for i := range n {
		x.a.w.restore(x.c, r+i, sp+off+8*uint64(i))
	}
	x.alloc(free)
	return nil
}

// saveVec is save for vector registers of which size bytes are saved. Those
// above v15 are not preserved and not kept.
func (x *arm64Codes) saveVec(r, n int, off, free, size uint64) {
	sp := x.c.Int[RegARM64SP]
	for i := range min(x.pairs(n), 32-r) {
		x.vec(r+i, sp+off+size*uint64(i), size)
	}
	x.alloc(free)
}

// vec restores one vector register of size bytes.
func (x *arm64Codes) vec(r int, addr, size uint64) {
	if r >= len(x.c.Vec) {
		return
	}
	b, err := x.a.w.read(addr, size)
	if err != nil {
		x.c.KnownVec &^= 1 << r
		return
	}
	x.c.Vec[r][0] = binary.LittleEndian.Uint64(b)
	if size == 16 {
		x.c.Vec[r][1] = binary.LittleEndian.Uint64(b[8:])
	}
	x.c.KnownVec |= 1 << r
}

// saveAny executes save_any_reg.
func (x *arm64Codes) saveAny(b1, b2 byte) error {
	n, kind, r := 1, b2>>6, int(b1&31)
	pair, writeBack := b1&0x40 != 0, b1&0x20 != 0
	if b1&0x80 != 0 {
		return fmt.Errorf("%w: save_any_reg %02x%02x", ErrUnwindData, b1, b2)
	}
	if kind == 3 {
		return fmt.Errorf("%w: the size of SVE registers is not known", ErrUnsupported)
	}
	if pair {
		n = 2
	}
	scale := uint64(8)
	if pair || writeBack || kind == 2 {
		scale = 16
	}
	off, free := scale*uint64(b2&63), uint64(0)
	if writeBack {
		off, free = 0, off+16
	}
	if kind == 0 {
		return x.save(r, n, off, free)
	}
	x.saveVec(r, n, off, free, 8*uint64(kind))
	return nil
}
