/* A kernel image of our own for x64, with type records: Windows 10 2004. The
   structures are those of nt-10.def. */
typedef unsigned char u8;
typedef signed char s8;
typedef unsigned short u16;
typedef unsigned u32;
typedef unsigned long long u64, uptr;
typedef int s32;
#include "nt-10.h"

#define CSDVERSION 0
#define USERTOP 0x00007ffffffeffffULL
#define SYSTEMSTART 0xffff800000000000ULL
#define USERPROBE 0x7fffffff0000ULL
#define BUILDLAB "19041.1.amd64fre.fixture"
#define PTEBASE
#include "ntkd.h"
u16 NtBuildNumber = 19041;
u8 KdpDataBlockEncoded = 0;
u64 KiWaitNever = 0, KiWaitAlways = 0;
u32 KeNumberProcessors = 1;
struct _OBJECT_TYPE *ObTypeIndexTable[64] = {0, (void *)0xbad0b0b0};
u8 ObpInfoMaskToOffset[64], ObHeaderCookie;
struct _MI_SYSTEM_INFORMATION MiState;

__declspec(dllexport) s32 KeSetEvent(void *event, s32 inc, u8 wait) { return inc + wait + (event != 0); }
__declspec(dllexport) s32 IoCreateDevice(void *driver, u32 ext, void *name, u32 type, u32 ch, u8 excl, void **dev) {
	*dev = driver;
	return (s32)(ext + type + ch + excl + (name != 0));
}
__declspec(dllexport) s32 ZwLoadDriver(struct _UNICODE_STRING *name) { return name->Length; }
__attribute__((section("PAGE"), noinline)) u64 MiInsertVad(struct _MMVAD *vad, struct _EPROCESS *process) {
	vad->Core.VadNode.Left = process->VadRoot.Root;
	process->VadRoot.Root = &vad->Core.VadNode;
	return process->VadCount++;
}
__attribute__((section("INIT"))) u64 KiSystemStartup(void *block) {
	return block == &KdDebuggerDataBlock ? MiState.Hardware.InvalidPteMask : MiInsertVad(block, block);
}
