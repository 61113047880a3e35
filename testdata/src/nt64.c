/* A kernel image of our own for x64, with type records. The structures have
   the shapes that the public type records of Windows 10 2004 (build 19041)
   show; the asserts below are the offsets readers depend on. Gaps are gaps. */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned u32;
typedef unsigned long long u64;
typedef int s32;

struct _LIST_ENTRY { struct _LIST_ENTRY *Flink, *Blink; };
struct _UNICODE_STRING { u16 Length, MaximumLength; u16 *Buffer; };
struct _EX_PUSH_LOCK { u64 Value; };
struct _EX_FAST_REF { union { void *Object; u64 RefCnt : 4; u64 Value; }; };

/* Page table entries. */
struct _MMPTE_HARDWARE {
	u64 Valid : 1, Dirty1 : 1, Owner : 1, WriteThrough : 1, CacheDisable : 1, Accessed : 1, Dirty : 1, LargePage : 1,
		Global : 1, CopyOnWrite : 1, Unused : 1, Write : 1, PageFrameNumber : 36, ReservedForHardware : 4,
		ReservedForSoftware : 4, WsleAge : 4, WsleProtection : 3, NoExecute : 1;
};
struct _MMPTE_SOFTWARE {
	u64 Valid : 1, PageFileReserved : 1, PageFileAllocated : 1, ColdPage : 1, SwizzleBit : 1, Protection : 5, Prototype : 1,
		Transition : 1, PageFileLow : 4, UsedPageTableEntries : 10, ShadowStack : 1, Unused : 5, PageFileHigh : 32;
};
struct _MMPTE_PROTOTYPE {
	u64 Valid : 1, DemandFillProto : 1, HiberVerifyConverted : 1, ReadOnly : 1, SwizzleBit : 1, Protection : 5,
		Prototype : 1, Combined : 1, Unused1 : 4;
	long long ProtoAddress : 48;
};
struct _MMPTE_SUBSECTION {
	u64 Valid : 1, Unused0 : 3, SwizzleBit : 1, Protection : 5, Prototype : 1, ColdPage : 1, Unused1 : 3, ExecutePrivilege : 1;
	long long SubsectionAddress : 48;
};
struct _MMPTE_TRANSITION {
	u64 Valid : 1, Write : 1, Spare : 1, IoTracker : 1, SwizzleBit : 1, Protection : 5, Prototype : 1, Transition : 1,
		PageFrameNumber : 36, Unused : 16;
};
union _MMPTE_U {
	u64 Long;
	struct _MMPTE_HARDWARE Hard;
	struct _MMPTE_SOFTWARE Soft;
	struct _MMPTE_PROTOTYPE Proto;
	struct _MMPTE_SUBSECTION Subsect;
	struct _MMPTE_TRANSITION Trans;
};
struct _MMPTE { union _MMPTE_U u; };

/* The memory manager's state: the one field that decides how PTEs are read. */
struct _MI_HARDWARE_STATE { u32 NodeMask, NodeGraph; void *SystemNodeInformation; u64 InvalidPteMask; };
struct _MI_SYSTEM_INFORMATION { u8 Pools[0x40]; struct _MI_HARDWARE_STATE Hardware; };

/* Virtual address descriptors. */
struct _RTL_BALANCED_NODE {
	union {
		struct _RTL_BALANCED_NODE *Children[2];
		struct { struct _RTL_BALANCED_NODE *Left, *Right; };
	};
	union { u8 Red : 1; u8 Balance : 2; u64 ParentValue; };
};
struct _RTL_AVL_TREE { struct _RTL_BALANCED_NODE *Root; };
struct _MMVAD_FLAGS {
	u32 Lock : 1, LockContended : 1, DeleteInProgress : 1, NoChange : 1, VadType : 3, Protection : 5, PreferredNode : 6,
		PageSize : 2, PrivateMemory : 1;
};
struct _MMVAD_FLAGS1 { u32 CommitCharge : 31, MemCommit : 1; };
struct _MMVAD_FLAGS2 { u32 FileOffset : 24, Large : 1, TrimBehind : 1, Inherit : 1, NoValidationNeeded : 1, PrivateDemandZero : 1, Spare : 3; };
union _MMVAD_SHORT_U { u32 LongFlags; struct _MMVAD_FLAGS VadFlags; };
union _MMVAD_SHORT_U1 { u32 LongFlags1; struct _MMVAD_FLAGS1 VadFlags1; };
union _MMVAD_U2 { u32 LongFlags2; struct _MMVAD_FLAGS2 VadFlags2; };
union _MMVAD_U4 { void *SequentialVa; };
struct _MMVAD_SHORT {
	union {
		struct { struct _MMVAD_SHORT *NextVad; void *ExtraCreateInfo; };
		struct _RTL_BALANCED_NODE VadNode;
	};
	u32 StartingVpn, EndingVpn;
	u8 StartingVpnHigh, EndingVpnHigh, CommitChargeHigh, SpareNT64VadUChar;
	s32 ReferenceCount;
	struct _EX_PUSH_LOCK PushLock;
	union _MMVAD_SHORT_U u;
	union _MMVAD_SHORT_U1 u1;
	void *EventList;
};
struct _MMVAD {
	struct _MMVAD_SHORT Core;
	union _MMVAD_U2 u2;
	struct _SUBSECTION *Subsection;
	struct _MMPTE *FirstPrototypePte, *LastContiguousPte;
	struct _LIST_ENTRY ViewLinks;
	struct _EPROCESS *VadsProcess;
	union _MMVAD_U4 u4;
	struct _FILE_OBJECT *FileObject;
};

/* Mapped files. */
struct _FILE_OBJECT {
	short Type, Size;
	void *DeviceObject, *Vpb, *FsContext, *FsContext2, *SectionObjectPointer, *PrivateCacheMap;
	s32 FinalStatus;
	struct _FILE_OBJECT *RelatedFileObject;
	u8 LockOperation, DeletePending, ReadAccess, WriteAccess, DeleteAccess, SharedRead, SharedWrite, SharedDelete;
	u32 Flags;
	struct _UNICODE_STRING FileName;
	u64 CurrentByteOffset;
};
union _CONTROL_AREA_U { u32 LongFlags; };
struct _CONTROL_AREA {
	struct _SEGMENT *Segment;
	struct _LIST_ENTRY ListHead;
	u64 NumberOfSectionReferences, NumberOfPfnReferences, NumberOfMappedViews, NumberOfUserReferences;
	union _CONTROL_AREA_U u, u1;
	struct _EX_FAST_REF FilePointer;
	s32 ControlAreaLock;
	u32 ModifiedWriteCount;
	void *WaitList;
	u8 u2[16];
	u64 LockedPages;
	struct _EX_PUSH_LOCK FileObjectLock;
};
union _SUBSECTION_U { u32 LongFlags; };
struct _SUBSECTION {
	struct _CONTROL_AREA *ControlArea;
	struct _MMPTE *SubsectionBase;
	struct _SUBSECTION *NextSubsection;
	union { struct _RTL_AVL_TREE GlobalPerSessionHead; void *CreationWaitList, *SessionDriverProtos; };
	union _SUBSECTION_U u;
	u32 StartingSector, NumberOfFullSectors, PtesInSubsection, u1, UnusedPtes;
};
struct _SEGMENT {
	struct _CONTROL_AREA *ControlArea;
	u32 TotalNumberOfPtes, SegmentFlags;
	u64 NumberOfCommittedPages, SizeOfSegment;
	void *BasedAddress;
};

/* Loader lists. */
struct _KLDR_DATA_TABLE_ENTRY {
	struct _LIST_ENTRY InLoadOrderLinks;
	void *ExceptionTable;
	u32 ExceptionTableSize;
	void *GpValue, *NonPagedDebugInfo, *DllBase, *EntryPoint;
	u32 SizeOfImage;
	struct _UNICODE_STRING FullDllName, BaseDllName;
	u32 Flags;
	u16 LoadCount, u1;
	void *SectionPointer;
	u32 CheckSum, CoverageSectionSize;
	void *CoverageSection, *LoadedImports, *Spare;
	u32 SizeOfImageNotRounded, TimeDateStamp;
};
struct _LDR_DATA_TABLE_ENTRY {
	struct _LIST_ENTRY InLoadOrderLinks, InMemoryOrderLinks, InInitializationOrderLinks;
	void *DllBase, *EntryPoint;
	u32 SizeOfImage;
	struct _UNICODE_STRING FullDllName, BaseDllName;
	u32 Flags;
	u16 ObsoleteLoadCount, TlsIndex;
	struct _LIST_ENTRY HashLinks;
	u32 TimeDateStamp;
};
struct _PEB_LDR_DATA {
	u32 Length;
	u8 Initialized;
	void *SsHandle;
	struct _LIST_ENTRY InLoadOrderModuleList, InMemoryOrderModuleList, InInitializationOrderModuleList;
};
struct _PEB {
	u8 InheritedAddressSpace, ReadImageFileExecOptions, BeingDebugged, BitField;
	void *Mutant, *ImageBaseAddress;
	struct _PEB_LDR_DATA *Ldr;
};

/* Processes. */
struct _KPROCESS { u8 Header[0x18]; struct _LIST_ENTRY ProfileListHead; u64 DirectoryTableBase; u8 Rest[0x438 - 0x30]; };
struct _MM_SESSION_SPACE { s32 ReferenceCount; u32 u, SessionId; };
struct _EWOW64PROCESS { void *Peb; u16 Machine; };
struct _EPROCESS {
	struct _KPROCESS Pcb;
	struct _EX_PUSH_LOCK ProcessLock;
	void *UniqueProcessId;
	struct _LIST_ENTRY ActiveProcessLinks;
	u8 Gap1[0x520 - 0x458];
	void *SectionBaseAddress;
	u8 Gap2[0x540 - 0x528];
	void *InheritedFromUniqueProcessId, *OwnerProcessId;
	struct _PEB *Peb;
	void *Session;
	u8 Gap3[0x580 - 0x560];
	struct _EWOW64PROCESS *WoW64Process;
	u8 Gap6[0x5a8 - 0x588];
	u8 ImageFileName[15], PriorityClass;
	u8 Gap4[0x7d8 - 0x5b8];
	struct _RTL_AVL_TREE VadRoot;
	void *VadHint;
	u64 VadCount;
	u8 Gap5[0xa40 - 0x7f0];
};

/* The debugger's block: addresses of the kernel's variables, put there by the
   linker and the loader's relocations. Only what readers ask for is named. */
struct _DBGKD_DEBUG_DATA_HEADER64 { struct _LIST_ENTRY List; u32 OwnerTag, Size; };
struct _KDDEBUGGER_DATA64 {
	struct _DBGKD_DEBUG_DATA_HEADER64 Header;
	u64 KernBase;
	u8 Gap1[0x48 - 0x20];
	void *PsLoadedModuleList, *PsActiveProcessHead, *PspCidTable;
	u8 Gap2[0xc0 - 0x60];
	void *MmPfnDatabase;
	u8 Gap3[0x120 - 0xc8];
	void *MmPagedPoolStart, *MmPagedPoolEnd, *MmPagedPoolInformation;
	u64 MmPageSize;
	u8 Gap4[0x1c8 - 0x140];
	void *MmHighestUserAddress, *MmSystemRangeStart;
	u8 Gap5[0x208 - 0x1d8];
	void *NtBuildLab;
	u8 Gap6[0x220 - 0x210];
	void *MmUnloadedDrivers, *MmLastUnloadedDriver;
	u8 Gap7[0x2a8 - 0x230];
	u16 SizeEProcess, OffsetEprocessPeb, OffsetEprocessParentCID, OffsetEprocessDirectoryTableBase;
	u8 Gap8[0x360 - 0x2b0];
	u64 PteBase;
	u8 Gap9[0x380 - 0x368];
};

struct _LIST_ENTRY PsLoadedModuleList = {&PsLoadedModuleList, &PsLoadedModuleList};
struct _LIST_ENTRY PsActiveProcessHead = {&PsActiveProcessHead, &PsActiveProcessHead};
void *PspCidTable, *MmPfnDatabase, *MmUnloadedDrivers;
u64 MmPagedPoolStart, MmPagedPoolEnd;
void *MmHighestUserAddress = (void *)0x00007ffffffeffffULL, *MmSystemRangeStart = (void *)0xffff800000000000ULL;
u32 MmLastUnloadedDriver;
u16 NtBuildNumber = 19041;
u8 KdpDataBlockEncoded = 0;
u64 KiWaitNever = 0, KiWaitAlways = 0;
const char NtBuildLab[] = "19041.1.amd64fre.fixture";
struct _MI_SYSTEM_INFORMATION MiState;
struct _KDDEBUGGER_DATA64 KdDebuggerDataBlock = {
	.Header = {.List = {&KdDebuggerDataBlock.Header.List, &KdDebuggerDataBlock.Header.List},
		.OwnerTag = 0x4742444b, .Size = sizeof(struct _KDDEBUGGER_DATA64)},
	.PsLoadedModuleList = &PsLoadedModuleList, .PsActiveProcessHead = &PsActiveProcessHead,
	.PspCidTable = &PspCidTable, .MmPfnDatabase = &MmPfnDatabase,
	.MmPagedPoolStart = &MmPagedPoolStart, .MmPagedPoolEnd = &MmPagedPoolEnd, .MmPageSize = 0x1000,
	.MmHighestUserAddress = &MmHighestUserAddress, .MmSystemRangeStart = &MmSystemRangeStart,
	.NtBuildLab = (void *)NtBuildLab,
	.MmUnloadedDrivers = &MmUnloadedDrivers, .MmLastUnloadedDriver = &MmLastUnloadedDriver,
	.SizeEProcess = sizeof(struct _EPROCESS),
	.OffsetEprocessPeb = __builtin_offsetof(struct _EPROCESS, Peb),
	.OffsetEprocessDirectoryTableBase = __builtin_offsetof(struct _EPROCESS, Pcb.DirectoryTableBase),
	.PteBase = 0xfffff68000000000ULL,
};

#define AT(t, f, o) _Static_assert(__builtin_offsetof(struct t, f) == (o), #t "." #f)
AT(_MMVAD_SHORT, StartingVpn, 0x18); AT(_MMVAD_SHORT, StartingVpnHigh, 0x20); AT(_MMVAD_SHORT, u, 0x30);
AT(_MMVAD, Subsection, 0x48); AT(_MMVAD, FirstPrototypePte, 0x50); AT(_MMVAD, FileObject, 0x80);
AT(_SUBSECTION, SubsectionBase, 0x08); AT(_SUBSECTION, StartingSector, 0x24); AT(_SUBSECTION, PtesInSubsection, 0x2c);
AT(_CONTROL_AREA, FilePointer, 0x40); AT(_FILE_OBJECT, FileName, 0x58);
AT(_KLDR_DATA_TABLE_ENTRY, DllBase, 0x30); AT(_KLDR_DATA_TABLE_ENTRY, FullDllName, 0x48); AT(_KLDR_DATA_TABLE_ENTRY, BaseDllName, 0x58);
AT(_KLDR_DATA_TABLE_ENTRY, CheckSum, 0x78); AT(_KLDR_DATA_TABLE_ENTRY, SizeOfImageNotRounded, 0x98); AT(_KLDR_DATA_TABLE_ENTRY, TimeDateStamp, 0x9c);
AT(_LDR_DATA_TABLE_ENTRY, DllBase, 0x30); AT(_LDR_DATA_TABLE_ENTRY, TimeDateStamp, 0x80);
AT(_KPROCESS, DirectoryTableBase, 0x28); AT(_EPROCESS, UniqueProcessId, 0x440); AT(_EPROCESS, ActiveProcessLinks, 0x448);
AT(_EPROCESS, SectionBaseAddress, 0x520); AT(_EPROCESS, InheritedFromUniqueProcessId, 0x540); AT(_EPROCESS, Session, 0x558); AT(_EPROCESS, WoW64Process, 0x580); AT(_EPROCESS, Peb, 0x550); AT(_EPROCESS, ImageFileName, 0x5a8); AT(_EPROCESS, VadRoot, 0x7d8);
AT(_KDDEBUGGER_DATA64, PsLoadedModuleList, 0x48); AT(_KDDEBUGGER_DATA64, MmPfnDatabase, 0xc0); AT(_KDDEBUGGER_DATA64, MmPageSize, 0x138);
AT(_KDDEBUGGER_DATA64, MmUnloadedDrivers, 0x220); AT(_KDDEBUGGER_DATA64, SizeEProcess, 0x2a8); AT(_KDDEBUGGER_DATA64, PteBase, 0x360);
_Static_assert(sizeof(struct _MMPTE_HARDWARE) == 8 && sizeof(struct _MMPTE_SOFTWARE) == 8 && sizeof(struct _MMPTE_PROTOTYPE) == 8 &&
	sizeof(struct _MMPTE_SUBSECTION) == 8 && sizeof(struct _MMPTE_TRANSITION) == 8, "a PTE is eight bytes");

/* A pointer to a structure keeps its type record. */
#define KEEP(t) struct t *keep##t
KEEP(_MMPTE); KEEP(_EPROCESS); KEEP(_MMVAD); KEEP(_SUBSECTION); KEEP(_CONTROL_AREA); KEEP(_FILE_OBJECT); KEEP(_SEGMENT);
KEEP(_KLDR_DATA_TABLE_ENTRY); KEEP(_LDR_DATA_TABLE_ENTRY); KEEP(_PEB); KEEP(_PEB_LDR_DATA); KEEP(_MMVAD_SHORT);
KEEP(_MM_SESSION_SPACE); KEEP(_EWOW64PROCESS);

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
