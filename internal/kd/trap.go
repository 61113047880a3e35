package kd

import (
	"context"
	"maps"

	"github.com/symres/symres/unwind"
)

// setTrap takes registers from the KTRAP_FRAME at an address, or without one gives back the
// thread's own.
func (s *Session) setTrap(ctx context.Context, c Command) error {
	if c.Args == "" || c.Args == "0" {
		return s.setContext(ctx, c)
	}
	addr, err := s.number(ctx, c.Args)
	if err != nil {
		return err
	}
	addr = s.narrow(addr)
	pcName, registers := trapRegisters(s.arch())
	if pcName == "" {
		return refuse(".trap: trap frames of this machine are not read")
	}
	pc, ok := s.field(ctx, "_KTRAP_FRAME", addr, pcName)
	if !ok {
		return refuse("Unable to read trap frame at %s: it is out, or there is no type nt!_KTRAP_FRAME", s.addr(addr))
	}
	th := s.here
	th.Raw, th.Err = nil, nil
	th.Context = unwind.Context{Machine: unwind.Machine(s.arch()), PC: pc}
	for name, number := range maps.All(registers) {
		if v, ok := s.field(ctx, "_KTRAP_FRAME", addr, name); ok {
			th.Context.Int[number] = v
			th.Context.KnownInt |= 1 << number
		}
	}
	if s.arch() == machineX86 && s.one(ctx, "_KTRAP_FRAME", addr, "SegCs")&1 == 0 { // of the kernel: the stack goes on behind the frame
		th.Context.Int[unwind.RegESP] = s.narrow(addr + s.offsetOf(ctx, "_KTRAP_FRAME", "HardwareEsp"))
	}
	s.thread, s.set = th, true
	s.showRegisters(ctx)
	return nil
}

const machineX86 = 0x14c

// trapRegisters are the registers in a KTRAP_FRAME (ntddk.h), by their fields.
func trapRegisters(machine uint16) (pc string, registers map[string]int) {
	switch machine {
	case machineX86:
		return "Eip", map[string]int{"Eax": 0, "Ecx": 1, "Edx": 2, "Ebx": 3, "HardwareEsp": 4, "Ebp": 5, "Esi": 6, "Edi": 7}
	case 0x8664:
		return "Rip", map[string]int{"Rax": 0, "Rcx": 1, "Rdx": 2, "Rbx": 3, "Rsp": 4, "Rbp": 5, "Rsi": 6, "Rdi": 7, "R8": 8, "R9": 9, "R10": 10, "R11": 11}
	}
	return "", nil
}

// offsetOf is the offset of a field, 0 where it is not known.
func (s *Session) offsetOf(ctx context.Context, typ, path string) uint64 {
	f, _ := s.fieldOf(ctx, typ, path)
	return f.Offset
}
