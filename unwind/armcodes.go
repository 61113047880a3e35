package unwind

import (
	"encoding/binary"
	"fmt"
)

// armCodes executes unwind codes of ARM.
type armCodes struct {
	a    *arm
	b    []byte
	at   int
	done bool // the PC is set, lr has no part in it
}

// Codes that stand for themselves.
const (
	armSpecial = 0xee
	armLoadLR  = 0xef
	armNop16   = 0xfb
	armNop32   = 0xfc
	armEnd16   = 0xfd // and a 16-bit instruction in an epilogue
	armEnd32   = 0xfe
	armEnd     = 0xff
)

// armCode returns the size in bytes of a code by its first byte, and that of the
// instruction it stands for.
func armCode(b byte) (size, instruction int) {
	switch {
	case b < 0x80:
		return 1, 2
	case b < 0xc0:
		return 2, 4
	case b < 0xd8:
		return 1, 2
	case b < 0xe8:
		return 1, 4
	case b < 0xec:
		return 2, 4
	case b < 0xee:
		return 2, 2
	case b == armSpecial:
		return 2, 0
	case b == armLoadLR, b == 0xf5, b == 0xf6:
		return 2, 4
	case b == 0xf7:
		return 3, 2
	case b == 0xf8:
		return 4, 2
	case b == 0xf9:
		return 3, 4
	case b == 0xfa:
		return 4, 4
	case b == armNop16, b == armEnd16:
		return 1, 2
	case b == armNop32, b == armEnd32:
		return 1, 4
	}
	return 1, 0
}

// armBytes returns the size of the instructions of the sequence at the beginning
// of b, that of a prologue or of an epilogue.
func armBytes(b []byte, epilogue bool) (n int) {
	for len(b) > 0 {
		size, instruction := armCode(b[0])
		if b[0] >= armEnd16 {
			if epilogue {
				n += instruction
			}
			break
		}
		n += instruction
		b = b[min(size, len(b)):]
	}
	return n
}

// skip passes over the codes of the first n bytes of instructions.
func (x *armCodes) skip(n int) {
	for n > 0 && x.at < len(x.b) && x.b[x.at] < armEnd16 {
		size, instruction := armCode(x.b[x.at])
		n -= instruction
		x.at += size
	}
}

// run executes codes up to the end.
func (x *armCodes) run() error {
	for x.at < len(x.b) && x.b[x.at] < armEnd16 && !x.done {
		n, _ := armCode(x.b[x.at])
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
func (x *armCodes) one(b []byte) error {
	c, v := b[0], uint32(0)
	for _, next := range b {
		v = v<<8 | uint32(next)
	}
	switch {
	case c < 0x80:
		x.alloc(v & 0x7f)
	case c < 0xc0:
		x.pop(v&0x1fff, v&0x2000 != 0)
	case c < 0xd0:
		return x.frame(int(c & 15))
	case c < 0xd8:
		x.pop(0xff0&(1<<(5+v&3)-1), v&4 != 0)
	case c < 0xe0:
		x.pop(0xff0&(1<<(9+v&3)-1), v&4 != 0)
	case c < 0xe8:
		x.vpop(8, 8+int(c&7))
	case c < 0xec:
		x.alloc(v & 0x3ff)
	case c < 0xee:
		x.pop(v&0xff, v&0x100 != 0)
	case c == armSpecial:
		return x.special(b[1])
	case c == armLoadLR:
		x.loadLR(v & 15)
	case c == 0xf5:
		x.vpop(int(v>>4&15), int(v&15))
	case c == 0xf6:
		x.vpop(16+int(v>>4&15), 16+int(v&15))
	case c == 0xf7, c == 0xf9:
		x.alloc(v & 0xffff)
	case c == 0xf8, c == 0xfa:
		x.alloc(v & 0xffffff)
	case c == armNop16, c == armNop32:
	default:
		return fmt.Errorf("%w: code %x", ErrUnwindData, c)
	}
	return nil
}

// alloc frees words of the stack.
func (x *armCodes) alloc(words uint32) { x.move(4 * words) }

// move raises the stack pointer, which has 32 bits.
func (x *armCodes) move(n uint32) {
	c := x.a.c
	c.Int[RegARMSP] = uint64(uint32(c.Int[RegARMSP]) + n)
}

// frame takes the stack pointer from register r.
func (x *armCodes) frame(r int) error {
	if r > 12 || !x.a.c.known(r) {
		return fmt.Errorf("%w: r%d", ErrRegister, r)
	}
	x.a.c.Int[RegARMSP] = x.a.c.Int[r]
	return nil
}

// pop pops the registers of a mask, and lr behind them.
func (x *armCodes) pop(mask uint32, lr bool) {
	if lr {
		mask |= 1 << RegARMLR
	}
	for r := range 15 {
		if mask>>r&1 != 0 {
			x.a.w.restore32(x.a.c, r, x.a.c.Int[RegARMSP])
			x.move(4)
		}
	}
}

// vpop pops vector registers from first to last. Those above d15 are not kept.
func (x *armCodes) vpop(first, last int) {
	c := x.a.c
	for r := first; r <= last; r++ {
		if r < len(c.Vec) {
			b, err := x.a.w.read(c.Int[RegARMSP], 8)
			if err != nil {
				c.KnownVec &^= 1 << r
			} else {
				c.Vec[r], c.KnownVec = [2]uint64{binary.LittleEndian.Uint64(b)}, c.KnownVec|1<<r
			}
		}
		x.move(8)
	}
}

// loadLR executes ldr lr,[sp],#4*words.
func (x *armCodes) loadLR(words uint32) {
	x.a.w.restore32(x.a.c, RegARMLR, x.a.c.Int[RegARMSP])
	x.alloc(words)
}

// special executes a code of Windows' own: 1 is a machine frame, 2 a CONTEXT
// (dotnet/runtime, unwinder.cpp).
func (x *armCodes) special(code byte) error {
	c := x.a.c
	x.done = true
	switch code {
	case 1:
		b, err := x.a.w.read(c.Int[RegARMSP], 8)
		if err != nil {
			return err
		}
		c.Int[RegARMSP] = uint64(binary.LittleEndian.Uint32(b))
		c.PC = uint64(binary.LittleEndian.Uint32(b[4:]) &^ 1)
		c.KnownInt &= armSavedInt | 1<<RegARMLR
		c.KnownVec &= armSavedVec
		return nil
	case 2:
		b, err := x.a.w.read(c.Int[RegARMSP], uint64(contextSize(ARM)))
		if err != nil {
			return err
		}
		saved, err := ParseContext(ARM, b)
		*c = saved
		return err
	}
	return fmt.Errorf("%w: code ee%02x", ErrUnsupported, code)
}
