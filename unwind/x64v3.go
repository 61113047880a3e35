package unwind

import (
	"encoding/binary"
	"fmt"
)

// Version 3 of the unwind data describes prologues and epilogues by lists of
// operations, the one closest to the body first, each with the offset of its
// instruction. Source: cpp-docs, x64-unwind-information-v3.

// list3 is the part of a list of operations that is to be undone at a PC.
type list3 struct {
	rule    Rule
	returns bool   // behind it the function returns, whatever it is chained to
	pool    []byte // the operations, from the first of the list on
	offsets []byte // of their instructions
	wide    bool   // offsets have 16 bits
	at      uint32 // offset of the PC
	epilog  bool   // what is to be undone lies at or behind the PC, not before it
}

// payload3 takes apart the payload of an UNWIND_INFO.
type payload3 struct {
	b   []byte
	bad bool
}

// take returns the next n bytes.
func (p *payload3) take(n int) []byte {
	if n > len(p.b) {
		p.b, p.bad = nil, true
		return make([]byte, n)[:n:n]
	}
	b := p.b[:n]
	p.b = p.b[n:]
	return b
}

// epilog3 is the descriptor of an epilogue.
type epilog3 struct {
	flags   byte
	start   uint32 // RVA
	first   int    // byte of its first operation in the pool
	last    uint32 // offset of its last instruction
	offsets []byte
}

// Flags of epilogues.
const (
	epilogToParent = 1 // it jumps back into the function this is a part of
	epilogWide     = 2 // offsets have 16 bits
)

// function3 unwinds a function described by version 3.
func (x *x64) function3(e x64Entry, info x64Info) (step, error) {
	for range maxChain {
		l, err := x.list3(e, info)
		if err != nil {
			return step{}, x.lacking("unwind data", err)
		}
		interrupted, err := x.undo3(l)
		if err != nil || interrupted {
			return step{rule: l.rule, exact: true, switched: true}, err
		}
		if info.flags()&x64Chained == 0 || l.returns {
			return step{rule: l.rule}, x.ret()
		}
		if e, info, err = x.up(info); err != nil {
			return step{}, x.lacking("chained unwind data", err)
		}
	}
	return step{}, x.w.fail("unwind data", fmt.Errorf("%w: chained in a circle", ErrUnwindData))
}

// list3 returns what is to be undone of entry e.
func (x *x64) list3(e x64Entry, info x64Info) (list3, error) {
	p := payload3{b: info.codes()}
	l := list3{rule: RuleUnwind, at: x.pc - e.begin, wide: info.flags()&x64Large != 0}
	unit := 1
	if l.wide {
		p.take(1)
		unit = 2
	}
	l.offsets = p.take(int(info[3]&31) * unit)
	var ep, in epilog3
	found := false
	for i := range info[3] >> 5 {
		ep = p.epilog(e, ep, i == 0)
		if !found && !x.c.UnwoundToCall && x.pc-ep.start <= ep.last {
			in, found = ep, true
		}
	}
	l.pool = p.b
	if found && !p.bad {
		l.epilog, l.rule, l.at = true, RuleEpilogue, x.pc-in.start
		l.returns, l.wide, l.offsets = in.flags&epilogToParent == 0, in.flags&epilogWide != 0, in.offsets
		l.pool = p.b[min(in.first, len(p.b)):]
	}
	if p.bad {
		return l, fmt.Errorf("%w: version 3 payload is short", ErrUnwindData)
	}
	return l, nil
}

// epilog takes the next descriptor. One without operations of its own has those
// of the one before it.
func (p *payload3) epilog(e x64Entry, before epilog3, first bool) epilog3 {
	h := p.take(3)
	start := uint32(int32(int16(binary.LittleEndian.Uint16(h[1:]))))
	d := epilog3{flags: h[0] & 7, start: before.start + start}
	switch {
	case first && int32(start) < 0:
		d.start = e.end + start
	case first:
		d.start = e.begin + start
	}
	n := int(h[0] >> 3)
	if n == 0 {
		d.flags = before.flags&3 | d.flags&^3
		d.first, d.last, d.offsets = before.first, before.last, before.offsets
		return d
	}
	d.first = int(binary.LittleEndian.Uint16(p.take(2)))
	unit := 1 + int(d.flags&epilogWide)/2
	d.last = offset3(p.take(unit), 0, unit == 2)
	d.offsets = p.take(n * unit)
	return d
}

// offset3 returns number i of a list of offsets.
func offset3(b []byte, i int, wide bool) uint32 {
	if wide {
		return uint32(binary.LittleEndian.Uint16(b[2*i:]))
	}
	return uint32(b[i])
}

// count returns how many operations the list has.
func (l *list3) count() int {
	if l.wide {
		return len(l.offsets) / 2
	}
	return len(l.offsets)
}

// due reports whether operation i is to be undone.
func (l *list3) due(i int) bool {
	off := offset3(l.offsets, i, l.wide)
	if l.epilog {
		return l.at <= off
	}
	return off < l.at
}

// undo3 undoes the operations of a list. Saved registers are relative to the
// stack pointer, which the frame register gives where there is one.
func (x *x64) undo3(l list3) (interrupted bool, err error) {
	for i, pool := 0, l.pool; i < l.count(); i++ {
		n := size3(pool)
		if n == 0 || n > len(pool) {
			return false, x.w.fail("unwind data", fmt.Errorf("%w: version 3 operation", ErrUnwindData))
		}
		if pool[0] == wodSetFP && l.due(i) {
			if err := x.frame3(pool); err != nil {
				return false, err
			}
		}
		pool = pool[n:]
	}
	for i, pool := 0, l.pool; i < l.count() && !interrupted && err == nil; i++ {
		if l.due(i) {
			interrupted, err = x.undoOne3(pool)
		}
		pool = pool[size3(pool):]
	}
	return interrupted, err
}

// Operations that are a whole byte.
const (
	wodSetFP = iota
	wodAllocHuge
	wodAllocLarge
	wodCanonicalFrame
)

// size3 returns the size in bytes of the first operation, 0 for none that there
// is.
func size3(b []byte) int {
	if len(b) == 0 {
		return 0
	}
	switch c := b[0]; {
	case c&7 == 4, c&7 == 7, c&15 == 8: // push, push two in a row, small allocation
		return 1
	case c&63 == 0x20: // push two
		return 2
	case c&7 == 6, c&15 == 10: // save, save xmm
		return 3
	case c&7 == 5, c&15 == 9: // the same, far
		return 5
	case c == wodSetFP, c == wodCanonicalFrame:
		return 2
	case c == wodAllocLarge:
		return 3
	case c == wodAllocHuge:
		return 5
	}
	return 0
}

// undoOne3 undoes one operation that is whole.
func (x *x64) undoOne3(b []byte) (interrupted bool, err error) {
	sp, r := x.c.Int[RegRSP], int(b[0]>>3)
	switch c := b[0]; {
	case c&7 == 4:
		x.pop(r)
	case c&7 == 7:
		x.pop(r)
		x.pop((r + 1) & 31)
	case c&15 == 8:
		x.c.Int[RegRSP] += 8*uint64(c>>4) + 8
	case c&63 == 0x20:
		x.pop(int(c>>6 | b[1]&7<<2))
		x.pop(int(b[1] >> 3))
	case c&7 == 6:
		x.w.restore(x.c, r, sp+8*uint64(binary.LittleEndian.Uint16(b[1:])))
	case c&7 == 5:
		x.w.restore(x.c, r, sp+uint64(binary.LittleEndian.Uint32(b[1:])))
	case c&15 == 10:
		x.restoreXMM(r/2, sp+16*uint64(binary.LittleEndian.Uint16(b[1:])))
	case c&15 == 9:
		x.restoreXMM(r/2, sp+uint64(binary.LittleEndian.Uint32(b[1:])))
	case c == wodSetFP:
		return false, x.frame3(b)
	case c == wodAllocHuge:
		x.c.Int[RegRSP] += uint64(binary.LittleEndian.Uint32(b[1:]))
	case c == wodAllocLarge:
		x.c.Int[RegRSP] += 8 * uint64(binary.LittleEndian.Uint16(b[1:]))
	case c == wodCanonicalFrame:
		return true, x.machineFrame(uint64(b[1]))
	}
	return false, nil
}

// frame3 takes the stack pointer from the frame register.
func (x *x64) frame3(b []byte) error {
	r := int(b[1] & 15)
	if !x.c.known(r) {
		return x.w.fail("frame", fmt.Errorf("%w: frame register %d", ErrRegister, r))
	}
	x.c.Int[RegRSP] = x.c.Int[r] - 16*uint64(b[1]>>4)
	return nil
}
