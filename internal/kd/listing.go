package kd

import (
	"context"
	"strings"

	"golang.org/x/arch/x86/x86asm"
)

// Bounds of the listing of a function, in bytes and in instructions.
const (
	maxFunction = 64 << 10
	farBack     = 32 // instructions that are looked for before an address
)

// unassembleFunction shows a function: the instructions that are reached from its
// beginning, without those that only calls lead to.
func (s *Session) unassembleFunction(ctx context.Context, c Command) error {
	addr, err := s.codeAddress(ctx, c)
	if err != nil {
		return err
	}
	loc, err := s.target.Session().Resolve(ctx, addr)
	if err != nil {
		return refuse("No code found, aborting")
	}
	first := true
	for _, at := range s.reached(ctx, loc.Address) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if first || s.startsAt(ctx, at) {
			s.printf("%s:\n", s.symbolAt(ctx, at))
		}
		first = false
		if _, err := s.instructionRow(ctx, at); err != nil {
			return err
		}
	}
	return nil
}

func (s *Session) startsAt(ctx context.Context, at uint64) bool {
	name := s.symbolAt(ctx, at)
	return name != "" && !strings.Contains(name, "+0x")
}

// codeAddress is the address that a command names, or that of the current instruction.
func (s *Session) codeAddress(ctx context.Context, c Command) (uint64, error) {
	if s.arch() == machineIA64 {
		return 0, refuse("%s: code of IA-64 is not disassembled", c.Name)
	}
	if c.Args == "" {
		return s.codeAt(), nil
	}
	addr, err := s.number(ctx, c.Args)
	return s.narrow(addr), err
}

// reached are the addresses of the instructions of a function, in order.
func (s *Session) reached(ctx context.Context, start uint64) (list []uint64) {
	todo, seen := []uint64{start}, map[uint64]bool{}
	for len(todo) > 0 && ctx.Err() == nil {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for !seen[at] && at-start < maxFunction {
			in, ok := s.instructionAt(ctx, at)
			if !ok {
				break
			}
			seen[at] = true
			if to, is := branch(in); is && to != 0 {
				todo = append(todo, s.narrow(to))
			}
			if ends(in) {
				break
			}
			at = s.narrow(at + uint64(in.size))
		}
	}
	for at := start; len(list) < len(seen); at++ {
		if seen[at] {
			list = append(list, at)
		}
	}
	return list
}

// branch is where a jump goes to, 0 for one that memory or a register tells.
func branch(in instruction) (to uint64, ok bool) {
	op := in.x86.Op
	if !strings.HasPrefix(op.String(), "J") && op != x86asm.LOOP && op != x86asm.LOOPE && op != x86asm.LOOPNE {
		return 0, false
	}
	if rel, isRel := in.x86.Args[0].(x86asm.Rel); isRel {
		return in.pc + uint64(in.size) + uint64(int64(rel)), true
	}
	return 0, true
}

// ends reports whether nothing is executed behind an instruction.
func ends(in instruction) bool {
	switch in.x86.Op {
	case x86asm.RET, x86asm.LRET, x86asm.IRET, x86asm.IRETD, x86asm.IRETQ, x86asm.JMP, x86asm.LJMP, x86asm.UD2, 0:
		return true
	}
	return false
}

// instructionAt decodes an instruction; false where it is out or none.
func (s *Session) instructionAt(ctx context.Context, at uint64) (instruction, bool) {
	b := make([]byte, maxInstruction)
	n, _ := s.read(ctx, b, at) // what can be read is enough, or not
	if n == 0 {
		return instruction{}, false
	}
	in := s.decode(ctx, b[:n], at)
	return in, in.text != "???" && in.size <= n
}

// unassembleBack shows the instructions before an address.
func (s *Session) unassembleBack(ctx context.Context, c Command) error {
	addr, count, err := s.rangeOf(ctx, c.Args, 1)
	if err != nil {
		return err
	}
	if c.Args == "" {
		addr = s.codeAt()
	}
	if count == 0 {
		count = 8
	}
	list := s.before(ctx, addr, int(min(count, farBack)))
	if len(list) == 0 {
		return refuse("%*s^ Unable to find valid previous instruction for '%s'", len("kd> ")+len(c.String())-1, "", c)
	}
	for i, at := range list {
		if i == 0 || s.startsAt(ctx, at) {
			s.printf("%s:\n", s.symbolAt(ctx, at))
		}
		if _, err := s.instructionRow(ctx, at); err != nil {
			return err
		}
	}
	return nil
}

// before are the addresses of up to n instructions that end at an address. They are
// decoded from the symbol before it on or, where that is far, from the longest
// sequence that fits.
func (s *Session) before(ctx context.Context, addr uint64, n int) []uint64 {
	start := addr - maxInstruction*uint64(n)
	if loc, err := s.target.Session().Resolve(ctx, addr); err == nil && loc.Displacement > 0 && addr-loc.Address <= maxFunction {
		start = loc.Address
	}
	for ; start < addr; start++ {
		var list []uint64
		at := start
		for at < addr && ctx.Err() == nil {
			in, ok := s.instructionAt(ctx, at)
			if !ok {
				break
			}
			list = append(list, at)
			at += uint64(in.size)
		}
		if at == addr && len(list) > 0 {
			return list[max(0, len(list)-n):]
		}
		if start+maxInstruction*uint64(n) < addr { // the symbol led nowhere: what is near then
			start = addr - maxInstruction*uint64(n) - 1
		}
	}
	return nil
}

// instructionRow shows an instruction alone.
func (s *Session) instructionRow(ctx context.Context, at uint64) (int, error) {
	in, ok := s.instructionAt(ctx, at)
	if !ok {
		return 0, errUnreadable
	}
	b := make([]byte, in.size)
	if _, err := s.read(ctx, b, at); err != nil {
		return 0, errUnreadable
	}
	s.printf("%s\n", s.codeLine(at, b, in))
	return in.size, nil
}
