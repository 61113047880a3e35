package unwind

import (
	"encoding/binary"
	"errors"
	"strconv"
	"strings"
)

// x86Kind says what the instruction before an address proves about it being a
// return address of the function.
type x86Kind uint8

const (
	x86No        x86Kind = iota // no call
	x86Elsewhere                // a call of another function
	x86Unlikely                 // the code is out, and a function begins there
	x86Maybe                    // a call that may have led to the function
	x86Proven                   // a call of the function
)

const (
	x86MaxCode    = 16  // bytes of an instruction
	x86MaxSweep   = 512 // instructions of a function that are looked at for a tail call or a return
	x86MaxTails   = 2   // tail calls from one function to the next
	x86DecodeWork = 6   // of decoding an instruction
)

// code returns what can be read of the code of im at rva.
func (x *x86) code(im *image, rva uint32) []byte {
	n := min(x86MaxCode, im.module.Size-min(rva, im.module.Size))
	b, err := im.at(x.w, rva, n)
	if err != nil {
		if b, err = im.at(x.w, rva, min(n, pageSize-rva%pageSize)); err != nil {
			x.unreadable = err
			return nil
		}
	}
	return b
}

// decode decodes the instruction at rva.
func (x *x86) decode(im *image, rva uint32) x86Inst {
	if x.w.spend(x86DecodeWork) != nil {
		return x86Inst{op: x86Bad}
	}
	return decodeX86(x.code(im, rva))
}

// judge says what is before pc.
func (x *x86) judge(pc uint32) x86Kind {
	im := x.w.find(uint64(pc) - 1)
	if im == nil || x.w.spend(1) != nil {
		return x86No
	}
	saved := x.w.origin
	defer func() { x.w.origin = saved }()
	rva := pc - uint32(im.module.Base)
	n := min(rva, longestCall)
	if !im.executable(x.w, rva-1) {
		return x86No
	}
	b, err := im.at(x.w, rva-n, n)
	if err != nil {
		return x.unseen(im, rva)
	}
	if len(b) >= 5 && b[len(b)-5] == 0xe8 {
		to := rva + binary.LittleEndian.Uint32(b[len(b)-4:])
		if to < im.module.Size {
			return x.called(im, to, x86MaxTails)
		}
	}
	if x86Call(b) && (len(b) < 5 || b[len(b)-5] != 0xe8 || x86Call(b[len(b)-4:])) {
		return x86Maybe
	}
	return x86No
}

// unseen is judge where the code is out: a return address is at least in the
// middle of a function.
func (x *x86) unseen(im *image, rva uint32) x86Kind {
	x.blind = true
	s := im.module.Symbols
	if s == nil {
		return x86Maybe
	}
	if x.w.spend(2*slowRead) != nil {
		return x86No
	}
	f, err := s.Function(x.w.ctx, rva-1)
	next, err2 := s.Function(x.w.ctx, rva)
	switch {
	case errors.Is(err, ErrNoSymbols):
		return x86Maybe
	case err != nil || f.Size != 0 && rva-f.RVA > f.Size:
		return x86No
	case err2 == nil && next.RVA == rva: // the call was the last instruction of a function
		return x86Unlikely
	}
	return x86Maybe
}

// executable reports whether the section at rva holds code, as far as the
// headers say.
func (im *image) executable(w *walker, rva uint32) bool {
	const execute = 0x20000000
	h, err := im.header(w)
	if err != nil || len(h.Sections) == 0 {
		return true
	}
	for i := range h.Sections {
		s := &h.Sections[i]
		if rva-s.VirtualAddress < max(s.VirtualSize, s.RawSize) {
			return s.Characteristics&execute != 0
		}
	}
	return false
}

// called says what a call of the code at to, in im, proves.
func (x *x86) called(im *image, to uint32, tails int) x86Kind {
	if x.im == nil || !x.known {
		return x86Maybe
	}
	if im == x.im && to == x.start {
		return x86Proven
	}
	return x.sweepTails(im, to, tails)
}

// sweepTails looks for a tail call of the function in the one at rva.
func (x *x86) sweepTails(im *image, rva uint32, tails int) x86Kind {
	begin, end := rva, rva+0x1000
	if s := im.module.Symbols; s != nil && x.w.spend(slowRead) == nil {
		if f, err := s.Function(x.w.ctx, rva); err == nil && rva-f.RVA < f.Size {
			end = f.RVA + f.Size
		}
	}
	kind := x86Elsewhere
	for n := 0; n < x86MaxSweep && rva < end; n++ {
		i := x.decode(im, rva)
		if rva += uint32(i.size); i.size == 0 {
			break
		}
		to := rva + uint32(i.n)
		switch {
		case i.op == x86JumpFar && n == 0:
			return x86Maybe // an import
		case i.op == x86JumpFar:
			kind = x86Maybe
		case i.op != x86Jump && i.op != x86JumpIf || to >= begin && to < end:
		case im == x.im && to == x.start && n == 0:
			return x86Proven // a thunk
		case im == x.im && (to == x.start || to-x.start < x.end-x.start && x.end > x.start):
			return x86Maybe // the function, or a part of the other one that was moved away
		case tails > 1 && to < im.module.Size && i.op == x86Jump:
			kind = max(kind, min(x86Maybe, x.called(im, to, tails-1)))
		}
	}
	return kind
}

// calls returns where the direct call before rva leads to.
func (x *x86) calls(rva uint32) (to uint32, ok bool) {
	if rva < 5 {
		return 0, false
	}
	b, err := x.im.at(x.w, rva-5, 5)
	if err != nil || b[0] != 0xe8 {
		return 0, false
	}
	return rva + binary.LittleEndian.Uint32(b[1:]), true
}

// argBytes returns how many bytes of arguments the function pops when it
// returns, by its code or its name.
func (x *x86) argBytes() (n uint32, vague bool) {
	if x.im == nil {
		return 0, true
	}
	saved := x.w.origin
	n, ok := x.returns(x.im, x.pc, x.end)
	x.w.origin = saved
	if ok {
		return n, false
	}
	return x86NameBytes(x.name)
}

// returns finds the next return in the code from rva on, and how many bytes
// of arguments it pops.
func (x *x86) returns(im *image, rva, end uint32) (n uint32, ok bool) {
	for range x86MaxSweep {
		i := x.decode(im, rva)
		if i.op == x86Ret {
			return uint32(i.n), true
		}
		if rva += uint32(i.size); i.size == 0 || end != 0 && rva >= end {
			break
		}
	}
	return 0, false
}

// x86NameBytes returns the bytes of arguments that a name says its function
// pops: _name@8, and @name@16 of which 8 are in registers.
func x86NameBytes(name string) (n uint32, vague bool) {
	i := strings.LastIndexByte(name, '@')
	if i <= 0 || name[0] == '?' {
		return 0, true
	}
	v, err := strconv.ParseUint(name[i+1:], 10, 16)
	if err != nil {
		return 0, true
	}
	if name[0] == '@' {
		v -= min(v, 8)
	}
	return uint32(v), false
}
