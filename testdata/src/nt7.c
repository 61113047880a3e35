/* A kernel image of our own for x64, with type records: Windows 7 SP1. The
   structures are those of nt-7.def. */
typedef unsigned char u8;
typedef signed char s8;
typedef unsigned short u16;
typedef unsigned u32;
typedef unsigned long long u64, uptr;
typedef int s32;
#include "nt-7.h"

#define CSDVERSION 0x100
#define USERTOP 0x7fffffeffffULL
#define SYSTEMSTART 0xffff080000000000ULL
#define USERPROBE 0x7fffffe0000ULL
#define BUILDLAB "7601.17514.amd64fre.symres_fixture"
#include "ntkd.h"
u32 NtBuildNumber = 0xf0001db1, KeNumberProcessors = 1;
struct _KAFFINITY_EX KeActiveProcessors = {1, 4, 0, {1}};
struct _OBJECT_TYPE *ObTypeIndexTable[64] = {0, (void *)0xbad0b0b0};
u8 ObpInfoMaskToOffset[64];

__attribute__((section("INIT"))) u64 KiSystemStartup(void *block) { return block == &KdDebuggerDataBlock ? NtBuildNumber : 0; }
