package kd

import (
	"context"
	"fmt"
	"strings"

	"github.com/symres/symres/nt"
	"github.com/symres/symres/target"
)

// processThreads shows the threads of a process: with flag 4 their stacks.
func (s *Session) processThreads(ctx context.Context, p nt.Process, flags uint64) error {
	for th, err := range s.kernel().Threads(p) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			s.printf("        %v\n", err)
			continue
		}
		if err := s.threadBlock(ctx, th, strings.Repeat(" ", 8), flags&4 != 0, flags&4 != 0); err != nil {
			return err
		}
		s.printf("\n")
	}
	return nil
}

func (s *Session) showThread(ctx context.Context, c Command) error {
	if s.kernel() == nil {
		return errNoKernel
	}
	addr := s.here.Address
	if first, _ := word(c.Args); first != "" && first != "-1" {
		v, err := s.number(ctx, first)
		if err != nil {
			return err
		}
		addr = s.narrow(v)
	}
	th, err := s.kernel().ThreadAt(addr)
	if err != nil {
		return refuse("%s is no thread: %v", s.plain(addr), err)
	}
	return s.threadBlock(ctx, th, "", true, true)
}

func stateName(state uint64) string {
	names := []string{"INITIALIZED", "READY", "RUNNING", "STANDBY", "TERMINATED", "WAIT", "TRANSITION", "DEFERRED_READY", "GATEWAIT"}
	if state < uint64(len(names)) {
		return names[state]
	}
	return fmt.Sprintf("????(%d)", state)
}

// threadState is the end of the first line: RUNNING on processor 0, WAIT: (UserRequest) UserMode Non-Alertable.
func (s *Session) threadState(ctx context.Context, th nt.Thread) string {
	k := func(paths ...string) uint64 { return s.one(ctx, "_KTHREAD", th.Address, paths...) }
	state := k("State")
	switch state {
	case 2:
		for p, err := range s.kernel().Processors() {
			if err == nil && p.Thread == th.Address {
				return fmt.Sprintf("RUNNING on processor %x", p.Number)
			}
		}
	case 5:
		mode := map[bool]string{true: "KernelMode", false: "UserMode"}[k("WaitMode") == 0]
		alert := map[bool]string{true: "Alertable", false: "Non-Alertable"}[k("Alertable") != 0]
		reason := fmt.Sprint(k("WaitReason"))
		if t, err := s.target.Session().Type(ctx, "nt!_KWAIT_REASON"); err == nil {
			reason, _, _ = strings.Cut(enumText(t.Type, k("WaitReason")), " ")
		}
		return fmt.Sprintf("WAIT: (%s) %s %s", reason, mode, alert)
	}
	return stateName(state)
}

// threadBlock shows a thread.
func (s *Session) threadBlock(ctx context.Context, th nt.Thread, indent string, details, stack bool) error {
	k := func(paths ...string) uint64 { return s.one(ctx, "_KTHREAD", th.Address, paths...) }
	e := func(paths ...string) uint64 { return s.one(ctx, "_ETHREAD", th.Address, paths...) }
	s.printf("%sTHREAD %s  Cid %04x.%04x  Teb: %s Win32Thread: %s %s\n", indent, s.plain(th.Address), e("Cid.UniqueProcess"), th.ID, s.plain(th.TEB),
		s.plain(k("Win32Thread")), s.threadState(ctx, th))
	s.waitObjects(ctx, th, indent)
	if !details {
		return nil
	}
	s.printf("%sNot impersonating\n", indent)
	owner := th.Process
	name := "<Unknown>"
	if p, err := s.kernel().ProcessAt(owner); err == nil {
		name = p.Name
	}
	s.printf("%sOwning Process            %-16s       Image:         %s\n", indent, s.plain(owner), name)
	if th.Memory == owner || th.Memory == 0 {
		s.printf("%sAttached Process          N/A            Image:         N/A\n", indent)
	} else if p, err := s.kernel().ProcessAt(th.Memory); err == nil {
		s.printf("%sAttached Process          %s       Image:         %s\n", indent, s.plain(p.Address), p.Name)
	}
	s.threadTimes(ctx, indent, k)
	s.threadStart(ctx, indent, e)
	between := map[int]string{32: " ", 64: "\n" + indent}[s.bits()]
	s.printf("%sStack Init %s Current %s%sBase %s Limit %s Call %x\n", indent, s.plain(k("InitialStack")), s.plain(k("KernelStack")), between,
		s.plain(th.StackBase), s.plain(th.StackLimit), k("CallbackStack"))
	s.threadPriority(indent, k, e)
	if !stack {
		return nil
	}
	return s.showStack(ctx, s.unwindable(ctx, th), stackOptions{letters: "v", depth: 64}, indent)
}

// threadPriority is the line about priorities, which are other ones since Windows Vista.
func (s *Session) threadPriority(indent string, k, e func(...string) uint64) {
	if s.target.Info().Build < 6000 {
		s.printf("%sPriority %d BasePriority %d PriorityDecrement %d DecrementCount %d\n", indent, k("Priority"), k("BasePriority"), k("PriorityDecrement"), k("DecrementCount"))
		return
	}
	s.printf("%sPriority %d BasePriority %d UnusualBoost %d ForegroundBoost %d IoPriority %d PagePriority %d\n", indent, k("Priority"), k("BasePriority"),
		k("UnusualBoost", "PriorityDecrement")&0xf, k("ForegroundBoost", "PriorityDecrement")>>4&0xf, e("IoPriority", "ThreadIoPriority"), e("PagePriority", "ThreadPagePriority"))
}

// waitObjects are the objects that a thread waits for.
func (s *Session) waitObjects(ctx context.Context, th nt.Thread, indent string) {
	if th.State != 5 {
		return
	}
	block := s.one(ctx, "_KTHREAD", th.Address, "WaitBlockList")
	first := block
	for range 64 { // as many as a thread can wait for
		if block == 0 {
			return
		}
		object := s.one(ctx, "_KWAIT_BLOCK", block, "Object")
		s.printf("%s    %s  %s\n", indent, s.plain(object), objectName(s.one(ctx, "_DISPATCHER_HEADER", object, "Type")))
		if block = s.one(ctx, "_KWAIT_BLOCK", block, "NextWaitBlock"); block == first {
			return
		}
	}
}

// objectName names what can be waited for, by the type in its header (ntddk.h).
func objectName(kind uint64) string {
	names := map[uint64]string{0: "NotificationEvent", 1: "SynchronizationEvent", 2: "Mutant", 3: "ProcessObject", 4: "QueueObject", 5: "Semaphore Limit",
		6: "Thread", 8: "NotificationTimer", 9: "SynchronizationTimer", 7: "Gate"}
	if n := names[kind&0x7f]; n != "" {
		return n
	}
	return fmt.Sprintf("Unknown(%x)", kind)
}

func (s *Session) threadTimes(ctx context.Context, indent string, k func(...string) uint64) {
	tick, wait, now := s.tickLength(ctx), k("WaitTime"), s.tickCount(ctx)
	ago := (now - wait) & 0xffffffff
	s.printf("%sWait Start TickCount      %-14d Ticks: %d (%s)\n", indent, wait, ago, days(ago*tick))
	s.printf("%sContext Switch Count      %-14d%s\n", indent, k("ContextSwitches"), s.switchFlags(k))
	s.printf("%sUserTime                  %s\n%sKernelTime                %s\n", indent, elapsed(k("UserTime")*tick), indent, elapsed(k("KernelTime")*tick))
}

func (s *Session) switchFlags(k func(...string) uint64) string {
	text := ""
	if k("EnableStackSwap") == 0 {
		text += "  NoStackSwap"
	}
	if k("LargeStack") != 0 {
		text += "    LargeStack"
	}
	return text
}

// days spells units of 100 ns with the days in front: 0:00:00:01.562.
func days(units uint64) string {
	const day = 24 * 3600 * 10_000_000
	return fmt.Sprintf("%d:%s", units/day, elapsed(units%day))
}

func (s *Session) threadStart(ctx context.Context, indent string, e func(...string) uint64) {
	start := e("Win32StartAddress")
	if start == 0 {
		start = e("StartAddress")
	}
	s.printf("%sWin32 Start Address %s\n", indent, s.startText(ctx, start))
	if s.target.Info().Build < 6000 {
		s.printf("%sStart Address %s\n", indent, s.startText(ctx, e("StartAddress")))
	}
}

func (s *Session) startText(ctx context.Context, at uint64) string {
	name := s.symbolAt(ctx, at)
	if name == "" || !strings.Contains(name, "!") {
		return "0x" + s.plain(at)
	}
	return name + " (0x" + s.plain(at) + ")"
}

// unwindable is the thread as the target lists it, with registers.
func (s *Session) unwindable(ctx context.Context, th nt.Thread) target.Thread {
	if th.Address == s.here.Address {
		return s.here
	}
	for found, err := range s.target.Threads(ctx) {
		if err == nil && found.Address == th.Address {
			return found
		}
	}
	found, err := s.target.ThreadAt(th.Address)
	if err != nil {
		found.Err = err
	}
	return found
}
