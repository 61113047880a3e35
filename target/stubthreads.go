package target

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

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

// stubThreads are the threads the stub lists, each processor of a machine, or the
// one it shows where it has no list. The error is that of the connection.
func (t *Target) stubThreads(ctx context.Context) (list []Thread, err error) {
	ids, err := t.stub.Threads(ctx)
	if err != nil {
		return nil, err
	}
	if len(ids) == 0 {
		ids = []string{""}
	}
	for _, id := range ids {
		th, err := t.stubThread(ctx, id)
		if err != nil {
			return list, err
		}
		list = append(list, th)
	}
	return list, nil
}

// stubThread is the thread the stub calls id, "" for the one it shows.
func (t *Target) stubThread(ctx context.Context, id string) (Thread, error) {
	c := unwind.Context{Machine: unwind.Machine(t.machine)}
	pc, ints := stubRegisters(c.Machine)
	if pc == "" {
		return Thread{}, fmt.Errorf("threads behind a stub: %w: %#x", unwind.ErrMachine, t.machine)
	}
	read := t.stub.Registers
	if id != "" {
		read = func(ctx context.Context, names []string) (map[string]uint64, error) {
			return t.stub.RegistersOf(ctx, id, names)
		}
	}
	found, err := read(ctx, append([]string{pc}, ints...))
	if err != nil {
		return Thread{}, err
	}
	th := Thread{ID: stubID(id), Running: true}
	for i, name := range ints {
		if v, ok := found[name]; ok {
			c.Int[i] = v
			c.KnownInt |= 1 << i
		}
	}
	at, ok := found[pc]
	if c.PC = at; !ok {
		return Thread{}, fmt.Errorf("the stub describes no register %s: %w", pc, ErrNoRecord)
	}
	th.use(c, "registers of the stub", nil)
	return th, nil
}

// stubID is the number of a thread in the stub's name for it, such as "2" or
// "p1.2"; 0 where it has none.
func stubID(name string) uint32 {
	n, err := strconv.ParseUint(name[strings.LastIndexByte(name, '.')+1:], 16, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}

// overStub puts the registers of the stub's processors over those the kernel
// keeps: while a system runs, KPRCBs hold old ones or none. Which processor it is
// is told by the kernel stack, and in user mode by its number.
func (t *Target) overStub(ctx context.Context, list []Thread) []Thread {
	now, err := t.stubThreads(ctx)
	for i := range list {
		list[i].Context, list[i].Origin, list[i].Registers, list[i].Err = unwind.Context{}, "", Registers{}, errNoRegisters
	}
	if err != nil {
		return list
	}
	var others []Thread
	for n, th := range now {
		i := slices.IndexFunc(list, func(known Thread) bool { return holds(&known, th.Context.SP()) })
		if i < 0 && (len(list) == len(now) && th.Context.PC>>(t.bits-1) == 0 || len(list) == 1 && len(now) == 1) {
			i = n
		}
		if i < 0 {
			th.ID = 0 // the stub counts processors
			others = append(others, th)
			continue
		}
		list[i].use(th.Context, th.Origin, nil)
	}
	slices.SortStableFunc(list, func(a, b Thread) int { return cmp.Compare(rank(a), rank(b)) })
	return append(others, list...)
}

// rank puts threads without registers last.
func rank(th Thread) int {
	if th.Err != nil {
		return 1
	}
	return 0
}
