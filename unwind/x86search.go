package unwind

import "cmp"

const (
	x86Words   = 64 // of the stack that a search looks at
	x86Nearby  = 16 // words behind the first candidate that others are looked for in
	x86MaxScan = 512
)

// search finds the return address of a frame without a frame pointer: above
// locals and saved registers, and above what was pushed for calls. What the
// code from the PC on frees is the best witness.
func (x *x86) search() (uint32, error) {
	if !x.searched {
		x.found, x.missed = x.look()
		x.searched = true
	}
	return x.found, x.missed
}

// look is search the first time.
func (x *x86) look() (uint32, error) {
	start := uint32(x.c.SP()) + x.d.Locals + uint32(x.d.SavedRegs)
	if slot, ok := x.exit(); ok && uint64(slot) >= x.c.SP() {
		kind, _ := x.word(slot)
		pc, err := x.w.u32(uint64(slot))
		if x.sure = kind == x86Elsewhere && !x.vague; x.sure || kind >= x86Maybe || err == nil && pc == 0 { // 0: the end of the stack
			x.wild = x.sure || x.vague && kind < x86Proven
			return slot, nil
		}
	}
	least := x86Maybe
	if kind, _ := x.word(start); kind == x86Unlikely { // but that is where it has to be
		least = kind
	}
	slot, kind, _ := x.first(start, x86Words, least)
	if kind == x86No {
		var err error
		if slot, kind, err = x.first(start, x86Words, x86Elsewhere); kind == x86No {
			return 0, x.w.fail("return address", cmp.Or(err, errUnproven))
		}
	}
	x.wild = kind < x86Maybe || x.unseenBefore(slot != start)
	if !x.wild && (kind < x86Proven || slot != start) {
		_, others, _ := x.first(slot+4, x86Nearby, x86Maybe)
		x.wild = others != x86No || x.unseenBefore(slot != start)
	}
	x.w.assume()
	return slot, nil
}

// unseenBefore reports whether code that could not be read leaves it open where the
// return address is, which was found behind its place or at it.
func (x *x86) unseenBefore(behind bool) bool {
	return x.unreadable != nil && !x.c.UnwoundToCall || x.blind && behind
}

// word judges a word of the stack.
func (x *x86) word(at uint32) (x86Kind, error) {
	v, err := x.w.u32(uint64(at))
	if err != nil {
		return x86No, err
	}
	return x.judge(v), nil
}

// first returns the first of n words from at on that is at least of a kind.
func (x *x86) first(at uint32, n int, least x86Kind) (slot uint32, kind x86Kind, err error) {
	for range n {
		if err = x.w.ctx.Err(); err != nil {
			break
		}
		if kind, err = x.word(at); err != nil || kind >= least {
			return at, kind, err
		}
		if at += 4; at < 4 {
			break
		}
	}
	return at, x86No, err
}
