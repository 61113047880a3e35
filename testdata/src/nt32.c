/* A kernel image of our own for x86, with type records. The structures have
   the shapes that the public type records of Windows XP SP2 (build 2600, no
   PAE) show; the asserts below are the offsets readers depend on. */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned u32;
typedef unsigned long long u64;
typedef int s32;

struct _LIST_ENTRY { struct _LIST_ENTRY *Flink, *Blink; };
struct _UNICODE_STRING { u16 Length, MaximumLength; u16 *Buffer; };

/* Page table entries. */
struct _MMPTE_HARDWARE {
	u32 Valid : 1, Write : 1, Owner : 1, WriteThrough : 1, CacheDisable : 1, Accessed : 1, Dirty : 1, LargePage : 1,
		Global : 1, CopyOnWrite : 1, Prototype : 1, reserved : 1, PageFrameNumber : 20;
};
struct _MMPTE_SOFTWARE { u32 Valid : 1, PageFileLow : 4, Protection : 5, Prototype : 1, Transition : 1, PageFileHigh : 20; };
struct _MMPTE_PROTOTYPE { u32 Valid : 1, ProtoAddressLow : 7, ReadOnly : 1, WhichPool : 1, Prototype : 1, ProtoAddressHigh : 21; };
struct _MMPTE_SUBSECTION { u32 Valid : 1, SubsectionAddressLow : 4, Protection : 5, Prototype : 1, SubsectionAddressHigh : 20, WhichPool : 1; };
struct _MMPTE_TRANSITION {
	u32 Valid : 1, Write : 1, Owner : 1, WriteThrough : 1, CacheDisable : 1, Protection : 5, Prototype : 1, Transition : 1, PageFrameNumber : 20;
};
union _MMPTE_U {
	u32 Long;
	struct _MMPTE_HARDWARE Hard;
	struct _MMPTE_SOFTWARE Soft;
	struct _MMPTE_PROTOTYPE Proto;
	struct _MMPTE_SUBSECTION Subsect;
	struct _MMPTE_TRANSITION Trans;
};
struct _MMPTE { union _MMPTE_U u; };

/* Virtual address descriptors. */
struct _MMVAD_FLAGS {
	u32 CommitCharge : 19, PhysicalMapping : 1, ImageMap : 1, UserPhysicalPages : 1, NoChange : 1, WriteWatch : 1, Protection : 5,
		LargePages : 1, MemCommit : 1, PrivateMemory : 1;
};
struct _MMVAD_FLAGS2 { u32 FileOffset : 24, SecNoChange : 1, OneSecured : 1, MultipleSecured : 1, ReadOnly : 1, LongVad : 1, ExtendableFile : 1, Inherit : 1, CopyOnWrite : 1; };
union _MMVAD_U { u32 LongFlags; struct _MMVAD_FLAGS VadFlags; };
union _MMVAD_U2 { u32 LongFlags2; struct _MMVAD_FLAGS2 VadFlags2; };
struct _MMVAD_SHORT { u32 StartingVpn, EndingVpn; struct _MMVAD *Parent, *LeftChild, *RightChild; union _MMVAD_U u; };
struct _MMVAD {
	u32 StartingVpn, EndingVpn;
	struct _MMVAD *Parent, *LeftChild, *RightChild;
	union _MMVAD_U u;
	struct _CONTROL_AREA *ControlArea;
	struct _MMPTE *FirstPrototypePte, *LastContiguousPte;
	union _MMVAD_U2 u2;
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
	struct _LIST_ENTRY DereferenceList;
	u32 NumberOfSectionReferences, NumberOfPfnReferences, NumberOfMappedViews;
	u16 NumberOfSubsections, FlushInProgressCount;
	u32 NumberOfUserReferences;
	union _CONTROL_AREA_U u;
	struct _FILE_OBJECT *FilePointer;
	void *WaitingForDeletion;
	u16 ModifiedWriteCount, NumberOfSystemCacheViews;
};
union _SUBSECTION_U { u32 LongFlags; };
struct _SUBSECTION {
	struct _CONTROL_AREA *ControlArea;
	union _SUBSECTION_U u;
	u32 StartingSector, NumberOfFullSectors;
	struct _MMPTE *SubsectionBase;
	u32 UnusedPtes, PtesInSubsection;
	struct _SUBSECTION *NextSubsection;
};
struct _SEGMENT { struct _CONTROL_AREA *ControlArea; u32 TotalNumberOfPtes, NonExtendedPtes, WritableUserReferences; u64 SizeOfSegment; };

/* Loader lists. */
struct _KLDR_DATA_TABLE_ENTRY {
	struct _LIST_ENTRY InLoadOrderLinks;
	void *ExceptionTable;
	u32 ExceptionTableSize;
	void *GpValue, *NonPagedDebugInfo, *DllBase, *EntryPoint;
	u32 SizeOfImage;
	struct _UNICODE_STRING FullDllName, BaseDllName;
	u32 Flags;
	u16 LoadCount, __Unused5;
	void *SectionPointer;
	u32 CheckSum;
	void *LoadedImports, *PatchInformation;
};
struct _LDR_DATA_TABLE_ENTRY {
	struct _LIST_ENTRY InLoadOrderLinks, InMemoryOrderLinks, InInitializationOrderLinks;
	void *DllBase, *EntryPoint;
	u32 SizeOfImage;
	struct _UNICODE_STRING FullDllName, BaseDllName;
	u32 Flags;
	u16 LoadCount, TlsIndex;
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
	u8 InheritedAddressSpace, ReadImageFileExecOptions, BeingDebugged, SpareBool;
	void *Mutant, *ImageBaseAddress;
	struct _PEB_LDR_DATA *Ldr;
};

/* Processes. */
struct _KPROCESS { u8 Header[0x10]; struct _LIST_ENTRY ProfileListHead; u32 DirectoryTableBase[2]; u8 Rest[0x6c - 0x20]; };
struct _MM_SESSION_SPACE { s32 ReferenceCount; u32 u, SessionId; };
struct _EPROCESS {
	struct _KPROCESS Pcb;
	u8 Gap1[0x84 - 0x6c];
	void *UniqueProcessId;
	struct _LIST_ENTRY ActiveProcessLinks;
	u8 Gap2[0x11c - 0x90];
	void *VadRoot, *VadHint;
	u8 Gap3[0x138 - 0x124];
	void *SectionObject, *SectionBaseAddress;
	u8 Gap4[0x14c - 0x140];
	void *InheritedFromUniqueProcessId;
	u8 Gap7[0x170 - 0x150];
	void *Session;
	u8 ImageFileName[16];
	u8 Gap5[0x1b0 - 0x184];
	struct _PEB *Peb;
	u8 Gap6[0x258 - 0x1b4];
};

/* The debugger's block: 64-bit fields on every machine. The kernel extends
   the addresses by sign when it starts; the file holds the low halves. */
struct _LIST_ENTRY64 { u64 Flink, Blink; };
struct _PTR64 { void *Low; u32 High; };
struct _DBGKD_DEBUG_DATA_HEADER64 { struct _LIST_ENTRY64 List; u32 OwnerTag, Size; };
struct _KDDEBUGGER_DATA64 {
	struct _DBGKD_DEBUG_DATA_HEADER64 Header;
	u64 KernBase;
	u8 Gap1[0x48 - 0x20];
	struct _PTR64 PsLoadedModuleList, PsActiveProcessHead, PspCidTable;
	u8 Gap2[0xc0 - 0x60];
	struct _PTR64 MmPfnDatabase, MmSystemPtesStart, MmSystemPtesEnd, MmSubsectionBase;
	u8 Gap3[0x110 - 0xe0];
	struct _PTR64 MmNonPagedPoolStart, MmNonPagedPoolEnd;
	struct _PTR64 MmPagedPoolStart, MmPagedPoolEnd, MmPagedPoolInformation;
	u64 MmPageSize;
	u8 Gap4[0x1c8 - 0x140];
	struct _PTR64 MmHighestUserAddress, MmSystemRangeStart;
	u8 Gap5[0x208 - 0x1d8];
	struct _PTR64 NtBuildLab;
	u8 Gap6[0x220 - 0x210];
	struct _PTR64 MmUnloadedDrivers, MmLastUnloadedDriver;
	u8 Gap7[0x290 - 0x230];
};

struct _LIST_ENTRY PsLoadedModuleList = {&PsLoadedModuleList, &PsLoadedModuleList};
struct _LIST_ENTRY PsActiveProcessHead = {&PsActiveProcessHead, &PsActiveProcessHead};
void *PspCidTable, *MmPfnDatabase, *MmUnloadedDrivers;
u32 MmSubsectionBase, MmNonPagedPoolStart, MmNonPagedPoolEnd, MmPagedPoolStart, MmPagedPoolEnd, MmLastUnloadedDriver;
void *MmHighestUserAddress = (void *)0x7ffeffff, *MmSystemRangeStart = (void *)0x80000000;
u32 NtBuildNumber = 0xf0000a28;
const char NtBuildLab[] = "2600.xpsp_sp2_fixture";
#define P(x) {(void *)&x, 0}
struct _KDDEBUGGER_DATA64 KdDebuggerDataBlock = {
	.Header = {.OwnerTag = 0x4742444b, .Size = sizeof(struct _KDDEBUGGER_DATA64)},
	.PsLoadedModuleList = P(PsLoadedModuleList), .PsActiveProcessHead = P(PsActiveProcessHead),
	.PspCidTable = P(PspCidTable), .MmPfnDatabase = P(MmPfnDatabase),
	.MmSubsectionBase = P(MmSubsectionBase), .MmNonPagedPoolStart = P(MmNonPagedPoolStart), .MmNonPagedPoolEnd = P(MmNonPagedPoolEnd),
	.MmPagedPoolStart = P(MmPagedPoolStart), .MmPagedPoolEnd = P(MmPagedPoolEnd), .MmPageSize = 0x1000,
	.MmHighestUserAddress = P(MmHighestUserAddress), .MmSystemRangeStart = P(MmSystemRangeStart),
	.NtBuildLab = P(NtBuildLab), .MmUnloadedDrivers = P(MmUnloadedDrivers), .MmLastUnloadedDriver = P(MmLastUnloadedDriver),
};

#define AT(t, f, o) _Static_assert(__builtin_offsetof(struct t, f) == (o), #t "." #f)
AT(_MMVAD, u, 0x14); AT(_MMVAD, ControlArea, 0x18); AT(_MMVAD, FirstPrototypePte, 0x1c); AT(_MMVAD, u2, 0x24);
AT(_SUBSECTION, StartingSector, 0x08); AT(_SUBSECTION, SubsectionBase, 0x10); AT(_SUBSECTION, PtesInSubsection, 0x18);
AT(_CONTROL_AREA, FilePointer, 0x24); AT(_FILE_OBJECT, FileName, 0x30);
AT(_KLDR_DATA_TABLE_ENTRY, DllBase, 0x18); AT(_KLDR_DATA_TABLE_ENTRY, FullDllName, 0x24); AT(_KLDR_DATA_TABLE_ENTRY, BaseDllName, 0x2c);
AT(_KLDR_DATA_TABLE_ENTRY, CheckSum, 0x40); AT(_KLDR_DATA_TABLE_ENTRY, LoadedImports, 0x44);
AT(_LDR_DATA_TABLE_ENTRY, DllBase, 0x18); AT(_LDR_DATA_TABLE_ENTRY, BaseDllName, 0x2c); AT(_LDR_DATA_TABLE_ENTRY, TimeDateStamp, 0x44);
AT(_EPROCESS, Pcb.DirectoryTableBase, 0x18); AT(_EPROCESS, UniqueProcessId, 0x84); AT(_EPROCESS, ActiveProcessLinks, 0x88);
AT(_EPROCESS, VadRoot, 0x11c); AT(_EPROCESS, InheritedFromUniqueProcessId, 0x14c); AT(_EPROCESS, Session, 0x170); AT(_EPROCESS, SectionBaseAddress, 0x13c); AT(_EPROCESS, ImageFileName, 0x174); AT(_EPROCESS, Peb, 0x1b0);
AT(_KDDEBUGGER_DATA64, PsLoadedModuleList, 0x48); AT(_KDDEBUGGER_DATA64, MmSubsectionBase, 0xd8);
AT(_KDDEBUGGER_DATA64, MmNonPagedPoolStart, 0x110); AT(_KDDEBUGGER_DATA64, MmPagedPoolStart, 0x120); AT(_KDDEBUGGER_DATA64, MmPageSize, 0x138);
AT(_KDDEBUGGER_DATA64, MmUnloadedDrivers, 0x220);

/* A pointer to a structure keeps its type record. */
#define KEEP(t) struct t *keep##t
KEEP(_MMPTE); KEEP(_EPROCESS); KEEP(_MMVAD); KEEP(_MMVAD_SHORT); KEEP(_SUBSECTION); KEEP(_CONTROL_AREA); KEEP(_FILE_OBJECT); KEEP(_SEGMENT);
KEEP(_KLDR_DATA_TABLE_ENTRY); KEEP(_LDR_DATA_TABLE_ENTRY); KEEP(_PEB); KEEP(_PEB_LDR_DATA);
KEEP(_MM_SESSION_SPACE);

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
