package target

import (
	"context"
	"fmt"

	"github.com/symres/symres/unwind"
)

// stubRegisters are GDB's names of a machine's registers: of the PC, and of the
// integer registers in the order of [unwind.Context].
func stubRegisters(m unwind.Machine) (pc string, ints []string) {
	switch m {
	case unwind.X64:
		return "rip", []string{"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"}
	case unwind.X86:
		return "eip", []string{"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"}
	case unwind.ARM:
		return "pc", []string{"r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "sp", "lr"}
	case unwind.ARM64:
		for i := range 31 {
			ints = append(ints, fmt.Sprintf("x%d", i))
		}
		return "pc", append(ints, "sp")
	}
	return "", nil
}

// stubThread is the thread on the processor the stub shows. The error is that of
// the connection.
func (t *Target) stubThread(ctx context.Context) (Thread, error) {
	c := unwind.Context{Machine: unwind.Machine(t.machine)}
	pc, ints := stubRegisters(c.Machine)
	if pc == "" {
		return Thread{}, fmt.Errorf("threads behind a stub: %w: %#x", unwind.ErrMachine, t.machine)
	}
	values, err := t.stub.Registers(ctx, append([]string{pc}, ints...))
	if err != nil {
		return Thread{}, err
	}
	th := Thread{Running: true}
	for i, name := range ints {
		if v, ok := values[name]; ok {
			c.Int[i] = v
			c.KnownInt |= 1 << i
		}
	}
	at, ok := values[pc]
	if c.PC = at; !ok {
		return Thread{}, fmt.Errorf("the stub describes no register %s: %w", pc, ErrNoRecord)
	}
	th.use(c, "registers of the stub", nil)
	return th, nil
}

// overStub puts the registers of the stub's processor over those the kernel
// keeps: while a system runs, KPRCBs hold old ones or none. Which processor it is
// is told by the stack.
func (t *Target) overStub(ctx context.Context, list []Thread) []Thread {
	now, err := t.stubThread(ctx)
	for i := range list {
		list[i].Context, list[i].Origin, list[i].Registers, list[i].Err = unwind.Context{}, "", Registers{}, errNoRegisters
	}
	if err != nil {
		return list
	}
	for i := range list {
		if holds(&list[i], now.Context.SP()) || len(list) == 1 {
			list[i].use(now.Context, now.Origin, nil)
			list[0], list[i] = list[i], list[0]
			return list
		}
	}
	return append([]Thread{now}, list...)
}
