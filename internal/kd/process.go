package kd

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/symres/symres/nt"
	"github.com/symres/symres/pdb"
)

func processCommands() []entry {
	return []entry{
		{".process", "show or set the process: /p /r ADDRESS", (*Session).setProcess},
		{"!process", "show processes: ADDRESS|0|-1 FLAGS NAME", (*Session).showProcesses},
		{"!thread", "show a thread: ADDRESS FLAGS", (*Session).showThread},
		{"!vad", "show the VADs of a process: ROOT, or ADDRESS 1", (*Session).vads},
		{"!peb", "show the PEB", (*Session).showPEB},
		{"!teb", "show the TEB", (*Session).showTEB},
		{"!pte", "show the page table entries of an address", (*Session).pageTables},
		{"!vtop", "translate an address: DIRBASE ADDRESS", (*Session).translate},
	}
}

var errNoKernel = errors.New("the target has no kernel: processes are those of a kernel target")

// field reads a field of a structure of the kernel.
func (s *Session) field(ctx context.Context, typ string, addr uint64, path string) (uint64, bool) {
	f, ok := s.fieldOf(ctx, typ, path)
	if !ok {
		return 0, false
	}
	size, err := f.Type.Size()
	var b [8]byte
	if err != nil || size == 0 || size > 8 {
		return 0, false
	}
	if _, err := s.read(ctx, b[:size], addr+f.Offset); err != nil {
		return 0, false
	}
	v := binary.LittleEndian.Uint64(b[:])
	if f.Bits != 0 {
		v = v >> f.Bit & (1<<f.Bits - 1)
	}
	return v, true
}

func (s *Session) fieldOf(ctx context.Context, typ, path string) (pdb.Field, bool) {
	t, err := s.target.Session().Type(ctx, "nt!"+typ)
	if err != nil {
		return pdb.Field{}, false
	}
	f, err := t.Field(path)
	return f, err == nil
}

// one is a field that is 0 where it is not known.
func (s *Session) one(ctx context.Context, typ string, addr uint64, paths ...string) uint64 {
	for _, p := range paths {
		if v, ok := s.field(ctx, typ, addr, p); ok {
			return v
		}
	}
	return 0
}

func (s *Session) setProcess(ctx context.Context, c Command) error {
	if s.kernel() == nil {
		return errNoKernel
	}
	var arg string
	reload := false
	for _, w := range words(c.Args) {
		switch {
		case w == "/r" || w == "/R":
			reload = true
		case !strings.HasPrefix(w, "/"):
			arg = w
		}
	}
	if arg == "" {
		s.printf("Implicit process is now %s\n", s.addr(s.process.Address))
		return nil
	}
	addr, err := s.number(ctx, arg)
	if err != nil {
		return err
	}
	if addr == 0 {
		s.process = nt.Process{}
		return s.reopen(ctx)
	}
	p, err := s.kernel().ProcessAt(s.narrow(addr))
	if err != nil {
		return refuse("%s is no process: %v", s.addr(addr), err)
	}
	s.process, s.nextCode = p, 0
	if reload {
		s.forgetUser()
	}
	before := s.target.Session().Modules()
	if err := s.reopen(ctx); err != nil {
		return err
	}
	s.loadAgain(ctx, before)
	if !reload && s.peb == nil { // the debugger keeps the list of modules it has
		s.dropUser(s.target)
	}
	s.printf("Implicit process is now %s\n", s.addr(p.Address))
	if reload {
		s.printf("Loading User Symbols\n")
		s.userModules(s.target.Session().Modules())
	}
	return nil
}

// processFlags of !process.
const (
	processBrief   = 0
	processDetails = 1
	processThreads = 2 | 4
)

func (s *Session) showProcesses(ctx context.Context, c Command) error {
	if s.kernel() == nil {
		return errNoKernel
	}
	which, flags, name, err := s.processArguments(ctx, c.Args)
	if err != nil {
		return err
	}
	if which != 0 && which != 4 && which>>16 != 0 {
		p, err := s.kernel().ProcessAt(which)
		if err != nil {
			return refuse("Process %s is not there: %v", s.plain(which), err)
		}
		return s.processBlock(ctx, p, flags)
	}
	if which != 0 {
		s.printf("Searching for Process with Cid == %x\n", which)
	}
	if name == "" && which == 0 && s.arch() != machineIA64 {
		s.printf("**** NT ACTIVE PROCESS DUMP ****\n")
	}
	for p, err := range s.target.Processes(ctx) {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			s.printf("%v\n", err)
			continue
		case which != 0 && p.PID != which, name != "" && !strings.EqualFold(p.Name, name):
			continue
		}
		if err := s.processBlock(ctx, p, flags); err != nil {
			return err
		}
	}
	return nil
}

// processArguments reads `[PROCESS [FLAGS]] [NAME]`. The current process is -1, and the default.
func (s *Session) processArguments(ctx context.Context, args string) (which, flags uint64, name string, err error) {
	list := words(args)
	which, flags = s.process.Address, 3
	if len(list) > 0 {
		if which, err = s.number(ctx, list[0]); err != nil {
			return 0, 0, "", err
		}
		if which == 1<<64-1 {
			which = s.process.Address
		} else if which != 0 {
			flags = 0xf
		}
	}
	if len(list) > 1 {
		if flags, err = s.number(ctx, list[1]); err != nil {
			return 0, 0, "", err
		}
	}
	if len(list) > 2 {
		name = list[2]
	}
	return s.narrow(which), flags, name, nil
}

func (s *Session) processBlock(ctx context.Context, p nt.Process, flags uint64) error {
	session := "none"
	if p.HasSession {
		session = fmt.Sprint(p.Session)
	}
	peb := fmt.Sprintf("%08x", p.PEB)
	table := s.one(ctx, "_EPROCESS", p.Address, "ObjectTable")
	indent := strings.Repeat(" ", 4)
	if s.bits() == 32 {
		s.printf("PROCESS %s  SessionId: %s  Cid: %04x    Peb: %s  ParentCid: %04x\n", s.plain(p.Address), session, p.PID, peb, p.Parent)
	} else {
		s.printf("PROCESS %s\n%sSessionId: %s  Cid: %04x    Peb: %s  ParentCid: %04x\n", s.plain(p.Address), indent, session, p.PID, peb, p.Parent)
	}
	handles := uint64(0)
	if table != 0 {
		handles = s.one(ctx, "_HANDLE_TABLE", table, "HandleCount")
	}
	s.printf("%sDirBase: %08x  ObjectTable: %s  HandleCount: %3d.\n%sImage: %s\n", indent, p.Root, s.plain(table), handles, indent, p.Name)
	if flags&processDetails != 0 {
		s.processDetails(ctx, p, indent)
	}
	s.printf("\n")
	if flags&processThreads == 0 {
		return nil
	}
	return s.processThreads(ctx, p, flags)
}

// processDetails are the lines of flag 1.
func (s *Session) processDetails(ctx context.Context, p nt.Process, indent string) {
	e := func(paths ...string) uint64 { return s.one(ctx, "_EPROCESS", p.Address, paths...) }
	vads := e("NumberOfVads", "VadRoot.NumberGenericTableElements", "VadCount")
	s.printf("%sVadRoot %s Vads %d Clone %x Private %d. Modified %d. Locked %d.\n", indent, s.plain(p.VADRoot), vads, e("CloneRoot"),
		e("NumberOfPrivatePages"), e("ModifiedPageCount"), e("NumberOfLockedPages"))
	s.printf("%sDeviceMap %s\n", indent, s.plain(e("DeviceMap")))
	row := func(name, value string) { s.printf("%s%-33s %s\n", indent, name, value) }
	row("Token", s.plain(e("Token.Object", "Token")&^map[int]uint64{32: 7, 64: 15}[s.bits()]))
	row("ElapsedTime", s.since(ctx, e("CreateTime.QuadPart")))
	tick := s.tickLength(ctx)
	k := func(path string) uint64 { return s.one(ctx, "_KPROCESS", p.Address, path) }
	row("UserTime", elapsed(k("UserTime")*tick))
	row("KernelTime", elapsed(k("KernelTime")*tick))
	row("QuotaPoolUsage[PagedPool]", fmt.Sprint(e("QuotaUsage[1]")))
	row("QuotaPoolUsage[NonPagedPool]", fmt.Sprint(e("QuotaUsage[0]")))
	size, low, high := e("Vm.WorkingSetSize"), e("Vm.MinimumWorkingSetSize"), e("Vm.MaximumWorkingSetSize")
	kb := uint64(s.pageSize()) >> 10
	s.printf("%sWorking Set Sizes (now,min,max)  (%d, %d, %d) (%dKB, %dKB, %dKB)\n", indent, size, low, high, size*kb, low*kb, high*kb)
	row("PeakWorkingSetSize", fmt.Sprint(e("Vm.PeakWorkingSetSize")))
	row("VirtualSize", fmt.Sprintf("%d Mb", e("VirtualSize")>>20))
	row("PeakVirtualSize", fmt.Sprintf("%d Mb", e("PeakVirtualSize")>>20))
	row("PageFaultCount", fmt.Sprint(e("Vm.PageFaultCount")))
	priority := e("Vm.Flags.MemoryPriority", "Vm.MemoryPriority")
	row("MemoryPriority", map[bool]string{true: "BACKGROUND", false: "FOREGROUND"}[priority == 0])
	row("BasePriority", fmt.Sprint(k("BasePriority")))
	row("CommitCharge", fmt.Sprint(e("CommitCharge")))
}

// elapsed spells units of 100 ns: 00:59:00.000.
func elapsed(units uint64) string {
	d := time.Duration(min(units, 1<<56)) * 100
	return fmt.Sprintf("%02d:%02d:%02d.%03d", int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60, d.Milliseconds()%1000)
}

// since is the time from start to the last that the target knows, if it is known.
func (s *Session) since(ctx context.Context, start uint64) string {
	if now := s.systemTime(ctx); start != 0 && now >= start {
		return elapsed(now - start)
	}
	return "not known"
}

// sharedData is KUSER_SHARED_DATA in kernel memory.
func (s *Session) sharedData() uint64 {
	switch {
	case s.arch() == machineIA64:
		return 0xe0000000fffe0000
	case s.bits() == 32:
		return 0xffdf0000
	}
	return 0xfffff78000000000
}

// systemTime is KUSER_SHARED_DATA.SystemTime, in units of 100 ns since 1601 (ntddk.h);
// 0 where it is out.
func (s *Session) systemTime(ctx context.Context) uint64 {
	var b [8]byte
	if _, err := s.read(ctx, b[:], s.sharedData()+0x14); err != nil {
		return 0
	}
	return binary.LittleEndian.Uint64(b[:])
}

// tickLength is how long a tick of the clock is, in units of 100 ns.
func (s *Session) tickLength(ctx context.Context) uint64 {
	addr, err := s.env(ctx).Address(ctx, "nt!KeMaximumIncrement")
	var b [4]byte
	if err != nil {
		return 0
	}
	_, _ = s.read(ctx, b[:], addr)
	return uint64(binary.LittleEndian.Uint32(b[:]))
}

// tickCount is the number of ticks since the start.
func (s *Session) tickCount(ctx context.Context) uint64 {
	addr, err := s.env(ctx).Address(ctx, "nt!KeTickCount")
	var b [8]byte
	if err != nil {
		return 0
	}
	_, _ = s.read(ctx, b[:s.bits()/8], addr)
	return binary.LittleEndian.Uint64(b[:])
}
