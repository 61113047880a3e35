package analyze

import (
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/target"
)

// bounds are those of a stack: what is below limit, down to bottom, is not in use.
type bounds struct{ bottom, limit, base uint64 }

// Offsets in a TEB (winternl.h: NT_TIB, and DeallocationStack) by the width of
// addresses.
func tebOffsets(bits int) (base, limit, bottom uint64) {
	if bits == 32 {
		return 0x4, 0x8, 0xe0c
	}
	return 0x8, 0x10, 0x1478
}

// stackOf returns the bounds of a thread's stack: as its TEB has them or, where that
// is out, as the target does, which may be of a part alone.
func (a *analysis) stackOf(th *target.Thread) bounds {
	out := bounds{th.Stack, th.Stack, th.Stack + th.StackSize}
	memory := a.target.Memory()
	if th.TEB == 0 || memory == nil || a.target.Kernel() != nil { // of a kernel it is the kernel's stack
		return out
	}
	atBase, atLimit, atBottom := tebOffsets(a.Bits)
	base, err := a.word(memory, th.TEB+atBase)
	limit, err2 := a.word(memory, th.TEB+atLimit)
	if err != nil || err2 != nil || limit > base || limit > th.Registers.SP && th.Registers.SP != 0 || base-limit > 1<<32 {
		return out
	}
	out = bounds{limit, limit, base}
	if bottom, err := a.word(memory, th.TEB+atBottom); err == nil && bottom != 0 && bottom < limit && limit-bottom < 1<<32 {
		out.bottom = bottom
	}
	return out
}

// word reads an address.
func (a *analysis) word(memory memsource.Source, addr uint64) (uint64, error) {
	if a.Bits == 32 {
		v, err := memsource.U32(memory, addr)
		return uint64(v), err
	}
	return memsource.U64(memory, addr)
}

// guardReach is how far below a stack an address still is about that stack: guard
// pages are one to three, and a frame may be larger.
const guardReach = 0x10000

// inStack looks among the stacks of the threads.
func (a *analysis) inStack(p *Place, addr uint64) bool {
	for i := range a.threads {
		th := &a.threads[i]
		b := a.stackOf(th)
		inside, below := addr-b.limit < b.base-b.limit, addr-b.bottom < b.limit-b.bottom
		near := i == 0 && belowPointer(addr, th.Registers.SP, b)
		if !inside && !below && !near {
			continue
		}
		r, err := a.target.Region(*th, addr)
		if near && err == nil && !r.Guard {
			continue // it is other memory
		}
		p.Kind, p.Thread, p.Region = PlaceGuard, th.ID, r
		if inside && !r.Guard {
			p.Kind = PlaceStack
		}
		return true
	}
	return false
}

// belowPointer reports whether an address is below a stack, and near the stack
// pointer of the thread that accessed it.
func belowPointer(addr, sp uint64, b bounds) bool {
	return sp != 0 && b.base != b.limit && b.limit-addr <= guardReach && sp-addr+guardReach <= 2*guardReach
}
