package minidump

import "fmt"

// Platform is the PlatformId of the system information: VER_PLATFORM_* (winnt.h),
// and what Breakpad and Crashpad write for other systems (minidump_format.h).
type Platform uint32

// The platforms. Zero counts as Windows, because dumps without system
// information are written by Windows programs.
const (
	PlatformWin32s  Platform = 0
	PlatformWindows Platform = 1 // 95, 98 and Me
	PlatformNT      Platform = 2
	PlatformCE      Platform = 3
	PlatformUnix    Platform = 0x8000
	PlatformMacOS   Platform = 0x8101
	PlatformIOS     Platform = 0x8102
	PlatformLinux   Platform = 0x8201
	PlatformSolaris Platform = 0x8202
	PlatformAndroid Platform = 0x8203
	PlatformPS3     Platform = 0x8204
	PlatformNaCl    Platform = 0x8205
	PlatformFuchsia Platform = 0x8206
)

// String names the system.
func (p Platform) String() string {
	names := map[Platform]string{
		PlatformUnix: "Unix", PlatformMacOS: "macOS", PlatformIOS: "iOS", PlatformLinux: "Linux", PlatformSolaris: "Solaris",
		PlatformAndroid: "Android", PlatformPS3: "PS3", PlatformNaCl: "NaCl", PlatformFuchsia: "Fuchsia",
	}
	switch name := names[p]; {
	case p.Windows():
		return "Windows"
	case name != "":
		return name
	}
	return fmt.Sprintf("platform %#x", uint32(p))
}

// Windows reports whether the process was one of Windows, so that its modules are
// PE images which have PDBs.
func (p Platform) Windows() bool { return p < PlatformUnix }

// ExceptionName names what [Exception] has for a code where the platform is not
// Windows: a signal, or a Mach exception (minidump_exception_linux.h and _mac.h of
// Breakpad). It is "" for others, and for Windows, whose codes are NTSTATUS.
func (p Platform) ExceptionName(code uint32) string {
	switch {
	case p.Windows():
		return ""
	case code == dumpRequested:
		return "DUMP_REQUESTED"
	case p == PlatformMacOS || p == PlatformIOS:
		return map[uint32]string{
			1: "EXC_BAD_ACCESS", 2: "EXC_BAD_INSTRUCTION", 3: "EXC_ARITHMETIC", 4: "EXC_EMULATION", 5: "EXC_SOFTWARE",
			6: "EXC_BREAKPOINT", 7: "EXC_SYSCALL", 8: "EXC_MACH_SYSCALL", 9: "EXC_RPC_ALERT", 10: "EXC_CRASH", 11: "EXC_RESOURCE",
			12: "EXC_GUARD", crashpadSimulated: "SIMULATED",
		}[code]
	}
	return map[uint32]string{
		1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", 5: "SIGTRAP", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE", 9: "SIGKILL",
		10: "SIGUSR1", 11: "SIGSEGV", 12: "SIGUSR2", 13: "SIGPIPE", 14: "SIGALRM", 15: "SIGTERM", 16: "SIGSTKFLT", 17: "SIGCHLD",
		18: "SIGCONT", 19: "SIGSTOP", 20: "SIGTSTP", 24: "SIGXCPU", 25: "SIGXFSZ", 30: "SIGPWR", 31: "SIGSYS", crashpadSimulated: "SIMULATED",
	}[code]
}

// Codes of dumps that were asked for (Breakpad, Crashpad).
const (
	dumpRequested     = 0xffffffff
	crashpadSimulated = 0x43507378 // 'CPsx'
)
