/* Kernel images of our own for the eras of Windows at which the structures of
   processes and virtual address descriptors changed: compiled once for each
   BUILD and machine. Those structures are here, and have the shapes that the
   public type records of those builds show; what no reader asks for is a gap.
   Threads, processors and the rest that only debuggers ask for are those of the
   table of the nearest kernel before (nt-xp.def, nt-7.def, nt-10.def).
   Offsets in EPROCESS move with nearly every build: those here are of no build
   in particular where the asserts do not name one. */
typedef unsigned char u8;
typedef signed char s8;
typedef unsigned short u16;
typedef unsigned u32;
typedef unsigned long long u64;
typedef int s32;
#ifdef _WIN64
typedef u64 uptr;
#define WIDE 1
#define FAST_REF union _EX_FAST_REF
#else
typedef u32 uptr;
#define WIDE 0
#define FAST_REF struct _EX_FAST_REF
#endif
#include "nt-era.h"

/* Page table entries. */
#if WIDE
struct _MMPTE_HARDWARE { u64 Valid : 1, Flags : 11, PageFrameNumber : 36, Rest : 16; };
#if BUILD >= 17134
struct _MMPTE_SOFTWARE {
	u64 Valid : 1, PageFileReserved : 1, PageFileAllocated : 1, ColdPage : 1, SwizzleBit : 1, Protection : 5, Prototype : 1,
		Transition : 1, PageFileLow : 4, UsedPageTableEntries : 10, ShadowStack : 1, Unused : 5, PageFileHigh : 32;
};
struct _MMPTE_PROTOTYPE {
	u64 Valid : 1, DemandFillProto : 1, HiberVerifyConverted : 1, ReadOnly : 1, SwizzleBit : 1, Protection : 5, Prototype : 1,
		Combined : 1, Unused1 : 4;
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
#else
struct _MMPTE_SOFTWARE {
	u64 Valid : 1, PageFileLow : 4, Protection : 5, Prototype : 1, Transition : 1, UsedPageTableEntries : 10, Reserved : 10,
		PageFileHigh : 32;
};
struct _MMPTE_PROTOTYPE {
	u64 Valid : 1, Unused0 : 7, ReadOnly : 1, Unused1 : 1, Prototype : 1, Protection : 5;
	long long ProtoAddress : 48;
};
struct _MMPTE_SUBSECTION {
	u64 Valid : 1, Unused0 : 4, Protection : 5, Prototype : 1, Unused1 : 5;
	long long SubsectionAddress : 48;
};
struct _MMPTE_TRANSITION {
	u64 Valid : 1, Write : 1, Owner : 1, WriteThrough : 1, CacheDisable : 1, Protection : 5, Prototype : 1, Transition : 1,
		PageFrameNumber : 36, Unused : 16;
};
#endif
#else
struct _MMPTE_HARDWARE { u32 Valid : 1, Flags : 11, PageFrameNumber : 20; };
struct _MMPTE_SOFTWARE { u32 Valid : 1, PageFileLow : 4, Protection : 5, Prototype : 1, Transition : 1, PageFileHigh : 20; };
#if BUILD < 6000
struct _MMPTE_PROTOTYPE { u32 Valid : 1, ProtoAddressLow : 7, ReadOnly : 1, WhichPool : 1, Prototype : 1, ProtoAddressHigh : 21; };
struct _MMPTE_SUBSECTION { u32 Valid : 1, SubsectionAddressLow : 4, Protection : 5, Prototype : 1, SubsectionAddressHigh : 20, WhichPool : 1; };
#else
struct _MMPTE_PROTOTYPE { u32 Valid : 1, ProtoAddressLow : 7, ReadOnly : 1, Unused : 1, Prototype : 1, ProtoAddressHigh : 21; };
struct _MMPTE_SUBSECTION { u32 Valid : 1, SubsectionAddressLow : 9, Prototype : 1, SubsectionAddressHigh : 21; };
#endif
struct _MMPTE_TRANSITION {
	u32 Valid : 1, Write : 1, Owner : 1, WriteThrough : 1, CacheDisable : 1, Protection : 5, Prototype : 1, Transition : 1,
		PageFrameNumber : 20;
};
#endif
union _MMPTE_U {
	uptr Long;
	struct _MMPTE_HARDWARE Hard;
	struct _MMPTE_SOFTWARE Soft;
	struct _MMPTE_PROTOTYPE Proto;
	struct _MMPTE_SUBSECTION Subsect;
	struct _MMPTE_TRANSITION Trans;
};
struct _MMPTE { union _MMPTE_U u; };

#if BUILD >= 15063
struct _MI_HARDWARE_STATE { u32 NodeMask, NodeGraph; void *SystemNodeInformation; u64 InvalidPteMask; };
struct _MI_SYSTEM_INFORMATION { u8 Pools[0x40]; struct _MI_HARDWARE_STATE Hardware; };
struct _MI_SYSTEM_INFORMATION MiState;
#endif

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
struct _CONTROL_AREA {
	struct _SEGMENT *Segment;
	struct _LIST_ENTRY ListHead;
#if BUILD < 6000
	u32 NumberOfSectionReferences, NumberOfPfnReferences, NumberOfMappedViews;
	u16 NumberOfSubsections, FlushInProgressCount;
	u32 NumberOfUserReferences;
	union _CONTROL_AREA_U u;
	struct _FILE_OBJECT *FilePointer;
#else
	uptr NumberOfSectionReferences, NumberOfPfnReferences, NumberOfMappedViews, NumberOfUserReferences;
	union _CONTROL_AREA_U u;
#if WIDE || BUILD < 9200
	u32 FlushInProgressCount;
#endif
	FAST_REF FilePointer;
#endif
	void *WaitList;
};
struct _SEGMENT {
	struct _CONTROL_AREA *ControlArea;
	u32 TotalNumberOfPtes, SegmentFlags;
	uptr NumberOfCommittedPages;
	u64 SizeOfSegment;
	void *BasedAddress;
	uptr SegmentLock, u1, u2;
	struct _MMPTE *PrototypePte;
};
#if BUILD < 6000
struct _MMSUBSECTION_FLAGS { u32 ReadOnly : 1, ReadWrite : 1, SubsectionStatic : 1, GlobalMemory : 1, Protection : 5; };
#else
struct _MMSUBSECTION_FLAGS { u32 SubsectionAccessed : 1, Protection : 5, StartingSector4132 : 10, SubsectionStatic : 1, GlobalMemory : 1; };
#endif
union _SUBSECTION_U { u32 LongFlags; struct _MMSUBSECTION_FLAGS SubsectionFlags; };
struct _SUBSECTION {
	struct _CONTROL_AREA *ControlArea;
#if BUILD < 6000
	union _SUBSECTION_U u;
	u32 StartingSector, NumberOfFullSectors;
	struct _MMPTE *SubsectionBase;
	u32 UnusedPtes, PtesInSubsection;
	struct _SUBSECTION *NextSubsection;
#elif BUILD < 9200
	struct _MMPTE *SubsectionBase;
	struct _SUBSECTION *NextSubsection;
	u32 PtesInSubsection;
	void *UnusedPtes;
	union _SUBSECTION_U u;
	u32 StartingSector, NumberOfFullSectors;
#else
	struct _MMPTE *SubsectionBase;
	struct _SUBSECTION *NextSubsection;
	void *GlobalPerSessionHead;
	union _SUBSECTION_U u;
	u32 StartingSector, NumberOfFullSectors, PtesInSubsection, u1, UnusedPtes;
#endif
};

/* The node at the head of a descriptor, and the table in EPROCESS. */
#if BUILD < 6000 || BUILD < 9200
#define NODE_IN_VAD 1
#else
#define NODE_IN_VAD 0
#endif
#if BUILD < 9600
struct _MMADDRESS_NODE {
	union { uptr Balance : 2; struct _MMADDRESS_NODE *Parent; } u1;
	struct _MMADDRESS_NODE *LeftChild, *RightChild;
#if BUILD < 9200
	uptr StartingVpn, EndingVpn;
#endif
};
struct _MM_AVL_TABLE {
	struct _MMADDRESS_NODE BalancedRoot;
	uptr DepthOfTree : 5, Unused : 3, NumberGenericTableElements : WIDE ? 56 : 24;
	void *NodeHint, *NodeFreeHint;
};
#else
struct _RTL_BALANCED_NODE {
	union {
		struct _RTL_BALANCED_NODE *Children[2];
		struct { struct _RTL_BALANCED_NODE *Left, *Right; };
	};
	union { u8 Red : 1; u8 Balance : 2; uptr ParentValue; };
};
struct _RTL_AVL_TREE { struct _RTL_BALANCED_NODE *Root; };
#endif

/* Virtual address descriptors. */
#if BUILD < 9200
struct _MMVAD_FLAGS2 {
	u32 FileOffset : 24, SecNoChange : 1, OneSecured : 1, MultipleSecured : 1, Spare : 1, LongVad : 1, ExtendableFile : 1, Inherit : 1,
		CopyOnWrite : 1;
};
#else
struct _MMVAD_FLAGS2 { u32 FileOffset : 24, Large : 1, TrimBehind : 1, Inherit : 1, CopyOnWrite : 1, NoValidationNeeded : 1, Spare : 3; };
#endif
union _MMVAD_U2 { u32 LongFlags2; struct _MMVAD_FLAGS2 VadFlags2; };
#if BUILD < 9200
struct _MMVAD_FLAGS {
	uptr CommitCharge : WIDE ? 51 : 19, NoChange : 1, VadType : 3, MemCommit : 1, Protection : 5, Spare : 2, PrivateMemory : 1;
};
union _MMVAD_U { uptr LongFlags; struct _MMVAD_FLAGS VadFlags; };
#else
#if BUILD >= 20348
struct _MMVAD_FLAGS { u32 Lock : 1, LockContended : 1, DeleteInProgress : 1, NoChange : 1, VadType : 3, Protection : 5, PreferredNode : 7, PageSize : 2, PrivateMemory : 1; };
#elif BUILD >= 18362
struct _MMVAD_FLAGS { u32 Lock : 1, LockContended : 1, DeleteInProgress : 1, NoChange : 1, VadType : 3, Protection : 5, PreferredNode : 6, PageSize : 2, PrivateMemory : 1; };
#elif BUILD >= 17134
struct _MMVAD_FLAGS { u32 VadType : 3, Protection : 5, PreferredNode : 6, PrivateMemory : 1, Rest : 17; };
#else
struct _MMVAD_FLAGS { u32 VadType : 3, Protection : 5, PreferredNode : 6, NoChange : 1, PrivateMemory : 1, Rest : 16; };
#endif
struct _MMVAD_FLAGS1 { u32 CommitCharge : 31, MemCommit : 1; };
union _MMVAD_U { u32 LongFlags; struct _MMVAD_FLAGS VadFlags; };
union _MMVAD_U1 { u32 LongFlags1; struct _MMVAD_FLAGS1 VadFlags1; };
#endif

#if BUILD < 9200
#define SHORT \
	union { uptr Balance : 2; struct _MMVAD *Parent; } u1; \
	struct _MMVAD *LeftChild, *RightChild; \
	uptr StartingVpn, EndingVpn; \
	union _MMVAD_U u;
struct _MMVAD;
#if BUILD < 6000
struct _MMVAD_SHORT { SHORT };
struct _MMVAD { SHORT struct _CONTROL_AREA *ControlArea; struct _MMPTE *FirstPrototypePte, *LastContiguousPte; union _MMVAD_U2 u2; };
#else
struct _MMVAD_SHORT { SHORT struct _EX_PUSH_LOCK PushLock; uptr u5; };
struct _MMVAD {
	SHORT struct _EX_PUSH_LOCK PushLock;
	uptr u5;
	union _MMVAD_U2 u2;
	struct _SUBSECTION *Subsection;
	struct _MMPTE *FirstPrototypePte, *LastContiguousPte;
	struct _LIST_ENTRY ViewLinks;
	void *VadsProcess;
};
#endif
#else
struct _MMVAD_SHORT {
#if BUILD < 9600
	struct _MMADDRESS_NODE VadNode;
	u32 StartingVpn, EndingVpn;
	struct _EX_PUSH_LOCK PushLock;
	union _MMVAD_U u;
	union _MMVAD_U1 u1;
	void *EventList;
	s32 ReferenceCount;
#else
	union {
		struct { struct _MMVAD_SHORT *NextVad; void *ExtraCreateInfo; };
		struct _RTL_BALANCED_NODE VadNode;
	};
	u32 StartingVpn, EndingVpn;
#if WIDE
	u8 StartingVpnHigh, EndingVpnHigh, CommitChargeHigh, SpareNT64VadUChar;
#endif
	s32 ReferenceCount;
	struct _EX_PUSH_LOCK PushLock;
	union _MMVAD_U u;
	union _MMVAD_U1 u1;
#if BUILD >= 22000 && WIDE
	union { void *EventList; struct { u64 StartingVpnHigher : 4, EndingVpnHigher : 4; }; };
#else
	void *EventList;
#endif
#if BUILD >= 28000
	u64 Added;
#endif
#endif
};
struct _MMVAD {
	struct _MMVAD_SHORT Core;
	union _MMVAD_U2 u2;
	struct _SUBSECTION *Subsection;
	struct _MMPTE *FirstPrototypePte, *LastContiguousPte;
	struct _LIST_ENTRY ViewLinks;
	void *VadsProcess;
	void *u4;
	struct _FILE_OBJECT *FileObject;
};
#endif

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
	u32 CheckSum;
#if BUILD >= 10240
	u32 CoverageSectionSize;
	void *CoverageSection, *LoadedImports, *Spare;
	u32 SizeOfImageNotRounded, TimeDateStamp;
#else
	void *LoadedImports, *PatchInformation;
#endif
};

/* Processes. */
struct _EWOW64PROCESS { void *Peb; u16 Machine; };
struct _KPROCESS {
	struct _DISPATCHER_HEADER Header;
	struct _LIST_ENTRY ProfileListHead;
	uptr DirectoryTableBase;
	struct _LIST_ENTRY ReadyListHead, ThreadListHead;
	u32 KernelTime, UserTime, StackCount;
	s8 BasePriority, QuantumReset;
	u8 Rest[0x20];
};
struct _EPROCESS {
	struct _KPROCESS Pcb;
	struct _EX_PUSH_LOCK ProcessLock;
	union _LARGE_INTEGER CreateTime, ExitTime;
	struct _EX_RUNDOWN_REF RundownProtect;
	u8 Gap1[0x20 + (BUILD & 0x70)];
	void *UniqueProcessId;
	struct _LIST_ENTRY ActiveProcessLinks;
	uptr CommitCharge, PeakVirtualSize, VirtualSize;
	struct _LIST_ENTRY SessionProcessLinks;
	void *DebugPort;
	struct _HANDLE_TABLE *ObjectTable;
	FAST_REF Token;
	uptr NumberOfPrivatePages, NumberOfLockedPages, ModifiedPageCount;
	struct _MMPTE *CloneRoot;
	void *DeviceMap, *Job, *Win32Process;
	void *SectionBaseAddress;
	void *InheritedFromUniqueProcessId;
	struct _PEB *Peb;
	struct _MM_SESSION_SPACE *Session;
#if WIDE && BUILD >= 10240
	struct _EWOW64PROCESS *WoW64Process;
#elif WIDE
	void *Wow64Process;
#endif
	u8 ImageFileName[15], PriorityClass;
	struct _LIST_ENTRY ThreadListHead;
	u32 ActiveThreads, Flags, ExitStatus, Cookie;
#if !WIDE || BUILD < 17134
	struct _MMSUPPORT Vm;
#endif
	u8 Gap3[0x20];
#if BUILD < 9600
	struct _MM_AVL_TABLE VadRoot;
#else
	struct _RTL_AVL_TREE VadRoot;
	void *VadHint;
	uptr VadCount;
#endif
	u8 Gap4[0x100];
};

/* What debuggers find by name. */
#define CSDVERSION 0
#define BUILDLAB "symres_fixture"
#define OFFSETS
#if WIDE && BUILD >= 9600
#define USERTOP 0x00007ffffffeffffULL
#define SYSTEMSTART 0xffff800000000000ULL
#define USERPROBE 0x7fffffff0000ULL
#elif WIDE
#define USERTOP 0x7fffffeffffULL
#define SYSTEMSTART 0xffff080000000000ULL
#define USERPROBE 0x7fffffe0000ULL
#else
#define USERTOP 0x7ffeffff
#define SYSTEMSTART 0x80000000
#define USERPROBE 0x7fff0000
#endif
#if WIDE && BUILD >= 17134
#define PTEBASE
#endif
#include "ntkd.h"
u32 NtBuildNumber = 0xf0000000 | BUILD, KeNumberProcessors = 1;
uptr KeActiveProcessors = 1;
#if WIDE && BUILD >= 6000
struct _OBJECT_TYPE *ObTypeIndexTable[64] = {0, (void *)0xbad0b0b0};
u8 ObpInfoMaskToOffset[64];
#if BUILD >= 10240
u8 ObHeaderCookie;
#endif
#endif

#undef AT
#define AT(t, f, x86, x64) _Static_assert(__builtin_offsetof(struct t, f) == (WIDE ? (x64) : (x86)), #t "." #f)
AT(_FILE_OBJECT, FileName, 0x30, 0x58);
AT(_LDR_DATA_TABLE_ENTRY, TimeDateStamp, 0x44, 0x80); AT(_KLDR_DATA_TABLE_ENTRY, CheckSum, 0x40, 0x78);
#if BUILD < 6000
AT(_MMVAD, StartingVpn, 0x0c, 0x18); AT(_MMVAD, u, 0x14, 0x28); AT(_MMVAD, ControlArea, 0x18, 0x30);
AT(_MMVAD, FirstPrototypePte, 0x1c, 0x38); AT(_MMVAD, u2, 0x24, 0x48);
AT(_CONTROL_AREA, FilePointer, 0x24, 0x30);
#elif BUILD < 9200
AT(_MMVAD, StartingVpn, 0x0c, 0x18); AT(_MMVAD, u, 0x14, 0x28); AT(_MMVAD, Subsection, 0x24, 0x48);
AT(_MMVAD, FirstPrototypePte, 0x28, 0x50); AT(_MMVAD, VadsProcess, 0x38, 0x70);
AT(_CONTROL_AREA, FilePointer, 0x24, 0x40); AT(_SUBSECTION, PtesInSubsection, 0x0c, 0x18); AT(_SUBSECTION, StartingSector, 0x18, 0x2c);
#elif BUILD < 9600
AT(_MMVAD_SHORT, StartingVpn, 0x0c, 0x18); AT(_MMVAD_SHORT, u, 0x18, 0x28); AT(_MMVAD_SHORT, ReferenceCount, 0x24, 0x38);
AT(_MMVAD, u2, 0x28, 0x40); AT(_MMVAD, Subsection, 0x2c, 0x48); AT(_MMVAD, FirstPrototypePte, 0x30, 0x50);
#elif BUILD < 28000
AT(_MMVAD_SHORT, StartingVpn, 0x0c, 0x18); AT(_MMVAD_SHORT, u, 0x1c, 0x30); AT(_MMVAD_SHORT, EventList, 0x24, 0x38);
AT(_MMVAD, Subsection, 0x2c, 0x48); AT(_MMVAD, FirstPrototypePte, 0x30, 0x50); AT(_MMVAD, FileObject, 0x48, 0x80);
#else
AT(_MMVAD, u2, 0, 0x48); AT(_MMVAD, Subsection, 0, 0x50); AT(_MMVAD, FirstPrototypePte, 0, 0x58);
#endif
#if BUILD >= 9200
AT(_SUBSECTION, StartingSector, 0x14, 0x24); AT(_SUBSECTION, PtesInSubsection, 0x1c, 0x2c); AT(_CONTROL_AREA, FilePointer, 0x20, 0x40);
#endif

/* A pointer to a structure keeps its type record. */
#define KEEP(t) struct t *keep##t
KEEP(_MMPTE); KEEP(_EPROCESS); KEEP(_MMVAD); KEEP(_MMVAD_SHORT); KEEP(_SUBSECTION); KEEP(_CONTROL_AREA); KEEP(_FILE_OBJECT);
KEEP(_KLDR_DATA_TABLE_ENTRY); KEEP(_SEGMENT); KEEP(_EWOW64PROCESS);

#if WIDE
#define NTAPI
#else
#define NTAPI __attribute__((stdcall))
#endif
NTAPI s32 KeSetEvent(void *event, s32 inc, u8 wait) { return inc + wait + (event != 0); }
__attribute__((section("INIT"))) NTAPI u32 KiSystemStartup(void *block) { return block == &KdDebuggerDataBlock ? NtBuildNumber : (u32)((struct _EPROCESS *)block)->ImageFileName[0]; }
