package unwind

const (
	x86Paths    = 16  // ways through a function that are kept for later
	x86PathLen  = 192 // instructions of one way
	x86PathWork = 512 // instructions in all
)

// x86Path is a way through the function: where it is and the registers there.
type x86Path struct {
	rva, esp, ebp uint32
	framed        bool // ebp is known
}

// exit follows the code from the PC on, through branches and past calls, to a
// return and gives the address of the return address: the stack pointer has to
// point there. It fails where the code cannot be read, or calls something of
// which it is not known how many bytes of arguments it pops.
func (x *x86) exit() (slot uint32, ok bool) {
	x.paths[0] = x86Path{x.pc, uint32(x.c.SP()), uint32(x.c.Int[RegEBP]), x.c.known(RegEBP)}
	left := x86PathWork
	for n := 1; n > 0 && left > 0; {
		n--
		p := x.paths[n]
		for range x86PathLen {
			if left--; left < 0 {
				break
			}
			i := x.decode(x.im, p.rva)
			if p.rva += uint32(i.size); i.op == x86Ret {
				return p.esp, true
			}
			if i.op == x86JumpIf && n < x86Paths {
				x.paths[n] = p
				x.paths[n].rva += uint32(i.n)
				n++
			}
			if i.op == x86Jump && x.outside(p.rva+uint32(i.n)) {
				return p.esp, true
			}
			if !x.pass(&p, i) {
				break
			}
		}
	}
	return 0, false
}

// pass does what an instruction does to the stack, and reports whether the
// way goes on.
func (x *x86) pass(p *x86Path, i x86Inst) bool {
	switch i.op {
	case x86Push:
		p.esp -= uint32(i.n)
	case x86Pop:
		p.esp += uint32(i.n)
		p.framed = p.framed && i.reg != RegEBP
	case x86Add:
		p.esp += uint32(i.n)
	case x86Frame:
		p.ebp, p.framed = p.esp+uint32(i.n), true
	case x86FromEBP:
		p.esp = p.ebp + uint32(i.n)
		return p.framed
	case x86Leave:
		p.esp = p.ebp + 4
		ok := p.framed
		p.framed = false
		return ok
	case x86Jump:
		p.rva += uint32(i.n)
	case x86CallNear:
		to := p.rva + uint32(i.n)
		n, ok := uint32(0), false
		if to < x.im.module.Size {
			n, ok = x.returns(x.im, to, 0)
		}
		p.esp += n
		return ok
	case x86Other, x86JumpIf:
	default:
		return false
	}
	return true
}
