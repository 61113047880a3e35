package kd

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"golang.org/x/arch/arm64/arm64asm"
	"golang.org/x/arch/x86/x86asm"

	"github.com/symres/symres/unwind"
)

// instruction is one of the target's.
type instruction struct {
	size int
	text string // mnemonic and operands
	x86  x86asm.Inst
	pc   uint64
}

// errUnreadable is that code is out.
var errUnreadable = errors.New("the code is out")

// maxInstruction is the size of the longest instruction, in bytes.
const maxInstruction = 15

func (s *Session) unassemble(ctx context.Context, c Command) error {
	if s.arch() == machineIA64 {
		return refuse("%s: code of IA-64 is not disassembled", c.Name)
	}
	addr, count, err := s.rangeOf(ctx, c.Args, 1)
	if err != nil {
		return err
	}
	if c.Args == "" {
		if addr = s.nextCode; addr == 0 {
			addr = s.codeAt()
		}
	}
	start, bytes := addr, ^uint64(0)
	if _, _, hasLength := cutLength(c.Args); count != 0 && !hasLength { // up to an address
		bytes, count = count-1, maxObjects
	}
	if count == 0 {
		count = 8
	}
	for i := range min(count, maxObjects) {
		if s.narrow(addr-start) >= bytes {
			break
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		n, err := s.codeRow(ctx, addr, i > 0, func(instruction) string { return "" })
		if errors.Is(err, errUnreadable) {
			return refuse("%*s^ Memory access error in '%s'", len("kd> ")+len(c.String()), "", strings.Replace(c.String(), " L", " l", 1))
		}
		if err != nil {
			return err
		}
		addr = s.narrow(addr + uint64(n))
	}
	s.nextCode = addr
	return nil
}

// codeRow shows the instruction at an address, under the symbol that begins there
// or, for registers, the one that has it.
func (s *Session) codeRow(ctx context.Context, addr uint64, further bool, operand func(instruction) string) (int, error) {
	if name := s.symbolAt(ctx, addr); name != "" && (!further || !strings.Contains(name, "+0x")) {
		s.printf("%s:\n", name)
	}
	b := make([]byte, maxInstruction)
	n, _ := s.read(ctx, b, addr) // what can be read is enough, or not
	if n == 0 {
		s.printf("%s ??              ???\n", s.addr(addr))
		return 0, errUnreadable
	}
	in := s.decode(ctx, b[:n], addr)
	s.printf("%s\n", strings.TrimRight(s.codeLine(addr, b[:min(in.size, n)], in)+operand(in), " "))
	return in.size, nil
}

// codeLine is the line of an instruction.
func (s *Session) codeLine(addr uint64, b []byte, in instruction) string {
	return strings.TrimRight(fmt.Sprintf("%s %-15s %s", s.addr(addr), hex.EncodeToString(b), in.text), " ")
}

// decode reads an instruction; what is none is shown as ???.
func (s *Session) decode(ctx context.Context, b []byte, pc uint64) instruction {
	switch s.thread.Context.Machine {
	case unwind.ARM64:
		in, err := arm64asm.Decode(b)
		if err != nil {
			return instruction{size: 4, text: "???"}
		}
		return instruction{size: 4, text: columns(strings.ToLower(in.String()))}
	case unwind.ARM:
		return instruction{size: thumbSize(b), text: "???"}
	case unwind.X86, unwind.X64, 0:
	default:
		return instruction{size: 1, text: "???"}
	}
	mode := s.bits()
	if s.thread.Context.Machine == unwind.X86 {
		mode = 32
	}
	in, err := x86asm.Decode(b, mode)
	if err != nil {
		return instruction{size: 1, text: "???"}
	}
	names := func(addr uint64) (string, uint64) {
		if name := s.symbolAt(ctx, s.narrow(addr)); name != "" {
			return name + " (" + s.addr(addr) + ")", addr
		}
		return "", 0
	}
	return instruction{size: in.Len, text: columns(intel(x86asm.IntelSyntax(in, pc, names))), x86: in, pc: pc}
}

// thumbSize is the size of an instruction of Thumb, in bytes: four for one whose first half
// begins with 11101, 11110 or 11111.
func thumbSize(b []byte) int {
	if len(b) >= 4 && b[1]>>3 >= 0x1d {
		return 4
	}
	return 2
}

// columns sets off the mnemonic.
func columns(text string) string {
	op, rest, _ := strings.Cut(text, " ")
	return fmt.Sprintf("%-7s %s", op, rest)
}

// intel spells operands as the debugger does: no blank behind the comma, numbers with
// an h behind them.
func intel(text string) string {
	text = strings.NewReplacer(", ", ",", "[]", "[0]").Replace(text)
	text = regexp.MustCompile(`\w+!\S+|\b0x[0-9a-f]+\b`).ReplaceAllStringFunc(text, func(n string) string {
		digits, isNumber := strings.CutPrefix(n, "0x")
		switch {
		case !isNumber: // a symbol
			return n
		case len(digits) == 1 && digits[0] <= '9':
			return digits
		case digits[0] > '9':
			digits = "0" + digits
		}
		return digits + "h"
	})
	return strings.Replace(text, "int3", "int 3", 1)
}

// operand is the memory that an instruction reads or writes, with what is there: `
// ds:00000000=????????`.
func (s *Session) operand(ctx context.Context, in instruction) string {
	for _, a := range in.x86.Args {
		m, ok := a.(x86asm.Mem)
		if !ok || in.x86.MemBytes == 0 || in.x86.Op == x86asm.LEA {
			continue
		}
		addr := uint64(m.Disp)
		for i, r := range []x86asm.Reg{m.Base, m.Index} {
			if r == 0 {
				continue
			}
			v, _, known := s.thread.Register(strings.ToLower(r.String()))
			if r == x86asm.RIP {
				v, known = in.pc+uint64(in.size), true
			}
			if !known {
				return ""
			}
			if i == 1 {
				v *= uint64(m.Scale)
			}
			addr += v
		}
		segment := "ds"
		if m.Segment != 0 {
			segment = strings.ToLower(m.Segment.String())
		} else if m.Base == x86asm.RSP || m.Base == x86asm.RBP || m.Base == x86asm.ESP || m.Base == x86asm.EBP {
			segment = "ss"
		}
		if s.thread.Context.Machine == unwind.X86 {
			segment += fmt.Sprintf(":%04x", s.reg(segment))
		}
		return fmt.Sprintf(" %s:%s=%s", segment, s.addr(addr), s.wordAt(ctx, addr, uint64(in.x86.MemBytes)))
	}
	return ""
}

func (s *Session) wordAt(ctx context.Context, addr, size uint64) string {
	b := make([]byte, min(size, 8))
	if _, err := s.read(ctx, b, addr); err != nil {
		return strings.Repeat("??", len(b))
	}
	value := s.value
	defer func() { s.value = value }()
	return strings.ReplaceAll(s.cell(b), "`", "")
}
