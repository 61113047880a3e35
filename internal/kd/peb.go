package kd

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// pebAddress is the PEB of the process, or of the thread's TEB.
func (s *Session) pebAddress(ctx context.Context) uint64 {
	if s.process.PEB != 0 {
		return s.process.PEB
	}
	env := s.env(ctx)
	if p, known, err := env.Pseudo(ctx, "$peb"); known && err == nil {
		return s.narrow(p.Value)
	}
	return 0
}

func (s *Session) yes(v uint64) string { return map[bool]string{true: "Yes", false: "No"}[v != 0] }

func (s *Session) showPEB(ctx context.Context, c Command) error {
	at := s.pebAddress(ctx)
	if c.Args != "" {
		v, err := s.number(ctx, c.Args)
		if err != nil {
			return err
		}
		at = s.narrow(v)
	}
	if at == 0 {
		s.printf("PEB NULL...\n")
		return nil
	}
	s.printf("PEB at %s\n", s.plain(at))
	s.loadQuietly(ctx, "ntdll")
	if _, err := s.target.Session().Type(ctx, "nt!_PEB"); err != nil {
		return refuse("error 3 InitTypeRead( nt!_PEB at %s)...", s.plain(at))
	}
	if _, ok := s.field(ctx, "_PEB", at, "Ldr"); !ok {
		return refuse("error 1 InitTypeRead( nt!_PEB at %s)...", s.plain(at))
	}
	p := func(paths ...string) uint64 { return s.one(ctx, "_PEB", at, paths...) }
	row := func(name, value string) { s.printf("    %-25s %s\n", name, value) }
	row("InheritedAddressSpace:", s.yes(p("InheritedAddressSpace")))
	row("ReadImageFileExecOptions:", s.yes(p("ReadImageFileExecOptions")))
	row("BeingDebugged:", s.yes(p("BeingDebugged")))
	row("ImageBaseAddress:", s.plain(p("ImageBaseAddress")))
	row("Ldr", s.plain(p("Ldr")))
	s.loaderData(ctx, p("Ldr"))
	row("SubSystemData:", s.plain(p("SubSystemData")))
	row("ProcessHeap:", s.plain(p("ProcessHeap")))
	row("ProcessParameters:", s.plain(p("ProcessParameters")))
	s.parameters(ctx, p("ProcessParameters"))
	return nil
}

func (s *Session) loaderData(ctx context.Context, ldr uint64) {
	l := func(path string) uint64 { return s.one(ctx, "_PEB_LDR_DATA", ldr, path) }
	s.printf("    Ldr.Initialized:          %s\n", s.yes(l("Initialized")))
	for _, list := range []string{"InInitializationOrder", "InLoadOrder", "InMemoryOrder"} {
		name := list + "ModuleList"
		s.printf("    %-36s %s . %s\n", "Ldr."+name+":", s.plain(l(name+".Flink")), s.plain(l(name+".Blink")))
	}
	s.printf("%*sBase TimeStamp                     Module\n", s.bits()/4+map[int]int{32: 4, 64: 4}[s.bits()], "")
	head := ldr
	if f, ok := s.fieldOf(ctx, "_PEB_LDR_DATA", "InMemoryOrderModuleList"); ok {
		head += f.Offset
	}
	link, ok := s.fieldOf(ctx, "_LDR_DATA_TABLE_ENTRY", "InMemoryOrderLinks")
	for at, n := l("InMemoryOrderModuleList.Flink"), 0; ok && at != 0 && at != head && n < 1024; n++ {
		if ctx.Err() != nil {
			return
		}
		entry := at - link.Offset
		e := func(path string) uint64 { return s.one(ctx, "_LDR_DATA_TABLE_ENTRY", entry, path) }
		stamp := uint32(e("TimeDateStamp"))
		s.printf("        %*x %08x %s %s\n", s.bits()/4, e("DllBase"), stamp, time.Unix(int64(stamp), 0).UTC().Format("Jan 02 15:04:05 2006"), s.counted(ctx, "_LDR_DATA_TABLE_ENTRY", entry, "FullDllName"))
		at = e("InMemoryOrderLinks.Flink")
	}
}

// counted is the text of a UNICODE_STRING in a structure.
func (s *Session) counted(ctx context.Context, typ string, addr uint64, field string) string {
	f, ok := s.fieldOf(ctx, typ, field)
	if !ok {
		return ""
	}
	return strings.Trim(viewer{s, ctx}.counted(f.Type, addr+f.Offset), `"`)
}

func (s *Session) parameters(ctx context.Context, at uint64) {
	const typ = "_RTL_USER_PROCESS_PARAMETERS"
	text := func(path string) string {
		if i := strings.LastIndexByte(path, '.'); i >= 0 {
			f, ok := s.fieldOf(ctx, typ, path)
			if !ok {
				return ""
			}
			return strings.Trim(viewer{s, ctx}.counted(f.Type, at+f.Offset), `"`)
		}
		return s.counted(ctx, typ, at, path)
	}
	if at == 0 {
		return
	}
	row := func(name, path string) { s.printf("    %-13s '%s'\n", name, text(path)) }
	row("CurrentDirectory:", "CurrentDirectory.DosPath")
	row("WindowTitle:", "WindowTitle")
	row("ImageFile:", "ImagePathName")
	row("CommandLine:", "CommandLine")
	row("DllPath:", "DllPath")
	env := s.one(ctx, typ, at, "Environment")
	s.printf("    Environment:  %s\n", s.plain(env))
	for n := 0; env != 0 && n < 256; n++ {
		b := make([]byte, 1024)
		got, _ := s.read(ctx, b, env) // what is out ends it
		line, ended := decode(b[:got], 2)
		if line == "" || !ended {
			return
		}
		s.printf("        %s\n", line)
		env += uint64(2 * (len([]rune(line)) + 1))
	}
}

func (s *Session) showTEB(ctx context.Context, c Command) error {
	at := s.thread.TEB
	if c.Args != "" {
		v, err := s.number(ctx, c.Args)
		if err != nil {
			return err
		}
		at = s.narrow(v)
	}
	if s.process.Address != 0 && c.Args == "" && s.thread.Process != s.process.Address {
		at = s.processTEB(at)
	}
	s.printf("TEB at %s\n", s.plain(at))
	if _, ok := s.field(ctx, "_TEB", at, "NtTib.Self"); !ok {
		return refuse("error InitTypeRead( TEB )...")
	}
	t := func(paths ...string) uint64 { return s.one(ctx, "_TEB", at, paths...) }
	row := func(name, value string) { s.printf("    %-21s %s\n", name, value) }
	for _, r := range [][2]string{{"ExceptionList:", "NtTib.ExceptionList"}, {"StackBase:", "NtTib.StackBase"}, {"StackLimit:", "NtTib.StackLimit"}, {"SubSystemTib:", "NtTib.SubSystemTib"},
		{"FiberData:", "NtTib.FiberData"}, {"ArbitraryUserPointer:", "NtTib.ArbitraryUserPointer"}, {"Self:", "NtTib.Self"}, {"EnvironmentPointer:", "EnvironmentPointer"}} {
		row(r[0], s.plain(t(r[1])))
	}
	row("ClientId:", s.plain(t("ClientId.UniqueProcess"))+" . "+s.plain(t("ClientId.UniqueThread")))
	if _, ok := s.fieldOf(ctx, "_TEB", "RealClientId"); ok && (t("RealClientId.UniqueProcess") != t("ClientId.UniqueProcess") || t("RealClientId.UniqueThread") != t("ClientId.UniqueThread")) {
		row("Real ClientId:", s.plain(t("RealClientId.UniqueProcess"))+" . "+s.plain(t("RealClientId.UniqueThread")))
	}
	row("RpcHandle:", s.plain(t("ActiveRpcHandle")))
	row("Tls Storage:", s.plain(t("ThreadLocalStoragePointer")))
	row("PEB Address:", s.plain(t("ProcessEnvironmentBlock")))
	row("LastErrorValue:", fmt.Sprint(t("LastErrorValue")))
	row("LastStatusValue:", fmt.Sprintf("%x", t("LastStatusValue")))
	row("Count Owned Locks:", fmt.Sprint(t("CountOfOwnedCriticalSections")))
	row("HardErrorMode:", fmt.Sprint(t("HardErrorMode", "HardErrorsAreDisabled")))
	if s.arch() == machineIA64 {
		row("DeallocationBStore:", s.plain(t("DeallocationBStore")))
		row("BStoreLimit:", s.plain(t("BStoreLimit")))
	}
	return nil
}

// processTEB is the TEB of the first thread of the process that has one.
func (s *Session) processTEB(other uint64) uint64 {
	for th, err := range s.kernel().Threads(s.process) {
		if err == nil && th.TEB != 0 {
			return th.TEB
		}
	}
	return other
}
