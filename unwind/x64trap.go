package unwind

import (
	"encoding/binary"
	"strings"
)

// A kernel's entries for faults, interrupts and system calls build a KTRAP_FRAME
// and keep rbp 80 bytes (hexadecimal) above its beginning. Offsets are from
// rbp, as the public types of Windows 7 to 11 have them.
const (
	trapFromRBP  = 0xd8 // where what follows begins
	trapRBP      = 0x00 // of the interrupted code
	trapRIP      = 0x10 // as is what follows, which the processor pushed
	trapCS       = 0x18
	trapFlags    = 0x20
	trapRSP      = 0x28
	trapFrameEnd = 0x38
)

// isTrapEntry reports whether a function of the kernel is such an entry.
func isTrapEntry(name string) bool {
	rest, ok := strings.CutPrefix(name, "Ki")
	if !ok {
		return false
	}
	for _, kind := range [...]string{"Fault", "Trap", "Abort", "Interrupt", "SystemCall", "SystemService"} {
		if strings.Contains(rest, kind) {
			return true
		}
	}
	return false
}

// trap goes on where the kernel's entry at the PC was entered from, if its
// symbol says that it is one and what is there looks like a trap frame.
func (x *x64) trap(c *Context) (step, bool) {
	f, err := x.symbol(c.LookupPC())
	if err != nil || !isTrapEntry(f.Name) || !c.known(RegRBP) || int64(c.PC) >= 0 {
		return step{}, false
	}
	b, err := x.w.read(c.Int[RegRBP]+trapFromRBP, trapFrameEnd)
	if err != nil {
		return step{}, false
	}
	word := func(off int) uint64 { return binary.LittleEndian.Uint64(b[off:]) }
	pc, cs := word(trapRIP), word(trapCS)&0xffff
	const always = 2 // a bit of the flags that is always set
	user := cs == 0x33 || cs == 0x23
	if !user && cs != 0x10 || word(trapFlags)&always == 0 || user == (int64(pc) < 0) || pc == 0 {
		return step{}, false
	}
	rbp, rsp := word(trapRBP), word(trapRSP)
	c.PC, c.KnownInt, c.KnownVec = pc, 0, 0
	c.set(RegRBP, rbp)
	c.set(RegRSP, rsp)
	return step{rule: RuleContext, function: x.im.module.Base + uint64(f.RVA), exact: true, switched: true}, true
}
