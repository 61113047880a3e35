package kd

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/symres/symres/target"
	"github.com/symres/symres/unwind"
)

func contextCommands() []entry {
	return []entry{
		{"r", "show registers: r eax, r $t0=EXPRESSION", (*Session).registers},
		{"k", "show the stack: kv kp kn, COUNT", (*Session).stack},
		{"~", "list threads; ~*k shows their stacks, ~N s selects one", (*Session).threads},
		{".cxr", "take registers from the CONTEXT at an address", (*Session).setContext},
		{".trap", "take registers from the trap frame at an address", (*Session).setTrap},
		{".ecxr", "take the registers of the exception", (*Session).exceptionContext},
		{".thread", "show or set the thread", (*Session).setThread},
		{"!analyze", "say why the target stopped, as .symres analyze does", (*Session).analyze},
		{"!gle", "show the last error of the thread", (*Session).lastError},
		{"!error", "name an error: CODE, 1 for an NTSTATUS", (*Session).showError},
		{".lastevent", "show what stopped the target", (*Session).lastEvent},
		{".bugcheck", "show the bug check", (*Session).bugCheck},
	}
}

// flagNames are those of efl as r shows them, each set and clear.
func flagNames() [][3]string {
	return [][3]string{{"of", "ov", "nv"}, {"df", "dn", "up"}, {"if", "ei", "di"}, {"sf", "ng", "pl"}, {"zf", "zr", "nz"}, {"af", "ac", "na"}, {"pf", "pe", "po"}, {"cf", "cy", "nc"}}
}

func (s *Session) registers(ctx context.Context, c Command) error {
	args := strings.TrimSpace(c.Args)
	if name, expr, ok := strings.Cut(args, "="); ok {
		return s.setRegister(ctx, strings.TrimSpace(name), expr)
	}
	if args != "" {
		return s.namedRegisters(ctx, args)
	}
	if s.thread.Context.Machine == 0 {
		return s.noRegisters()
	}
	if s.set {
		s.printf("Last set context:\n")
	}
	s.showRegisters(ctx)
	return nil
}

func (s *Session) noRegisters() error { return withoutRegisters(s.thread) }

// withoutRegisters says of a thread that its registers are not known, and why.
func withoutRegisters(th target.Thread) error {
	if th.Err != nil {
		return refuse("the thread has no registers: %v", th.Err)
	}
	return refuse("the thread has no registers")
}

// setRegister sets $t0 to $t19. Nothing else is written.
func (s *Session) setRegister(ctx context.Context, name, expr string) error {
	n, err := strconv.ParseUint(strings.TrimPrefix(strings.TrimPrefix(name, "@"), "$t"), 10, 8)
	if err != nil || n >= uint64(len(s.user)) || !strings.Contains(name, "$t") {
		return refuse("%s: targets are only read", name)
	}
	v, err := s.number(ctx, expr)
	s.user[n] = v
	return err
}

func (s *Session) namedRegisters(ctx context.Context, args string) error {
	var cells []string
	for _, name := range strings.FieldsFunc(args, func(r rune) bool { return r == ' ' || r == ',' }) {
		name = strings.ToLower(strings.TrimPrefix(name, "@"))
		v, err := s.number(ctx, "@"+name)
		if err != nil && s.thread.Context.Machine == 0 && !strings.HasPrefix(name, "$") {
			return s.noRegisters()
		}
		if err != nil {
			return refuse("%*s^ Bad register error in 'r %s'", len("kd> ")+2, "", args)
		}
		if _, bits, ok := s.thread.Register(name); ok && bits <= 32 {
			cells = append(cells, fmt.Sprintf("%s=%08x", name, uint32(v)))
			continue
		}
		cells = append(cells, fmt.Sprintf("%s=%0*x", name, s.bits()/4, s.narrow(v)))
	}
	if s.set {
		s.printf("Last set context:\n")
	}
	s.printf("%s\n", strings.Join(cells, " "))
	return nil
}

// showRegisters shows the registers and the instruction.
func (s *Session) showRegisters(ctx context.Context) {
	switch s.thread.Context.Machine {
	case unwind.X64:
		s.registerRows("rax rbx rcx;rdx rsi rdi;rip rsp rbp; r8  r9 r10;r11 r12 r13;r14 r15", 16)
		s.printf("iopl=%d %s\n", s.reg("iopl"), s.flags())
		s.segments()
	case unwind.X86:
		s.registerRows("eax ebx ecx edx esi edi", 8)
		s.printf("eip=%08x esp=%08x ebp=%08x iopl=%d %s\n", s.reg("eip"), s.reg("esp"), s.reg("ebp"), s.reg("iopl"), s.flags())
		s.segments()
	case unwind.ARM64:
		s.registerRows("x0 x1 x2 x3;x4 x5 x6 x7;x8 x9 x10 x11;x12 x13 x14 x15;x16 x17 x18 x19;x20 x21 x22 x23;x24 x25 x26 x27;x28 fp lr sp;pc", 16)
	case unwind.ARM:
		s.registerRows("r0 r1 r2 r3 r4 r5;r6 r7 r8 r9 r10 r11", 8)
		s.statusRow()
	}
	_, _ = s.codeRow(ctx, s.codeAt(), false, func(in instruction) string { return s.operand(ctx, in) }) // it shows that it is out
}

// codeAt is the address of the current instruction.
func (s *Session) codeAt() uint64 {
	if s.thread.Context.Machine == unwind.ARM {
		return s.thread.Context.PC &^ 1
	}
	return s.thread.Context.PC
}

// statusRow has the last registers of ARM. The lowest bit of pc says Thumb, and is none of the
// address.
func (s *Session) statusRow() {
	psr := uint64(0)
	const at = 0x44 // of CONTEXT.Cpsr (winnt.h)
	if raw := s.thread.Raw; len(raw) >= at+4 {
		psr = uint64(binary.LittleEndian.Uint32(raw[at:]))
	}
	flags := []byte("-----")
	for i, letter := range []byte("NZCVQ") {
		if psr>>(31-i)&1 == 1 {
			flags[i] = letter
		}
	}
	mode := map[bool]string{true: "Thumb", false: "ARM"}[psr>>5&1 == 1]
	s.printf("r12=%08x  sp=%08x  lr=%08x  pc=%08x psr=%08x %s %s\n", s.reg("r12"), s.reg("sp"), s.reg("lr"), s.reg("pc")&^1, psr, flags, mode)
}

func (s *Session) reg(name string) uint64 {
	v, _, _ := s.thread.Register(name) // one that is not known is 0
	return v
}

func (s *Session) registerRows(rows string, digits int) {
	for row := range strings.SplitSeq(rows, ";") {
		var cells []string
		for name := range strings.FieldsSeq(row) {
			cells = append(cells, fmt.Sprintf("%3s=%0*x", name, digits, s.reg(name)))
		}
		s.printf("%s\n", strings.Join(cells, " "))
	}
}

func (s *Session) flags() string {
	line := map[bool]string{true: "        ", false: "  "}[s.thread.Context.Machine == unwind.X64]
	if s.thread.Context.Machine == unwind.X86 {
		line = "        "
	}
	var words []string
	for _, f := range flagNames() {
		set := s.reg(f[0])&1 == 1
		if f[0] == "pf" && s.thread.Context.Machine == unwind.X64 {
			set = !set // as the debugger has it on x64
		}
		words = append(words, f[map[bool]int{true: 1, false: 2}[set]])
	}
	return line + strings.Join(words, " ")
}

func (s *Session) segments() {
	s.printf("cs=%04x  ss=%04x  ds=%04x  es=%04x  fs=%04x  gs=%04x             efl=%08x\n",
		s.reg("cs"), s.reg("ss"), s.reg("ds"), s.reg("es"), s.reg("fs"), s.reg("gs"), s.reg("efl"))
}

// listThreads are the threads of a user target, in its order.
func (s *Session) listThreads(ctx context.Context) (list []target.Thread) {
	for th, err := range s.target.Threads(ctx) {
		if err == nil {
			list = append(list, th)
		}
	}
	slices.SortStableFunc(list, func(a, b target.Thread) int { return cmp.Compare(a.Place, b.Place) })
	return list
}

func (s *Session) threads(ctx context.Context, c Command) error {
	which := strings.TrimPrefix(c.Name, "~") + c.Args
	list := s.listThreads(ctx)
	if s.kernel() != nil {
		list = slices.DeleteFunc(list, func(th target.Thread) bool { return !th.Running })
	}
	all, isStack := strings.CutPrefix(which, "*k")
	if n, rest, ok := cutNumber(which); ok && (rest == "s" || rest == "k") {
		if n >= len(list) {
			return refuse("there is no thread %d", n)
		}
		if rest == "k" {
			return s.showStack(ctx, list[n], stackOptions{depth: defaultFrames}, "")
		}
		s.thread, s.set = list[n], false
		s.showRegisters(ctx)
		return nil
	}
	if which != "" && which != "*" && !isStack {
		return refuse("%s is not understood: ~, ~*, ~*k COUNT, ~N s, ~N k", c)
	}
	for i, th := range list {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if isStack {
			s.printf("\n")
		}
		s.threadRow(i, th)
		if !isStack {
			continue
		}
		o, err := s.parseStack(ctx, all)
		if err != nil {
			return err
		}
		if err := s.showStack(ctx, th, o, ""); err != nil {
			s.printf("%v\n", err)
		}
	}
	return nil
}

func cutNumber(text string) (n int, rest string, ok bool) {
	i := 0
	for i < len(text) && text[i] >= '0' && text[i] <= '9' {
		i++
	}
	n, err := strconv.Atoi(text[:i])
	return n, strings.TrimSpace(text[i:]), err == nil
}

func (s *Session) threadRow(i int, th target.Thread) {
	mark := map[bool]string{true: ".", false: " "}[th.ID == s.here.ID]
	s.printf("%s %2d  Id: %x.%x", mark, i, s.target.Info().PID, th.ID)
	if s.target.Kind() == target.KindMinidump {
		s.printf(" Suspend: %d Teb: %s Unfrozen", th.Suspend, s.addr(th.TEB))
	} else {
		s.printf(" Teb: %s", s.addr(th.TEB))
	}
	if th.Name != "" {
		s.printf(" \"%s\"", th.Name)
	}
	s.printf("\n")
}

// setContext takes registers from memory, or with 0 gives back the thread's own.
func (s *Session) setContext(ctx context.Context, c Command) error {
	if c.Args == "" || c.Args == "0" {
		if s.set {
			s.printf("Resetting default scope\n")
		}
		s.thread, s.set, s.nextCode = s.here, false, 0
		return nil
	}
	addr, err := s.number(ctx, c.Args)
	if err != nil {
		return err
	}
	b := make([]byte, 0x4d0) // of x64, the largest
	n, readErr := s.read(ctx, b, addr)
	th := s.here
	if th.Context, err = unwind.ParseContext(unwind.Machine(s.arch()), b[:n]); err != nil {
		return refuse("Unable to read context at %s: %v; %d bytes are there (%v)", s.addr(addr), err, n, readErr)
	}
	th.Raw, th.Err = b[:n], nil
	s.thread, s.set, s.nextCode = th, true, 0
	s.showRegisters(ctx)
	return nil
}

func (s *Session) exceptionContext(ctx context.Context, _ Command) error {
	th := s.here
	if _, err := s.target.Exception(); err != nil && s.kernel() == nil {
		return refuse("Minidump doesn't have an exception context\nUnable to get exception context, HRESULT 0x80004002")
	}
	if s.kernel() != nil || th.Context.Machine == 0 {
		return refuse("Unable to get exception context, HRESULT 0x8000FFFF")
	}
	s.thread, s.set = th, true
	s.showSet(ctx)
	return nil
}

// showSet shows registers that were just set.
func (s *Session) showSet(ctx context.Context) { s.showRegisters(ctx) }

func (s *Session) setThread(ctx context.Context, c Command) error {
	arg := ""
	for _, w := range words(c.Args) {
		if !strings.HasPrefix(w, "/") {
			arg = w
		}
	}
	if arg == "" {
		s.thread, s.set, s.nextCode = s.here, false, 0
		s.printf("Implicit thread is now %s\n", s.addr(s.here.Address))
		return nil
	}
	addr, err := s.number(ctx, arg)
	if err != nil {
		return err
	}
	if s.kernel() == nil {
		return refuse("the target has no kernel: ~N s selects a thread")
	}
	found, err := s.kernel().ThreadAt(s.narrow(addr))
	if err != nil {
		return refuse("%s is no thread: %v", s.addr(addr), err)
	}
	s.thread, s.set, s.nextCode = s.unwindable(ctx, found), true, 0
	s.printf("Implicit thread is now %s\n", s.addr(found.Address))
	return nil
}

// exceptionTitles are what the debugger calls exceptions (ntstatus.h).
func exceptionTitle(code uint32, other string) string {
	titles := map[uint32]string{
		0xc0000005: "Access violation", 0x80000003: "Break instruction exception", 0x80000004: "Single step exception",
		0xc0000094: "Integer divide-by-zero", 0xc00000fd: "Stack overflow", 0xc000001d: "Illegal instruction",
		0xc0000096: "Illegal instruction", 0xc0000409: "Stack buffer overflow", 0xe06d7363: "C++ EH exception",
	}
	if t := titles[code]; t != "" {
		return t
	}
	if other != "" {
		return strings.ToUpper(other[:1]) + other[1:]
	}
	return "Unknown exception"
}

func (s *Session) lastEvent(context.Context, Command) error {
	e, err := s.target.Exception()
	switch {
	case s.kernel() != nil:
		s.printf("Last event: Break instruction exception - code 80000003 (first/second chance not available)\n")
	case err != nil: // the debugger makes up a break of the first thread
		s.printf("Last event: %x.%x: Break instruction exception - code 80000003 (first/second chance not available)\n", s.target.Info().PID, s.here.ID)
		s.printf("SYMRES:  the target records no event: this one is made up, as the debugger does\n")
	default:
		s.printf("Last event: %x.%x: %s - code %08x (first/second chance not available)\n", s.target.Info().PID, e.ThreadID, exceptionTitle(e.Code, e.Title), e.Code)
	}
	return nil
}

func (s *Session) bugCheck(context.Context, Command) error {
	b, err := s.target.BugCheck()
	if err != nil {
		return refuse("there is no bug check: %v", err)
	}
	s.printf("Bugcheck code %08X\nArguments %s %s %s %s\n", b.Code, s.addr(b.Parameters[0]), s.addr(b.Parameters[1]), s.addr(b.Parameters[2]), s.addr(b.Parameters[3]))
	return nil
}
