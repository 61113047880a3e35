package kd

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/symres/symres/internal/cli/frames"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/stack"
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

func (s *Session) noRegisters() error {
	if s.thread.Err != nil {
		return refuse("the thread has no registers: %v", s.thread.Err)
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
		s.registerRows("r0 r1 r2 r3 r4 r5;r6 r7 r8 r9 r10 r11;r12 sp lr pc", 8)
	}
	_, _ = s.codeRow(ctx, s.thread.Context.PC, false) // it shows that it is out
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

// defaultFrames is how many frames k shows when nobody says it.
const defaultFrames = 20

// stackOptions are those of k.
type stackOptions struct {
	letters string
	depth   int
}

func (s *Session) parseStack(ctx context.Context, args string) (o stackOptions, err error) {
	o.depth = defaultFrames
	for _, w := range words(args) {
		if strings.Trim(w, "vpPnfLMD") == "" || w == "b" {
			o.letters += w
			continue
		}
		n, err := s.number(ctx, w)
		if err != nil {
			return o, err
		}
		o.depth = int(min(n, 0xffff))
	}
	return o, nil
}

func (s *Session) stack(ctx context.Context, c Command) error {
	o, err := s.parseStack(ctx, c.Args)
	if err != nil {
		return err
	}
	if s.set {
		s.printf("  *** Stack trace for last set context - .thread/.cxr resets it\n")
	}
	return s.showStack(ctx, s.thread, o, "")
}

// showStack shows the stack of a thread, each line behind an indent.
func (s *Session) showStack(ctx context.Context, th target.Thread, o stackOptions, indent string) error {
	before := s.deferred()
	list, end := s.target.Frames(ctx, th, target.FrameOptions{Depth: o.depth})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	s.tellLoaded(before)
	var b []byte
	if strings.ContainsAny(o.letters, "vnb") {
		b = s.argumentRows(s.memoryOf(ctx, th), list, o)
	} else {
		b = frames.Append(nil, list, frames.Options{Proof: s.noisy, Bare: s.options&loadLines == 0 || strings.Contains(o.letters, "L")})
	}
	if end != nil && s.noisy {
		b = frames.AppendEnd(b, len(list), end)
	}
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, "    ") { // about the frame
			s.write("SYMRES:  " + strings.TrimLeft(line, " "))
			continue
		}
		s.write(indent + s.ticked(line))
	}
	if len(list) == 0 && end != nil {
		return refuse("no stack: %v", end)
	}
	return nil
}

// ticked puts a back-tick into the address that a line ends with, where it has one.
func (s *Session) ticked(line string) string {
	text := strings.TrimSuffix(line, "\n")
	i := strings.LastIndexByte(text, ' ')
	digits, ok := strings.CutPrefix(text[i+1:], "0x")
	if !ok || len(digits) <= 8 || strings.Trim(digits, "0123456789abcdef") != "" {
		return line
	}
	return text[:i+3] + digits[:len(digits)-8] + "`" + digits[len(digits)-8:] + line[len(text):]
}

// argumentRows are the frames with the words of their arguments, or with numbers.
func (s *Session) argumentRows(memory memsource.Source, list []stack.Frame, o stackOptions) []byte {
	var b strings.Builder
	number := strings.Contains(o.letters, "n")
	args := strings.ContainsAny(o.letters, "vb")
	for i, f := range list {
		if i == 0 {
			b.WriteString(stackHead(f.Machine, number, args) + "\n")
		}
		if number {
			fmt.Fprintf(&b, "%02x ", i)
		}
		b.WriteString(s.frameRow(memory, list, i, args) + "\n")
	}
	return []byte(b.String())
}

func stackHead(m unwind.Machine, number, args bool) string {
	head := map[bool]string{true: " # ", false: ""}[number]
	switch {
	case m == unwind.X86 && args:
		return head + "ChildEBP RetAddr  Args to Child"
	case m == unwind.X86:
		return head + "ChildEBP RetAddr"
	case args:
		return head + "Child-SP          RetAddr           : Args to Child                                                           : Call Site"
	}
	return head + "Child-SP          RetAddr           Call Site"
}

// frameRow is a frame as kv shows it.
func (s *Session) frameRow(memory memsource.Source, list []stack.Frame, i int, args bool) string {
	f := &list[i]
	base := frames.Child(f)
	head := s.addr(base) + " " + s.addr(f.Return)
	name := f.String()
	if f.Machine == unwind.X64 && int64(f.PC) < 0 && i+1 < len(list) && !list[i+1].UnwoundToCall && list[i+1].Rule != unwind.RuleContext && args {
		name += " (TrapFrame @ " + s.addr(f.SP()) + ")"
	}
	if !args {
		return head + " " + name
	}
	if f.Machine == unwind.X86 {
		return head + " " + s.argumentWords(memory, base+8, 3, 4) + " " + name
	}
	at := base
	if i+1 < len(list) {
		at = list[i+1].SP()
	}
	return head + " : " + s.argumentWords(memory, at, 4, 8) + " : " + name
}

// argumentWords are n words of a stack; those that are out are zeros, as in the debugger.
func (s *Session) argumentWords(memory memsource.Source, at uint64, n int, size uint64) string {
	var cells []string
	for i := range uint64(n) {
		var b [8]byte
		if memory != nil {
			if _, err := memory.ReadMemory(b[:size], s.narrow(at+i*size)); err != nil {
				clear(b[:])
			}
		}
		v := binary.LittleEndian.Uint64(b[:])
		if size == 8 {
			cells = append(cells, fmt.Sprintf("%08x`%08x", v>>32, uint32(v)))
		} else {
			cells = append(cells, hex8(uint32(v)))
		}
	}
	return strings.Join(cells, " ")
}

// memoryOf is the memory that a thread sees: that of its process.
func (s *Session) memoryOf(ctx context.Context, th target.Thread) memsource.Source {
	process := cmp.Or(th.Attached, th.Process)
	if s.kernel() == nil || process == 0 || process == s.process.Address {
		return s.memory(ctx)
	}
	if p, err := s.kernel().ProcessAt(process); err == nil {
		if v, err := s.kernel().View(p); err == nil {
			return memsource.Bind(ctx, v.Memory())
		}
	}
	return s.memory(ctx)
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
		s.thread, s.set = s.here, false
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
		return refuse("Unable to read context at %s: %v", s.addr(addr), errors.Join(err, readErr))
	}
	th.Raw, th.Err = b[:n], nil
	s.thread, s.set = th, true
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
		s.thread, s.set = s.here, false
		s.printf("Implicit thread is now %s\n", s.addr(s.here.Address))
		return nil
	}
	addr, err := s.number(ctx, arg)
	if err != nil {
		return err
	}
	for _, th := range s.listThreads(ctx) {
		if th.Address == s.narrow(addr) {
			s.thread, s.set = th, true
			s.printf("Implicit thread is now %s\n", s.addr(th.Address))
			return nil
		}
	}
	return refuse("there is no thread at %s in this process", s.addr(addr))
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
