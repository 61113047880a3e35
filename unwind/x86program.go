package unwind

import (
	"cmp"
	"fmt"
	"math/bits"
	"strings"
)

const (
	x86Temps      = 16 // $T0 and so on
	x86EIP        = 8
	x86Temp0      = 9
	x86NumVars    = x86Temp0 + x86Temps
	x86Depth      = 32      // of the stack of operands
	x86MaxWords   = 1 << 9  // of a program: the longest known has 60
	x86MaxProgram = 1 << 13 // bytes
)

// x86Value is an operand: a number, or a variable which may have none.
type x86Value struct {
	n    uint32
	name int8 // number of the variable, -1: none
	ok   bool
}

// x86Program runs the program of a FrameData record: words in postfix notation
// which compute the caller's registers.
//
// Source: the programs themselves, Breakpad's postfix evaluator and LLVM's
// X86WinCOFFTargetStreamer.
type x86Program struct {
	x   *x86
	out error // why a word of the stack has no value

	vars  [x86NumVars]uint32
	has   uint32 // bits of vars that have a value
	set   uint32 // and that the program set
	stack [x86Depth]x86Value
	depth int
}

// load gives the variables the registers of c.
func (p *x86Program) load(c *Context) {
	p.set, p.depth, p.out = 0, 0, nil
	for i := range 8 {
		p.vars[i] = uint32(c.Int[i])
	}
	p.has = c.KnownInt&0xff | 1<<RegESP | 1<<x86EIP
	p.vars[x86EIP] = uint32(c.PC)
}

// run runs the program. Errors are those of reading, ErrRegister, or match
// ErrUnwindData.
func (p *x86Program) run() error {
	rest := p.x.d.Program
	if len(rest) > x86MaxProgram {
		return p.bad("too long")
	}
	for n := 0; ; n++ {
		rest = strings.TrimLeft(rest, " \t")
		if rest == "" {
			break
		}
		if n >= x86MaxWords {
			return p.bad("too long")
		}
		if err := p.x.w.spend(1); err != nil {
			return err
		}
		word, more, _ := strings.Cut(rest, " ")
		rest = more
		if err := p.word(word); err != nil {
			return err
		}
	}
	if known := p.set & p.has; known>>x86EIP&1 != 0 && known>>RegESP&1 != 0 {
		return nil
	}
	return cmp.Or(p.out, p.bad("no caller"))
}

func (p *x86Program) bad(why string) error {
	return fmt.Errorf("%w: frame program: %s", ErrUnwindData, why)
}

// word does what one word says.
func (p *x86Program) word(s string) error {
	if len(s) == 1 && strings.Contains("+-*/%@^=", s) {
		return p.operate(s[0])
	}
	v, err := p.value(s)
	if err != nil {
		return err
	}
	return p.push(v)
}

func (p *x86Program) push(v x86Value) error {
	if p.depth >= x86Depth {
		return p.bad("stack overflow")
	}
	p.stack[p.depth] = v
	p.depth++
	return nil
}

// value returns the operand that a word names.
func (p *x86Program) value(s string) (x86Value, error) {
	number := func(n uint32) (x86Value, error) { return x86Value{n: n, name: -1, ok: true}, nil }
	switch s[0] {
	case '$':
		i := x86Variable(s[1:])
		if i < 0 {
			return x86Value{}, p.bad("unknown variable")
		}
		return x86Value{n: p.vars[i], name: int8(i), ok: p.has>>i&1 != 0}, nil
	case '.':
		switch s {
		case ".raSearch", ".raSearchStart":
			n, err := p.x.search()
			return x86Value{n: n, name: -1, ok: true}, err
		case ".cbLocals":
			return number(p.x.d.Locals)
		case ".cbParams":
			return number(p.x.d.Params)
		case ".cbSavedRegs":
			return number(uint32(p.x.d.SavedRegs))
		}
		return x86Value{}, p.bad("unknown constant")
	}
	n, ok := x86Number(s)
	if !ok {
		return x86Value{}, p.bad("unknown word")
	}
	return number(n)
}

// x86Variable returns the number of a variable by its name, -1 for an unknown
// one. Registers go by CodeView's numbers as well.
func x86Variable(s string) int {
	switch s {
	case "eax", "17":
		return 0
	case "ecx", "18":
		return 1
	case "edx", "19":
		return 2
	case "ebx", "20":
		return 3
	case "esp", "21":
		return RegESP
	case "ebp", "22":
		return RegEBP
	case "esi", "23":
		return 6
	case "edi", "24":
		return 7
	case "eip", "33":
		return x86EIP
	}
	if len(s) < 2 || len(s) > 3 || s[0] != 'T' {
		return -1
	}
	n, ok := x86Number(s[1:])
	if !ok || n >= x86Temps {
		return -1
	}
	return x86Temp0 + int(n)
}

// x86Number reads a decimal number, maybe a negative one, or a hexadecimal one
// that begins with 0x.
func x86Number(s string) (n uint32, ok bool) {
	s, negative := strings.CutPrefix(s, "-")
	s, hex := strings.CutPrefix(s, "0x")
	if s == "" || len(s) > 10 {
		return 0, false
	}
	for _, c := range []byte(s) {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case hex && c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		if hex {
			n = n<<4 | uint32(c)
		} else {
			n = n*10 + uint32(c)
		}
	}
	if negative {
		n = -n
	}
	return n, true
}

// pop takes the last operand.
func (p *x86Program) pop() (x86Value, error) {
	if p.depth == 0 {
		return x86Value{}, p.bad("operand is missing")
	}
	p.depth--
	return p.stack[p.depth], nil
}

// unknown is why an operand has no value.
func (p *x86Program) unknown(v x86Value) error {
	switch {
	case v.ok:
		return nil
	case p.out != nil:
		return p.out
	case v.name >= 0 && v.name < x86Temp0:
		return fmt.Errorf("%w: %d", ErrRegister, v.name)
	}
	return p.bad("variable without a value")
}

// operate applies an operator.
func (p *x86Program) operate(op byte) error {
	b, err := p.pop()
	if err != nil {
		return err
	}
	if op == '^' {
		return p.follow(b)
	}
	a, err := p.pop()
	if err != nil {
		return err
	}
	if op == '=' {
		return p.assign(a, b)
	}
	if err := cmp.Or(p.unknown(a), p.unknown(b)); err != nil {
		return err
	}
	n, ok := x86Arith(op, a.n, b.n)
	if !ok {
		return p.bad("division by zero")
	}
	return p.push(x86Value{n: n, name: -1, ok: true})
}

// follow pushes the word at an address. One that cannot be read has no value,
// which may not matter.
func (p *x86Program) follow(at x86Value) error {
	if err := p.unknown(at); err != nil {
		return err
	}
	n, err := p.x.w.u32(uint64(at.n))
	if err != nil {
		p.out = err
	}
	return p.push(x86Value{n: n, name: -1, ok: err == nil})
}

// assign gives a variable a value, or none.
func (p *x86Program) assign(to, v x86Value) error {
	if to.name < 0 {
		return p.bad("no variable")
	}
	p.vars[to.name] = v.n
	p.set |= 1 << to.name
	if p.has |= 1 << to.name; !v.ok {
		p.has &^= 1 << to.name
	}
	return nil
}

// x86Arith computes modulo 2^32; @ aligns down.
func x86Arith(op byte, a, b uint32) (n uint32, ok bool) {
	switch op {
	case '+':
		return a + b, true
	case '-':
		return a - b, true
	case '*':
		return a * b, true
	case '@':
		return a &^ (b - 1), b != 0
	}
	if b == 0 {
		return 0, false
	}
	if op == '/' {
		return a / b, true
	}
	return a % b, true
}

// store gives c the caller's registers. Registers that a callee need not
// preserve are not known, nor are others where the record counts more that the
// function saved than its program restores.
func (p *x86Program) store(c *Context) {
	const restored = 1<<3 | 1<<RegEBP | 1<<6 | 1<<7
	if int(p.x.d.SavedRegs) > 4*bits.OnesCount32(p.set&restored) {
		p.has &^= restored &^ p.set
	}
	for i := range 8 {
		if c.set(i, uint64(p.vars[i])); p.has>>i&1 == 0 {
			c.forget(i)
		}
	}
	c.KnownInt &= x86Saved
	c.PC = uint64(p.vars[x86EIP])
}
