package kd

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/symres/symres/eval"
	"github.com/symres/symres/internal/cli/values"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/nt"
	"github.com/symres/symres/target"
	"github.com/symres/symres/unwind"
)

func (s *Session) evaluate(ctx context.Context, c Command) error {
	w := values.Writer{Env: s.env(ctx), Structure: s.structure}
	lines, v, err := w.Lines(ctx, c.Name, c.Args)
	for _, line := range lines {
		s.printf("%s\n", line)
	}
	if err != nil && !errors.Is(err, eval.ErrExtra) {
		return err
	}
	if u, intErr := v.Int(w.Env); intErr == nil {
		s.last = u
	}
	return err
}

// structure are the lines of a structure that ?? shows.
func (s *Session) structure(ctx context.Context, v eval.Value) []string {
	t, addr, ok := v.Struct()
	if !ok || addr == 0 {
		return nil
	}
	return s.rowsOf(ctx, typeOptions{addr: s.narrow(addr), placed: true}, t)
}

func (s *Session) setRadix(_ context.Context, c Command) error {
	switch c.Args {
	case "":
	case "8", "10", "16":
		_, _ = fmt.Sscanf(c.Args, "%d", &s.radix) // one of these
	default:
		return refuse("%*s^ Syntax error in '%s'", len("kd> ")+1, "", c)
	}
	s.printf("base is %d\n", s.radix)
	return nil
}

func (s *Session) machine(context.Context, Command) error {
	words := map[unwind.Machine]string{unwind.X86: "x86 compatible (x86)", unwind.X64: "x64 (AMD64)", unwind.ARM: "ARM (thumb-2)", unwind.ARM64: "ARM 64-bit (AArch64)"}
	w := words[unwind.Machine(s.arch())]
	if w == "" {
		w = fmt.Sprintf("%#x", s.arch())
	}
	s.printf("Effective machine: %s\n", w)
	return nil
}

func machineWord(m uint16) string {
	w := map[uint16]string{0x14c: "I386", 0x8664: "X64", 0x1c4: "ARM", 0xaa64: "ARM64", machineIA64: "IA64"}[m]
	if w == "" {
		return fmt.Sprintf("%#x", m)
	}
	return w
}

func (s *Session) version(ctx context.Context, c Command) error {
	if err := s.vertarget(ctx, c); err != nil {
		return err
	}
	s.printf("%s: %s\n", s.kind(), s.cfg.Name)
	return nil
}

// kind is what the debugger calls a target.
func (s *Session) kind() string {
	if k := s.target.Kind(); k != target.KindCrashDump {
		return k.String()
	}
	return fmt.Sprintf("%d-bit Full kernel dump", s.bits())
}

// product is what the system was sold as, by KUSER_SHARED_DATA, whose beginning is the same
// in all versions (ntddk.h); "" where it is out.
func (s *Session) product(ctx context.Context) string {
	if s.kernel() == nil {
		return ""
	}
	shared := map[int]uint64{32: 0xffdf0000, 64: 0xfffff78000000000}[s.bits()]
	if s.arch() == machineIA64 {
		shared = 0xe0000000fffe0000
	}
	var b [0x2d4]byte
	if _, err := s.read(ctx, b[:], shared); err != nil {
		return ""
	}
	products := []string{"", "WinNt", "LanManNt", "Server"}
	kind, suite := binary.LittleEndian.Uint32(b[0x264:]), binary.LittleEndian.Uint32(b[0x2d0:])
	if kind == 0 || int(kind) >= len(products) {
		return ""
	}
	text := "Product: " + products[kind] + ", suite:"
	for i, name := range strings.Fields("SmallBusiness Enterprise BackOffice CommunicationServer TerminalServer SmallBusinessRestricted EmbeddedNT DataCenter SingleUserTS Personal Blade") {
		if suite>>i&1 == 1 {
			text += " " + name
		}
	}
	return text
}

// windowsNames are those of versions with a kernel of their own.
func windowsName(major, minor, build uint32) string {
	switch {
	case build >= 10240 || major >= 10:
		return "Windows 10"
	case build >= 9200:
		return "Windows 8"
	case build >= 7600:
		return "Windows 7"
	case build >= 6000:
		return "Windows Vista"
	case build >= 3790:
		return "Windows Server 2003"
	case build >= 2600:
		return "Windows XP"
	case build >= 2195:
		return "Windows 2000"
	}
	return fmt.Sprintf("Windows %d.%d", major, minor)
}

func (s *Session) vertarget(ctx context.Context, _ Command) error {
	info := s.target.Info()
	kernel := map[bool]string{true: " Kernel", false: ""}[s.kernel() != nil]
	processors := map[bool]string{true: fmt.Sprintf("MP (%d procs)", info.Processors), false: "UP"}[info.Processors > 1]
	pack := ""
	if info.ServicePack != "" {
		pack = " (" + info.ServicePack + ")"
	} else if n := s.servicePack(ctx); n > 0 {
		pack = fmt.Sprintf(" (Service Pack %d)", n)
	}
	machine := map[uint16]string{0x14c: "x86 compatible", 0x8664: "x64", 0x1c4: "ARM", 0xaa64: "ARM 64-bit", machineIA64: "Intel IA64"}[s.arch()]
	if info.Build == 0 && s.kernel() == nil {
		s.printf("%s %s\n", s.kind(), machine) // which says nothing of the system
		return nil
	}
	if info.System == "Windows" || info.System == "" || s.kernel() != nil {
		s.printf("%s%s Version %d%s %s Free %s\n", windowsName(info.Major, info.Minor, info.Build), kernel, info.Build, pack, processors, machine)
	} else {
		s.printf("%s %d.%d.%d %s %s\n", info.System, info.Major, info.Minor, info.Build, processors, machine)
	}
	if product := s.product(ctx); product != "" {
		s.printf("%s\n", product)
	}
	if lab := s.kernelText(ctx, "nt!NtBuildLab"); lab != "" {
		s.printf("Built by: %s\n", lab)
	}
	s.printf("Machine Name:\n") // a dump has none
	if k := s.kernel(); k != nil {
		base, err := k.Base()
		list, listErr := s.env(ctx).Address(ctx, "nt!PsLoadedModuleList")
		if err == nil && listErr == nil {
			s.printf("Kernel base = 0x%s PsLoadedModuleList = 0x%s\n", s.addr(base), s.addr(list))
		} else if err == nil {
			s.printf("Kernel base = 0x%s\n", s.addr(base))
		}
	}
	if !info.Time.IsZero() {
		s.printf("Debug session time: %s\n", debuggerTime(info.Time))
	}
	s.uptime()
	return nil
}

// servicePack is the number in nt!CmNtCSDVersion.
func (s *Session) servicePack(ctx context.Context) uint64 {
	if s.kernel() == nil {
		return 0
	}
	v, err := eval.MASM(ctx, s.env(ctx), "dwo(nt!CmNtCSDVersion)")
	if err != nil {
		return 0
	}
	return v.Uint >> 8 & 0xff
}

// kernelText is the text at a symbol of the kernel.
func (s *Session) kernelText(ctx context.Context, name string) string {
	if s.kernel() == nil {
		return ""
	}
	addr, err := s.env(ctx).Address(ctx, name)
	if err != nil {
		return ""
	}
	b := make([]byte, 64)
	n, _ := s.read(ctx, b, addr) // what is out is no text
	text, _ := decode(b[:n], 1)
	return text
}

func (s *Session) uptime() {
	up := s.target.Info().SystemUptime
	if up == 0 {
		s.printf("System Uptime: not available\n")
		return
	}
	day := 24 * time.Hour
	s.printf("System Uptime: %d days %s\n", up/day, clock(up%day))
}

// clock spells a duration: 1:00:00.000.
func clock(d time.Duration) string {
	return fmt.Sprintf("%d:%02d:%02d.%03d", int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60, d.Milliseconds()%1000)
}

func (s *Session) systems(_ context.Context, c Command) error {
	if c.Name == "|" && s.kernel() != nil {
		return nil // a kernel is no process
	}
	s.printf(".  0 %s: %s\n", s.kind(), s.cfg.Name)
	return nil
}

// pebText is what the debugger says of a PEB whose list cannot be read.
func pebText(e *nt.PEBError, s *Session) string {
	if errors.Is(e.Err, memsource.ErrPagedOut) {
		return fmt.Sprintf("PEB is paged out (Peb.Ldr = %s).  Type \".symres modules\" for what the VADs say", s.addr(e.Ldr))
	}
	return e.Error()
}
