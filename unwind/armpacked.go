package unwind

// packed expands the packed form of unwind data into the codes it stands for:
// those of the prologue, then those of the epilogue.
func (a *arm) packed(word uint32) error {
	f := &a.f
	f.length, f.prologue, f.single = word>>2&0x7ff*2, word&3 == 1, true
	p := armPacked{
		ret: int(word >> 13 & 3), homes: word>>15&1 != 0, reg: int(word >> 16 & 7), vec: word>>19&1 != 0,
		lr: word>>20&1 != 0, chain: word>>21&1 != 0, adjust: word >> 22 & 0x3ff, b: a.codes[:0],
	}
	if p.adjust >= 0x3f4 {
		p.foldPush, p.foldPop, p.adjust = p.adjust&4 != 0, p.adjust&8 != 0, p.adjust&3+1
	}
	p.prologue()
	f.index = len(p.b)
	if p.ret != 3 {
		p.epilogue()
	}
	f.codes = p.b
	return nil
}

// armPacked is what a packed word says.
type armPacked struct {
	ret               int    // how it returns: 0 by pop, 1 and 2 by a branch of 2 or 4 bytes, 3 not at all
	reg               int    // last register saved, counted from r4 or d8
	vec               bool   // that one is a vector register
	homes, lr, chain  bool   // r0 to r3 are stored; lr is saved; r11 is saved and set
	adjust            uint32 // of the stack, in words
	foldPush, foldPop bool   // the adjustment is done by pushing, or popping, more registers
	b                 []byte
}

func (p *armPacked) add(b ...byte) { p.b = append(p.b, b...) }

// prologue adds the codes in the order in which they undo it.
func (p *armPacked) prologue() {
	if !p.foldPush {
		p.stack()
	}
	p.vectors()
	switch {
	case p.chain && (!p.vec || p.foldPush):
		p.add(armNop32)
	case p.chain:
		p.add(armNop16)
	}
	if p.chain || p.lr || !p.vec || p.foldPush {
		p.registers(p.lr, p.foldPush)
	}
	if p.homes {
		p.add(4)
	}
	p.add(armEnd)
}

// epilogue adds the codes of the epilogue.
func (p *armPacked) epilogue() {
	if !p.foldPop {
		p.stack()
	}
	p.vectors()
	loads := p.homes && p.lr && p.ret == 0 // the return address, by ldr pc,[sp],#14
	if p.chain || p.lr && !loads || !p.vec || p.foldPop {
		p.registers(p.lr && !loads, p.foldPop)
	}
	switch {
	case loads:
		p.add(armLoadLR, 5)
	case p.homes:
		p.add(4)
	}
	p.add([]byte{armEnd, armEnd16, armEnd32}[p.ret])
}

// stack adds the code of the adjustment.
func (p *armPacked) stack() {
	switch {
	case p.adjust == 0:
	case p.adjust < 0x80:
		p.add(byte(p.adjust))
	default:
		p.add(0xe8|byte(p.adjust>>8), byte(p.adjust))
	}
}

// vectors adds the code of the vector registers.
func (p *armPacked) vectors() {
	if p.vec && p.reg != 7 {
		p.add(0xe0 | byte(p.reg))
	}
}

// registers adds the code of the integer registers: r4 and those behind it, r11
// and lr, and with fold as many before r4 as the stack is adjusted by.
func (p *armPacked) registers(lr, fold bool) {
	mask := uint32(0)
	if !p.vec {
		mask = 1<<(p.reg+1) - 1<<0
		mask <<= 4
	}
	if p.chain {
		mask |= 1 << RegARMFP
	}
	if fold {
		for i := range p.adjust {
			mask |= 8 >> i
		}
	}
	if mask < 1<<8 { // in 16 bits
		p.add(0xec|bit(lr), byte(mask))
		return
	}
	p.add(0x80|bit(lr)<<5|byte(mask>>8), byte(mask))
}

func bit(b bool) byte {
	if b {
		return 1
	}
	return 0
}
