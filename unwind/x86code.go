package unwind

import "encoding/binary"

// x86Op is what an instruction of 32-bit code does to the stack or to control.
type x86Op uint8

const (
	x86Other    x86Op = iota // neither
	x86Bad                   // not decoded
	x86Push                  // pushes n bytes; reg, or -1
	x86Pop                   // pops n bytes; into reg, or -1
	x86Add                   // esp += n
	x86FromEBP               // esp = ebp + n
	x86Frame                 // ebp = esp + n
	x86Leave                 // esp = ebp, pop ebp
	x86Lost                  // esp becomes what the code alone does not tell
	x86Ret                   // returns and pops n bytes more
	x86Jump                  // to n bytes behind it
	x86JumpIf                // maybe to n bytes behind it
	x86JumpFar               // to where a register or memory says
	x86CallNear              // what is n bytes behind it
	x86CallFar               // what a register or memory says
	x86Stop                  // does not go on
)

// x86Inst is a decoded instruction.
type x86Inst struct {
	op   x86Op
	size int // bytes
	reg  int
	n    int32
	move x86Move
}

// x86Move says that an instruction (x86Other) copies register reg to or from the
// stack, n bytes above what is in esp or ebp.
type x86Move struct{ store, load, byEBP bool }

// Classes of opcodes by what follows them: 0 nothing, 1 ModRM, 2 a byte, 4 four
// bytes, and sums of these; x86None for prefixes and what is handled by itself.
const (
	x86ModRM = 1
	x86Imm8  = 2
	x86Imm32 = 4
	x86None  = 8
)

// x86Follows returns what follows a one-byte opcode. Source: the opcode map of
// Intel's manual, volume 2.
func x86Follows(op byte) int {
	switch {
	case op < 0x40:
		return [8]int{1, 1, 1, 1, 2, 4, 0, 0}[op&7]
	case op < 0x60, op >= 0x90 && op < 0x9a, op >= 0x9b && op < 0xa0, op >= 0xa4 && op < 0xa8, op >= 0xaa && op < 0xb0:
		return 0
	case op >= 0x70 && op < 0x80, op >= 0xb0 && op < 0xb8, op >= 0xe0 && op < 0xe8:
		return x86Imm8
	case op >= 0xb8 && op < 0xc0, op >= 0xa0 && op < 0xa4:
		return x86Imm32
	case op >= 0x84 && op < 0x90, op >= 0xd0 && op < 0xd4, op >= 0xd8 && op < 0xe0:
		return x86ModRM
	case op >= 0xec && op < 0xf0, op >= 0xf4 && op < 0xf6, op >= 0xf8 && op < 0xfe:
		return 0
	}
	switch op {
	case 0x60, 0x61, 0x6c, 0x6d, 0x6e, 0x6f, 0xc3, 0xc9, 0xcb, 0xcc, 0xce, 0xcf, 0xd6, 0xd7, 0xf1:
		return 0
	case 0x62, 0x63, 0xc4, 0xc5, 0xf6, 0xf7, 0xfe, 0xff:
		return x86ModRM
	case 0x69, 0x81, 0xc7:
		return x86ModRM | x86Imm32
	case 0x6b, 0x80, 0x82, 0x83, 0xc0, 0xc1, 0xc6:
		return x86ModRM | x86Imm8
	case 0x68, 0xa9, 0xe8, 0xe9:
		return x86Imm32
	case 0x6a, 0xa8, 0xcd, 0xd4, 0xd5, 0xeb:
		return x86Imm8
	}
	return x86None
}

// x86Follows0F is x86Follows for opcodes behind 0f.
func x86Follows0F(op byte) int {
	switch {
	case op == 0x05, op == 0x06, op == 0x08, op == 0x09, op == 0x0b, op >= 0x30 && op < 0x38, op == 0x77,
		op >= 0xa0 && op < 0xa3, op >= 0xa8 && op < 0xab, op >= 0xc8 && op < 0xd0:
		return 0
	case op >= 0x80 && op < 0x90:
		return x86Imm32
	case op >= 0x70 && op < 0x74, op == 0xa4, op == 0xac, op == 0xba, op == 0xc2, op >= 0xc4 && op < 0xc7:
		return x86ModRM | x86Imm8
	}
	return x86ModRM
}

// x86Decoder takes an instruction apart.
type x86Decoder struct {
	b     []byte
	at    int
	short bool // operands have 16 bits
	bad   bool
}

// decodeX86 decodes the instruction at the beginning of b. What it does not
// know, or what is cut short, is x86Bad.
func decodeX86(b []byte) x86Inst {
	d := x86Decoder{b: b}
	i := d.instruction()
	if d.bad || d.at > len(b) {
		return x86Inst{op: x86Bad}
	}
	i.size = d.at
	return i
}

// byte takes a byte.
func (d *x86Decoder) byte() byte {
	if d.at >= len(d.b) {
		d.bad = true
		return 0
	}
	d.at++
	return d.b[d.at-1]
}

// prefixes takes the prefixes and returns the opcode behind them.
func (d *x86Decoder) prefixes() byte {
	for range 15 {
		switch op := d.byte(); op {
		case 0x66:
			d.short = true
		case 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0xf0, 0xf2, 0xf3:
		default:
			return op
		}
	}
	d.bad = true
	return 0
}

func (d *x86Decoder) instruction() x86Inst {
	op := d.prefixes()
	switch op {
	case 0x0f:
		return d.second()
	case 0xc8, 0x67, 0x9a, 0xea: // enter, addresses of 16 bits, far calls and jumps
		d.bad = true
	case 0xc2, 0xca:
		n := int32(d.byte())
		return x86Inst{op: x86Ret, n: n | int32(d.byte())<<8}
	case 0xc4, 0xc5, 0x62:
		if d.at < len(d.b) && d.b[d.at] >= 0xc0 {
			return d.vector(op)
		}
	}
	mod, imm := d.operands(x86Follows(op), op == 0xf6 || op == 0xf7)
	return d.plain(op, mod, imm)
}

// operands takes what follows an opcode, and returns where ModRM is and the
// immediate.
func (d *x86Decoder) operands(follows int, test bool) (mod []byte, imm int32) {
	if follows&x86None != 0 {
		d.bad = true
		return nil, 0
	}
	size := follows >> 1 & 1
	if follows&x86Imm32 != 0 {
		if size = 4; d.short {
			size = 2
		}
	}
	if follows&x86ModRM != 0 {
		if d.at >= len(d.b) {
			d.bad = true
			return nil, 0
		}
		mod = d.b[d.at:]
		n := operandSize(mod)
		if test && mod[0]>>3&7 < 2 {
			if size = 1; d.b[d.at-1] == 0xf7 {
				size = 4
			}
		}
		d.bad = d.bad || n == 0 || n > len(mod)
		d.at += n
	}
	return mod, d.number(size)
}

// number takes a signed number of size bytes.
func (d *x86Decoder) number(size int) (n int32) {
	if d.bad || d.at+size > len(d.b) {
		d.bad = true
		return 0
	}
	b := d.b[d.at:]
	d.at += size
	switch size {
	case 1:
		return int32(int8(b[0]))
	case 2:
		return int32(int16(binary.LittleEndian.Uint16(b)))
	case 4:
		return int32(binary.LittleEndian.Uint32(b))
	}
	return 0
}

// second decodes what is behind 0f.
func (d *x86Decoder) second() x86Inst {
	op := d.byte()
	follows := x86Follows0F(op)
	switch op {
	case 0x38:
		d.byte()
	case 0x3a:
		d.byte()
		follows |= x86Imm8
	}
	_, imm := d.operands(follows, false)
	switch {
	case op >= 0x80 && op < 0x90:
		return x86Inst{op: x86JumpIf, n: imm}
	case op == 0xa0, op == 0xa8:
		return x86Inst{op: x86Push, n: 4, reg: -1}
	case op == 0xa1, op == 0xa9:
		return x86Inst{op: x86Pop, n: 4, reg: -1}
	case op == 0x0b, op == 0xb9:
		return x86Inst{op: x86Stop}
	case op == 0x34, op == 0x35: // sysenter, sysexit
		return x86Inst{op: x86Lost}
	}
	return x86Inst{}
}

// vector takes an instruction with a VEX or EVEX prefix.
func (d *x86Decoder) vector(op byte) x86Inst {
	space := d.byte()
	switch op {
	case 0xc4:
		d.byte()
	case 0x62:
		d.byte()
		d.byte()
	default:
		space = 1
	}
	follows := x86ModRM
	switch code := d.byte(); {
	case space&7 == 3:
		follows |= x86Imm8
	case space&7 == 1:
		follows = x86Follows0F(code)
	}
	d.short = false
	d.operands(follows, false)
	return x86Inst{}
}

// plain says what an instruction does to stack and control.
func (d *x86Decoder) plain(op byte, mod []byte, imm int32) x86Inst {
	word := int32(4)
	if d.short {
		word = 2
	}
	reg := int(op & 7)
	switch {
	case d.bad:
		return x86Inst{}
	case op >= 0x50 && op < 0x58:
		return x86Inst{op: x86Push, n: word, reg: reg}
	case op == 0x5c, op == 0x44, op == 0x4c, op == 0x94, op == 0xbc:
		return x86Inst{op: x86Lost}
	case op >= 0x58 && op < 0x60:
		return x86Inst{op: x86Pop, n: word, reg: reg}
	case op >= 0x70 && op < 0x80, op >= 0xe0 && op < 0xe4:
		return x86Inst{op: x86JumpIf, n: imm}
	case mod != nil:
		return d.modRM(op, mod, imm, word)
	}
	return x86Single(op, imm, word)
}

// x86Single is plain for opcodes without operands in registers.
func x86Single(op byte, imm, word int32) x86Inst {
	switch op {
	case 0xcd:
		if imm == 0x29 || imm == 0x2c { // fail fast, assertion
			return x86Inst{op: x86Stop}
		}
	case 0x06, 0x0e, 0x16, 0x1e, 0x68, 0x6a, 0x9c:
		return x86Inst{op: x86Push, n: word, reg: -1}
	case 0x07, 0x17, 0x1f, 0x9d:
		return x86Inst{op: x86Pop, n: word, reg: -1}
	case 0x60:
		return x86Inst{op: x86Add, n: -8 * word}
	case 0x61:
		return x86Inst{op: x86Lost}
	case 0xc3:
		return x86Inst{op: x86Ret}
	case 0xc9:
		return x86Inst{op: x86Leave}
	case 0xe8:
		return x86Inst{op: x86CallNear, n: imm}
	case 0xe9, 0xeb:
		return x86Inst{op: x86Jump, n: imm}
	case 0xcb, 0xcc, 0xcf, 0xf4:
		return x86Inst{op: x86Stop}
	}
	return x86Inst{}
}

// modRM is plain for instructions with a ModRM byte.
func (d *x86Decoder) modRM(op byte, mod []byte, imm, word int32) x86Inst {
	field, rm, direct := int(mod[0]>>3&7), int(mod[0]&7), mod[0] >= 0xc0
	switch op {
	case 0xff:
		return x86Group5(field, rm, direct, word)
	case 0x8f:
		if direct {
			return x86Inst{op: x86Pop, n: word, reg: rm}
		}
		return x86Inst{op: x86Pop, n: word, reg: -1}
	case 0x8d:
		return x86Address(field, mod)
	case 0x81, 0x83:
		return x86Arithmetic(field, rm, direct, imm)
	case 0x89, 0x8b:
		if !direct {
			return x86Memory(field, mod, op == 0x89, d.short)
		}
		if op == 0x89 {
			field, rm = rm, field
		}
		return x86Copy(field, rm)
	case 0x01, 0x29, 0x31, 0x21, 0x09, 0x87, 0xc7:
		if direct && (rm == RegESP || op == 0x87 && field == RegESP) {
			return x86Inst{op: x86Lost}
		}
	case 0x03, 0x2b, 0x33, 0x23, 0x0b:
		if field == RegESP {
			return x86Inst{op: x86Lost}
		}
	}
	return x86Inst{}
}

// x86Group5 decodes ff.
func x86Group5(field, rm int, direct bool, word int32) x86Inst {
	switch field {
	case 2:
		return x86Inst{op: x86CallFar}
	case 4:
		return x86Inst{op: x86JumpFar}
	case 6:
		if direct {
			return x86Inst{op: x86Push, n: word, reg: rm}
		}
		return x86Inst{op: x86Push, n: word, reg: -1}
	case 3, 5, 7:
		return x86Inst{op: x86Bad}
	}
	if direct && rm == RegESP {
		return x86Inst{op: x86Lost}
	}
	return x86Inst{}
}

// x86Arithmetic decodes 81 and 83.
func x86Arithmetic(field, rm int, direct bool, imm int32) x86Inst {
	switch {
	case !direct || rm != RegESP || field == 7:
		return x86Inst{}
	case field == 0:
		return x86Inst{op: x86Add, n: imm}
	case field == 5:
		return x86Inst{op: x86Add, n: -imm}
	}
	return x86Inst{op: x86Lost}
}

// x86Copy decodes mov between registers.
func x86Copy(to, from int) x86Inst {
	switch {
	case to == RegESP && from == RegEBP:
		return x86Inst{op: x86FromEBP}
	case to == RegEBP && from == RegESP:
		return x86Inst{op: x86Frame}
	case to == RegESP:
		return x86Inst{op: x86Lost}
	}
	return x86Inst{}
}

// x86Memory decodes mov from and to memory.
func x86Memory(reg int, mod []byte, store, short bool) x86Inst {
	if !store && reg == RegESP {
		return x86Inst{op: x86Lost}
	}
	base, n := x86Operand(mod)
	if short || base != RegESP && base != RegEBP {
		return x86Inst{}
	}
	return x86Inst{reg: reg, n: n, move: x86Move{store: store, load: !store, byEBP: base == RegEBP}}
}

// x86Address decodes lea.
func x86Address(to int, mod []byte) x86Inst {
	base, n := x86Operand(mod)
	switch {
	case to == RegESP && base == RegESP:
		return x86Inst{op: x86Add, n: n}
	case to == RegESP && base == RegEBP:
		return x86Inst{op: x86FromEBP, n: n}
	case to == RegEBP && base == RegESP:
		return x86Inst{op: x86Frame, n: n}
	case to == RegESP:
		return x86Inst{op: x86Lost}
	}
	return x86Inst{}
}

// x86Operand returns the register an operand in memory is counted from, -1 for
// others and for what has an index, and how far it is from there.
func x86Operand(mod []byte) (base int, n int32) {
	base = int(mod[0] & 7)
	at := 1
	if base == RegESP && len(mod) > 1 {
		if base = int(mod[1] & 7); mod[1]>>3&7 != 4 {
			base = -1 // an index
		}
		at = 2
	}
	switch mod[0] >> 6 {
	case 0:
		if base == RegEBP {
			base = -1
		}
	case 1:
		n = int32(int8(mod[at]))
	case 2:
		n = int32(binary.LittleEndian.Uint32(mod[at:]))
	}
	return base, n
}
