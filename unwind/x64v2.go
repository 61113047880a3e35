package unwind

import "fmt"

// epilogue2 executes what is left of an epilogue that version 2 describes. All
// epilogues of a function have one size and consist of pops and a return.
func (x *x64) epilogue2(e x64Entry, info x64Info) (s step, done bool, err error) {
	size, into, ok := x.epilogueAt(e, info.codes())
	if !ok {
		return s, false, nil
	}
	s = step{rule: RuleEpilogue}
	interrupted, err := x.popRest(e, size, into)
	if err != nil {
		return s, true, err
	}
	if interrupted {
		s.exact, s.switched = true, true
		return s, true, nil
	}
	return s, true, x.ret()
}

// epilogueAt returns the size of the function's epilogues and how far the PC is
// into one of them. The first code has the size and says whether one epilogue
// ends where the function does, the others have the distances of their begins
// from there.
func (x *x64) epilogueAt(e x64Entry, codes []byte) (size, into uint32, ok bool) {
	for i := 0; i < len(codes) && codes[i+1]&15 == opEpilog; i += 2 {
		off := uint32(codes[i]) | uint32(codes[i+1]>>4)<<8
		if i == 0 {
			if size = uint32(codes[0]); codes[1]>>4&1 == 0 {
				continue
			}
			off = size
		}
		if off == 0 {
			break
		}
		if into = x.pc - (e.end - off); into < size {
			return size, into, true
		}
	}
	return 0, 0, false
}

// popRest executes the pops of an epilogue of size bytes from byte into on. An
// epilogue pops what the prologue pushed first, which are the last codes.
func (x *x64) popRest(e x64Entry, size, into uint32) (interrupted bool, err error) {
	skip, err := x.beforePushes(e, size)
	if err != nil {
		return false, err
	}
	codes, err := x.chain(e)
	if err != nil {
		return false, err
	}
	for at, i := uint32(0), 0; codes.next(); i++ {
		r, op := int(codes.code[1]>>4), codes.code[1]&15
		switch {
		case i < skip:
		case op == opPush:
			if at >= into {
				x.pop(r)
			}
			at += 1 + uint32(r)>>3
		case op == opAllocSmall && r == 0: // flags, popped into any register
			if at >= into {
				x.c.Int[RegRSP] += 8
			}
			at++
		case op == opMachineFrame:
			return true, x.machineFrame(uint64(r))
		default:
			return false, nil
		}
	}
	return false, codes.err
}

// beforePushes counts the codes before those an epilogue of size bytes undoes:
// before the first push, or else before the last code where that is a push of
// the flags, which has no code of its own.
func (x *x64) beforePushes(e x64Entry, size uint32) (n int, err error) {
	codes, err := x.chain(e)
	if err != nil {
		return 0, err
	}
	flags := false
	for codes.next() {
		op := codes.code[1] & 15
		if op == opPush || op == opMachineFrame {
			return n, nil
		}
		flags = op == opAllocSmall && codes.code[1]>>4 == 0
		n++
	}
	if flags && size >= 2 {
		n--
	}
	return n, codes.err
}

// x64Codes goes through the codes of an entry and of those it is chained to.
type x64Codes struct {
	x    *x64
	info x64Info
	rest []byte
	ups  int
	code []byte // this code and what follows
	err  error
}

// chain returns the codes of e and of the entries it is chained to.
func (x *x64) chain(e x64Entry) (*x64Codes, error) {
	info, err := x.read(e)
	if err != nil {
		return nil, x.lacking("unwind data", err)
	}
	x.chained = x64Codes{x: x, info: info, rest: info.codes()}
	return &x.chained, nil
}

// next reports whether there is another code.
func (c *x64Codes) next() bool {
	for len(c.rest) == 0 {
		if c.info.flags()&x64Chained == 0 || c.ups == maxChain {
			return false
		}
		c.ups++
		if _, c.info, c.err = c.x.up(c.info); c.err != nil {
			return false
		}
		c.rest = c.info.codes()
	}
	n := slots(c.info.version(), c.rest)
	if n == 0 || 2*n > len(c.rest) {
		c.err = fmt.Errorf("%w: code %x", ErrUnwindData, c.rest[1])
		return false
	}
	c.code, c.rest = c.rest, c.rest[2*n:]
	return true
}
