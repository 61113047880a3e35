/* The data of a kernel image of our own for Itanium (IA-64), with type records:
   Windows 7 SP1. The structures are those of nt-7.def and nt-ia64.def, the
   functions those of ia64.S. */
typedef unsigned char u8;
typedef signed char s8;
typedef unsigned short u16;
typedef unsigned u32;
typedef unsigned long long u64, uptr;
typedef int s32;
#include "nt-ia64.h"

#define CSDVERSION 0x100
#define USERTOP 0x6fbfffeffffULL
#define SYSTEMSTART 0x8000000000000000ULL
#define USERPROBE 0x6fbfffe0000ULL
#define BUILDLAB "7601.17514.ia64fre.symres_fixture"
#include "ntkd.h"
u32 NtBuildNumber = 0xf0001db1, KeNumberProcessors = 1;
struct _KAFFINITY_EX KeActiveProcessors = {1, 4, 0, {1}};
struct _OBJECT_TYPE *ObTypeIndexTable[64] = {0, (void *)0xbad0b0b0};
u8 ObpInfoMaskToOffset[64];
u64 MmSystemParentTablePage;
