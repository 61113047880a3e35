package dwarf

import (
	"errors"
	"fmt"
	"math/bits"

	"github.com/symres/symres/internal/register"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/symbols"
	"github.com/symres/symres/unwind"
)

// Operations of expressions (DWARF 5, 7.7.1).
const (
	opAddr          = 0x03
	opDeref         = 0x06
	opConst1u       = 0x08 // to opConsts
	opConstu        = 0x10
	opConsts        = 0x11
	opDup           = 0x12
	opDrop          = 0x13
	opOver          = 0x14
	opSwap          = 0x16
	opAbs           = 0x19
	opAnd           = 0x1a
	opDiv           = 0x1b
	opMinus         = 0x1c
	opMod           = 0x1d
	opMul           = 0x1e
	opNeg           = 0x1f
	opNot           = 0x20
	opOr            = 0x21
	opPlus          = 0x22
	opPlusUconst    = 0x23
	opShl           = 0x24
	opShr           = 0x25
	opShra          = 0x26
	opXor           = 0x27
	opLit0          = 0x30
	opReg0          = 0x50
	opBreg0         = 0x70
	opRegx          = 0x90
	opFbreg         = 0x91
	opBregx         = 0x92
	opPiece         = 0x93
	opDerefSize     = 0x94
	opNop           = 0x96
	opCallFrameCFA  = 0x9c
	opBitPiece      = 0x9d
	opImplicitValue = 0x9e
	opStackValue    = 0x9f
	opAddrx         = 0xa1
	opEntryValue    = 0xa3
	opGNUEntryValue = 0xf3

	maxOperations = 4096
	maxStack      = 64
	maxPieces     = 256
)

var errOperation = fmt.Errorf("%w: an operation of DWARF", symbols.ErrPlace)

// expression computes a place.
type expression struct {
	unit  *unit
	frame *symbols.StackFrame
	base  value // of the frame: an expression
	in    reader
	stack []uint64

	operations int
	text       string // how the place is written, as far as it is a register and an offset
}

// registerOf returns a register by its number in DWARF.
func registerOf(m unwind.Machine, n uint64, size uint64) (register.Register, error) {
	whole := size != 1 && size != 2 && size != 4
	switch {
	case m == unwind.X64 && n < 16:
		index := int(n)
		if n < 8 {
			index = []int{0, 2, 1, 3, 6, 7, 5, 4}[n]
		}
		if whole {
			size = 8
		}
		return register.Intel(index, int(size)), nil
	case m == unwind.X86 && n < 8:
		if whole {
			size = 4
		}
		return register.Intel(int(n), int(size)), nil
	case m == unwind.X64 && n >= 17 && n < 33:
		return register.Vector("xmm", int(n-17), 16), nil
	case m == unwind.X86 && n >= 21 && n < 29:
		return register.Vector("xmm", int(n-21), 16), nil
	case m == unwind.ARM64 && n < 32:
		if size != 4 {
			size = 8
		}
		return register.ARM64(int(n), int(size)), nil
	case m == unwind.ARM64 && n >= 64 && n < 96:
		return register.Vector("q", int(n-64), 16), nil
	}
	return register.Register{}, fmt.Errorf("%w: register %d", symbols.ErrPlace, n)
}

// contents are the address or number in a register.
func (x *expression) contents(n uint64) (uint64, register.Register, error) {
	r, err := registerOf(x.frame.Machine, n, 0)
	if err != nil {
		return 0, r, err
	}
	b := r.Bytes(&x.frame.Context)
	if b == nil {
		return 0, r, fmt.Errorf("%s: %w", r.Name, symbols.ErrNotSaved)
	}
	in := reader{b: b}
	return in.fixed(min(len(b), 8)), r, nil
}

// pieces finds the parts of a value of so many bytes.
func (x *expression) pieces(size uint64) (list []symbols.Piece) {
	for at := uint64(0); ; {
		p, n, found := x.piece(size)
		if !found && len(list) > 0 {
			return list
		}
		p.At, p.Size = uint32(min(at, 1<<32-1)), uint32(min(n, 1<<32-1))
		list = append(list, p)
		if at += n; n == 0 || x.in.done() || len(list) >= maxPieces {
			return list
		}
	}
}

// piece computes a place, up to the operation that says how many bytes are there;
// n is 0 for all. Not found: nothing is left.
func (x *expression) piece(size uint64) (p symbols.Piece, n uint64, found bool) {
	x.stack, x.text = x.stack[:0], ""
	var failed error
	for !x.in.done() {
		op := x.in.u8()
		if x.operations++; x.operations > maxOperations || op == opBitPiece {
			x.in.bad = true
			break
		}
		if op == opPiece {
			n = x.in.uleb()
			break
		}
		next, err := x.operation(op, p, size)
		if found = true; failed == nil { // what follows is read all the same, for the next piece
			p, failed = next, err
		}
	}
	switch {
	case x.in.bad:
		p, n = symbols.Piece{Err: errOperation}, 0
	case failed != nil:
		p = symbols.Piece{Place: p.Place, Err: failed}
	case !found:
		p.Err = symbols.ErrOptimizedOut
	}
	return p, n, found || n > 0
}

// operation runs an operation: p is the place before it, next that behind it.
func (x *expression) operation(op uint8, p symbols.Piece, size uint64) (next symbols.Piece, err error) {
	switch {
	case op >= opReg0 && op < opBreg0:
		return x.inRegister(uint64(op-opReg0), size)
	case op == opRegx:
		return x.inRegister(x.in.uleb(), size)
	case op == opImplicitValue:
		next.Value = x.in.take(x.in.uleb())
		return next, nil
	case op == opStackValue && p.InMemory:
		return symbols.Piece{Place: x.text, Value: word(p.Address, size)}, nil
	case op == opEntryValue || op == opGNUEntryValue:
		x.in.take(x.in.uleb())
		return next, symbols.ErrNotSaved
	}
	if err = x.step(op); err == nil && len(x.stack) > 0 {
		next = symbols.Piece{InMemory: true, Address: x.stack[len(x.stack)-1], Place: x.text}
	}
	return next, err
}

func word(v, size uint64) []byte {
	b := make([]byte, 8)
	for i := range b {
		b[i] = byte(v >> (8 * i))
	}
	if size > 0 && size < 8 {
		return b[:size]
	}
	return b
}

func (x *expression) inRegister(n, size uint64) (p symbols.Piece, err error) {
	r, err := registerOf(x.frame.Machine, n, size)
	if err != nil {
		return p, err
	}
	p.Place = "@" + r.Name
	if p.Value = r.Bytes(&x.frame.Context); p.Value == nil {
		return p, fmt.Errorf("%s: %w", r.Name, symbols.ErrNotSaved)
	}
	return p, nil
}

func (x *expression) push(v uint64) error {
	if len(x.stack) >= maxStack {
		return errOperation
	}
	if x.unit.width == 4 {
		v &= 1<<32 - 1
	}
	x.stack = append(x.stack, v)
	return nil
}

func (x *expression) pop() (uint64, error) {
	if len(x.stack) == 0 {
		return 0, errOperation
	}
	v := x.stack[len(x.stack)-1]
	x.stack = x.stack[:len(x.stack)-1]
	return v, nil
}

// link is where a place that the linker knew is in the frame's module.
func (x *expression) link(addr uint64) uint64 {
	return addr - x.unit.t.im.ImageBase + x.frame.Module.Base
}

// relative pushes what a register has, and an offset to it.
func (x *expression) relative(n uint64) error {
	off := x.in.sleb()
	v, r, err := x.contents(n)
	if err != nil {
		return err
	}
	x.text = fmt.Sprintf("@%s%+#x", r.Name, off)
	return x.push(v + uint64(off))
}

// step runs an operation that computes.
func (x *expression) step(op uint8) error {
	in := &x.in
	switch {
	case op == opAddr:
		return x.push(x.link(in.fixed(int(x.unit.width))))
	case op == opAddrx:
		addr, err := x.unit.address(value{form: formAddrx, u: in.uleb()})
		if err != nil {
			return err
		}
		return x.push(x.link(addr))
	case op >= opConst1u && op < opConstu:
		return x.constant(op)
	case op == opConstu:
		return x.push(in.uleb())
	case op == opConsts:
		return x.push(uint64(in.sleb()))
	case op >= opLit0 && op < opReg0:
		return x.push(uint64(op - opLit0))
	case op >= opBreg0 && op < opRegx:
		return x.relative(uint64(op - opBreg0))
	case op == opBregx:
		return x.relative(in.uleb())
	case op == opFbreg:
		return x.inFrame()
	case op == opCallFrameCFA:
		if x.frame.CFA == 0 {
			return symbols.ErrNoBase
		}
		x.text = "cfa"
		return x.push(x.frame.CFA)
	case op == opNop:
		return nil
	case op == opDeref:
		return x.deref(uint64(x.unit.width))
	case op == opDerefSize:
		return x.deref(uint64(in.u8()))
	}
	return x.compute(op)
}

// constant pushes a number of 1, 2, 4 or 8 bytes, without and with a sign in turn.
func (x *expression) constant(op uint8) error {
	size := 1 << ((op - opConst1u) / 2)
	v := x.in.fixed(size)
	if op&1 == 1 {
		shift := 64 - 8*size
		v = uint64(int64(v<<shift) >> shift)
	}
	return x.push(v)
}

// inFrame pushes a place counted from the frame's base.
func (x *expression) inFrame() error {
	off := x.in.sleb()
	if x.base.b == nil {
		return symbols.ErrNoBase
	}
	base := &expression{unit: x.unit, frame: x.frame, in: reader{b: x.base.b}}
	p, _, _ := base.piece(0)
	switch {
	case p.Err != nil:
		return p.Err
	case p.InMemory:
		x.text = fmt.Sprintf("%s%+#x", base.text, off)
		return x.push(p.Address + uint64(off))
	}
	in := reader{b: p.Value}
	x.text = fmt.Sprintf("%s%+#x", p.Place, off)
	return x.push(in.fixed(min(len(p.Value), 8)) + uint64(off))
}

func (x *expression) deref(size uint64) error {
	at, err := x.pop()
	if err != nil || size == 0 || size > 8 {
		return errOperation
	}
	if x.frame.Memory == nil {
		return symbols.ErrNoBase
	}
	b := make([]byte, size)
	if err := memsource.ReadFull(x.frame.Memory, b, at); err != nil {
		return err
	}
	x.text = ""
	in := reader{b: append(b, make([]byte, 8-size)...)}
	return x.push(in.fixed(8))
}

// compute runs an operation on the stack.
func (x *expression) compute(op uint8) error {
	var more uint64
	if op == opPlusUconst {
		more = x.in.uleb()
	}
	a, err := x.pop()
	if err != nil {
		return err
	}
	x.text = ""
	switch op {
	case opDup:
		return errors.Join(x.push(a), x.push(a))
	case opDrop:
		return nil
	case opNeg:
		return x.push(-a)
	case opNot:
		return x.push(^a)
	case opAbs:
		return x.push(uint64(max(int64(a), -int64(a))))
	case opPlusUconst:
		return x.push(a + more)
	}
	b, err := x.pop()
	if err != nil {
		return err
	}
	switch op {
	case opOver:
		return errors.Join(x.push(b), x.push(a), x.push(b))
	case opSwap:
		return errors.Join(x.push(a), x.push(b))
	case opAnd:
		return x.push(b & a)
	case opOr:
		return x.push(b | a)
	case opXor:
		return x.push(b ^ a)
	case opPlus:
		return x.push(b + a)
	case opMinus:
		return x.push(b - a)
	case opMul:
		return x.push(b * a)
	case opDiv:
		if a == 0 {
			return errOperation
		}
		if a == ^uint64(0) { // the least number has no opposite
			return x.push(-b)
		}
		return x.push(uint64(int64(b) / int64(a)))
	case opMod:
		if a == 0 {
			return errOperation
		}
		_, rest := bits.Div64(0, b, a)
		return x.push(rest)
	case opShl:
		return x.push(b << a)
	case opShr:
		return x.push(b >> a)
	case opShra:
		return x.push(uint64(int64(b) >> min(a, 63)))
	}
	x.in.bad = true // nobody knows its operands
	return errOperation
}
