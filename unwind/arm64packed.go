package unwind

import "fmt"

// packed expands the packed form of unwind data into the codes it stands for:
// those of the prologue, then those of the epilogue. Source: cpp-docs,
// arm64-exception-handling.
func (a *arm64) packed(word uint32) error {
	f := &a.f
	f.length, f.fragment = word>>2&0x7ff*4, word&3 == 2
	f.single = true
	p := arm64Packed{
		regF: int(word >> 13 & 7), regI: int(word >> 16 & 15),
		homes: word>>20&1 != 0, cr: int(word >> 21 & 3), b: a.codes[:0],
	}
	p.size()
	local := int(word>>23)*16 - p.saved
	if p.regI > 10 || local < 0 {
		return fmt.Errorf("%w: packed word %08x", ErrUnwindData, word)
	}
	p.sequence(local, true)
	f.index = len(p.b)
	p.sequence(local, false)
	f.codes = p.b
	return nil
}

// arm64Packed is what a packed word says.
type arm64Packed struct {
	regF, regI, cr int
	homes          bool
	ints, floats   int // registers saved
	saved          int // bytes of the area they are saved in
	b              []byte
}

// size computes what is saved. Homes of arguments without any saved register
// lie in the local area, and storing them is no part of the prologue.
func (p *arm64Packed) size() {
	p.ints = p.regI
	if p.cr == 1 {
		p.ints++
	}
	if p.regF > 0 {
		p.floats = p.regF + 1
	}
	if p.saved = 8 * (p.ints + p.floats); p.homes && p.saved > 0 {
		p.saved += 64
	}
	p.saved = (p.saved + 15) &^ 15
}

func (p *arm64Packed) add(b ...byte) { p.b = append(p.b, b...) }

func (p *arm64Packed) code(v int) { p.add(byte(v>>8), byte(v)) }

// sequence adds the codes in the order in which they undo the prologue. The
// epilogue neither sets the frame pointer nor stores arguments.
func (p *arm64Packed) sequence(local int, prologue bool) {
	if local > 0 {
		p.local(local, prologue)
	}
	if prologue && p.homes && p.saved > 0 {
		p.add(codeNop, codeNop, codeNop, codeNop)
	}
	p.registers()
	if p.cr == 2 {
		p.add(codePAC)
	}
	p.add(codeEnd)
}

// local adds the codes of the local area, with the frame chain where there is
// one.
func (p *arm64Packed) local(n int, prologue bool) {
	chained := p.cr >= 2
	if chained && prologue {
		p.add(codeSetFP)
	}
	if chained && n <= 512 {
		p.add(0x80 | byte(n/8-1))
		return
	}
	if chained {
		p.add(0x40)
	}
	const most = 4080 // of one instruction
	if n > most {
		p.alloc(n - most)
		n = most
	}
	p.alloc(n)
}

func (p *arm64Packed) alloc(n int) { p.code(0xc000 | n/16) }

// registers adds the codes of the save area, the last store first. The first
// store allocates the area.
func (p *arm64Packed) registers() {
	for i := p.floats; i > 0; {
		i -= 2 - i%2
		p.float(i)
	}
	if p.cr == 1 && p.regI%2 == 0 {
		p.single(0xd000, 0xd400, 11, p.regI)
	}
	for i := p.regI; i > 0; {
		i -= 2 - i%2
		p.int(i)
	}
}

// float adds the code of the pair from d8+i on, or of the last one alone.
func (p *arm64Packed) float(i int) {
	if i == p.floats-1 {
		p.single(0xdc00, 0xde00, i, p.ints+i)
		return
	}
	p.pair(0xd800, 0xda00, i, p.ints+i)
}

// int adds the code of the pair from x19+i on, or of the last one, which lr
// follows if it is saved.
func (p *arm64Packed) int(i int) {
	switch last := i == p.regI-1; {
	case last && p.cr == 1:
		p.code(0xd600 | i/2<<6 | i)
		if i == 0 { // this pair does not allocate
			p.alloc(p.saved)
		}
	case last:
		p.single(0xd000, 0xd400, i, i)
	default:
		p.pair(0xc800, 0xcc00, i, i)
	}
}

// single adds the code of one register in a slot: plain, or allocating.
func (p *arm64Packed) single(plain, first, r, slot int) {
	if slot == 0 {
		p.code(first | r<<5 | (p.saved/8 - 1))
		return
	}
	p.code(plain | r<<6 | slot)
}

// pair is single for two registers.
func (p *arm64Packed) pair(plain, first, r, slot int) {
	if slot == 0 {
		p.code(first | r<<6 | (p.saved/8 - 1))
		return
	}
	p.code(plain | r<<6 | slot)
}
