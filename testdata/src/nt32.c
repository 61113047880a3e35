/* A kernel image of our own for x86, with type records: Windows XP SP3, page
   tables without PAE. The structures are those of nt-xp.def, and with PAE of
   nt-xp-pae.def. */
typedef unsigned char u8;
typedef signed char s8;
typedef unsigned short u16;
typedef unsigned u32, uptr;
typedef unsigned long long u64;
typedef int s32;
#include "nt.h"

#define CSDVERSION 0x300
#define USERTOP 0x7ffeffff
#define SYSTEMSTART 0x80000000
#define USERPROBE 0x7fff0000
#define BUILDLAB "2600.xpsp.symres_fixture"
#include "ntkd.h"
u32 NtBuildNumber = 0xf0000a28;
u8 KeNumberProcessors = 1;
u32 KeActiveProcessors = 1;

#define NTAPI __attribute__((stdcall))
NTAPI s32 KeSetEvent(void *event, s32 inc, u8 wait) { return inc + wait + (event != 0); }
NTAPI s32 IoCreateDevice(void *driver, u32 ext, void *name, u32 type, u32 ch, u8 excl, void **dev) {
	*dev = driver;
	return (s32)(ext + type + ch + excl + (name != 0));
}
NTAPI s32 ZwLoadDriver(struct _UNICODE_STRING *name) { return name->Length; }
__attribute__((section("PAGE"), noinline)) NTAPI u32 MiInsertVad(struct _MMVAD *vad, struct _EPROCESS *process) {
	vad->LeftChild = process->VadRoot;
	process->VadRoot = vad;
	return vad->StartingVpn;
}
__attribute__((section("INIT"))) NTAPI u32 KiSystemStartup(void *block) {
	return block == &KdDebuggerDataBlock ? NtBuildNumber : MiInsertVad(block, block);
}
