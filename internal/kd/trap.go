package kd

import (
	"context"
	"encoding/binary"
	"strings"

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
	layout, size := trapLayout(s.arch())
	if size == 0 {
		return refuse(".trap: trap frames of this machine are not read")
	}
	if _, ok := s.field(ctx, "_KTRAP_FRAME", addr, "SegCs"); !ok {
		return refuse("Unable to read trap frame at %s: it is out, or there is no type nt!_KTRAP_FRAME", s.addr(addr))
	}
	raw := make([]byte, size)
	for at, name := range layout {
		v := s.one(ctx, "_KTRAP_FRAME", addr, name)
		switch {
		case s.bits() == 64 && name[0] == 'R':
			binary.LittleEndian.PutUint64(raw[at:], v)
		case s.bits() == 64 && strings.HasPrefix(name, "Seg"):
			binary.LittleEndian.PutUint16(raw[at:], uint16(v))
		default:
			binary.LittleEndian.PutUint32(raw[at:], uint32(v))
		}
	}
	flagsAt, flags := 0, uint32(0x10007) // CONTEXT_CONTROL, INTEGER and SEGMENTS of x86
	if s.bits() == 64 {
		flagsAt, flags = 0x30, 0x100007
	} else if raw[0xbc]&1 == 0 { // of the kernel: the stack goes on behind the frame
		binary.LittleEndian.PutUint32(raw[0xc4:], uint32(addr+s.offsetOf(ctx, "_KTRAP_FRAME", "HardwareEsp")))
	}
	binary.LittleEndian.PutUint32(raw[flagsAt:], flags)
	th := s.here
	if th.Context, err = unwind.ParseContext(unwind.Machine(s.arch()), raw); err != nil {
		return refuse("%v", err)
	}
	th.Raw, th.Err = raw, nil
	s.thread, s.set, s.nextCode = th, true, 0
	s.showRegisters(ctx)
	return nil
}

// trapLayout says which field of a KTRAP_FRAME (ntddk.h) is which of a CONTEXT (winnt.h), by
// offset, and how large that is. What a trap frame has not is 0.
func trapLayout(machine uint16) (layout map[int]string, size int) {
	switch machine {
	case 0x14c:
		return map[int]string{0x8c: "SegGs", 0x90: "SegFs", 0x94: "SegEs", 0x98: "SegDs", 0x9c: "Edi", 0xa0: "Esi", 0xa4: "Ebx", 0xa8: "Edx", 0xac: "Ecx", 0xb0: "Eax",
			0xb4: "Ebp", 0xb8: "Eip", 0xbc: "SegCs", 0xc0: "EFlags", 0xc4: "HardwareEsp", 0xc8: "HardwareSegSs"}, 0x2cc
	case 0x8664:
		return map[int]string{0x44: "EFlags", 0x38: "SegCs", 0x42: "SegSs", 0x78: "Rax", 0x80: "Rcx", 0x88: "Rdx", 0x90: "Rbx", 0x98: "Rsp", 0xa0: "Rbp", 0xa8: "Rsi", 0xb0: "Rdi",
			0xb8: "R8", 0xc0: "R9", 0xc8: "R10", 0xd0: "R11", 0xf8: "Rip"}, 0x4d0
	}
	return nil, 0
}

// offsetOf is the offset of a field, 0 where it is not known.
func (s *Session) offsetOf(ctx context.Context, typ, path string) uint64 {
	f, _ := s.fieldOf(ctx, typ, path)
	return f.Offset
}
