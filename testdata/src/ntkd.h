/* What every kernel image of ours has for debuggers: variables they find by
   name, and the block that holds the addresses of these. Its fields and their
   order are those of the public header wdbgexts.h; the kernel's own values are
   given by the source that includes this. */
#ifdef _WIN64
typedef void *kdptr;
#define P(x) (void *)&x
#define OFFSETS /* what structures have where: 32-bit kernels have that since Windows Server 2003 */
#else
typedef struct { void *Low; u32 High; } kdptr; /* the kernel extends it by sign when it starts */
#define P(x) {(void *)&x, 0}
#endif
#define AT(t, f, o) _Static_assert(__builtin_offsetof(struct t, f) == (o), #t "." #f)

struct _KDDEBUGGER_DATA64 {
	u64 Flink, Blink;
	u32 OwnerTag, Size;
	u64 KernBase;
	kdptr BreakpointWithStatus;
	u64 SavedContext;
	u16 ThCallbackStack, NextCallback, FramePointer, PaeEnabled;
	kdptr KiCallUserMode;
	u64 KeUserCallbackDispatcher;
	kdptr PsLoadedModuleList, PsActiveProcessHead, PspCidTable;
	u64 ExpSystemResourcesList, ExpPagedPoolDescriptor, ExpNumberOfPagedPools;
	kdptr KeTimeIncrement, KeBugCheckCallbackListHead, KiBugcheckData;
	u64 IopErrorLogListHead;
	kdptr ObpRootDirectoryObject, ObpTypeObjectType;
	u64 MmSystemCacheStart, MmSystemCacheEnd, MmSystemCacheWs;
	kdptr MmPfnDatabase;
	u64 MmSystemPtesStart, MmSystemPtesEnd;
	kdptr MmSubsectionBase, MmNumberOfPagingFiles, MmLowestPhysicalPage, MmHighestPhysicalPage, MmNumberOfPhysicalPages;
	u64 MmMaximumNonPagedPoolInBytes;
	kdptr MmNonPagedSystemStart, MmNonPagedPoolStart, MmNonPagedPoolEnd, MmPagedPoolStart, MmPagedPoolEnd;
	u64 MmPagedPoolInformation, MmPageSize;
	u64 MmSizeOfPagedPoolInBytes, MmTotalCommitLimit, MmTotalCommittedPages, MmSharedCommit, MmDriverCommit, MmProcessCommit,
		MmPagedPoolCommit, MmExtendedCommit, MmZeroedPageListHead, MmFreePageListHead, MmStandbyPageListHead, MmModifiedPageListHead,
		MmModifiedNoWritePageListHead, MmAvailablePages, MmResidentAvailablePages, PoolTrackTable, NonPagedPoolDescriptor;
	kdptr MmHighestUserAddress, MmSystemRangeStart, MmUserProbeAddress;
	u64 KdPrintCircularBuffer, KdPrintCircularBufferEnd, KdPrintWritePointer, KdPrintRolloverCount, MmLoadedUserImageList;
	kdptr NtBuildLab;
	u64 KiNormalSystemCall;
	kdptr KiProcessorBlock, MmUnloadedDrivers, MmLastUnloadedDriver;
	u64 MmTriageActionTaken, MmSpecialPoolTag, KernelVerifier, MmVerifierData, MmAllocatedNonPagedPool, MmPeakCommitment,
		MmTotalCommitLimitMaximum;
	kdptr CmNtCSDVersion;
	u64 MmPhysicalMemoryBlock, MmSessionBase, MmSessionSize, MmSystemParentTablePage;
#ifdef OFFSETS
	u64 MmVirtualTranslationBase;
	u16 OffsetKThreadNextProcessor, OffsetKThreadTeb, OffsetKThreadKernelStack, OffsetKThreadInitialStack, OffsetKThreadApcProcess,
		OffsetKThreadState, OffsetKThreadBStore, OffsetKThreadBStoreLimit;
	u16 SizeEProcess, OffsetEprocessPeb, OffsetEprocessParentCID, OffsetEprocessDirectoryTableBase;
	u16 SizePrcb, OffsetPrcbDpcRoutine, OffsetPrcbCurrentThread, OffsetPrcbMhz, OffsetPrcbCpuType, OffsetPrcbVendorString,
		OffsetPrcbProcStateContext, OffsetPrcbNumber, SizeEThread;
	u64 KdPrintCircularBufferPtr, KdPrintBufferSize, KeLoaderBlock;
	u16 SizePcr, OffsetPcrSelfPcr, OffsetPcrCurrentPrcb, OffsetPcrContainedPrcb, OffsetPcrInitialBStore, OffsetPcrBStoreLimit,
		OffsetPcrInitialStack, OffsetPcrStackLimit, OffsetPrcbPcrPage, OffsetPrcbProcStateSpecialReg;
	u16 GdtR0Code, GdtR0Data, GdtR0Pcr, GdtR3Code, GdtR3Data, GdtR3Teb, GdtLdt, GdtTss, Gdt64R3CmCode, Gdt64R3CmTeb;
	u64 IopNumTriageDumpDataBlocks, IopTriageDumpDataBlocks, VfCrashDataBlock, MmBadPagesDetected, MmZeroedPageSingleBitErrorsDetected,
		EtwpDebuggerData;
	u16 OffsetPrcbContext;
#ifdef PTEBASE
	u8 Rest[0x360 - 0x33a];
	u64 PteBase;
	u8 End[0x380 - 0x368];
#endif
#endif
};
AT(_KDDEBUGGER_DATA64, PsLoadedModuleList, 0x48); AT(_KDDEBUGGER_DATA64, MmPfnDatabase, 0xc0); AT(_KDDEBUGGER_DATA64, MmSubsectionBase, 0xd8);
AT(_KDDEBUGGER_DATA64, MmNonPagedPoolStart, 0x110); AT(_KDDEBUGGER_DATA64, MmPagedPoolStart, 0x120); AT(_KDDEBUGGER_DATA64, MmPageSize, 0x138);
AT(_KDDEBUGGER_DATA64, MmUserProbeAddress, 0x1d8); AT(_KDDEBUGGER_DATA64, KiProcessorBlock, 0x218); AT(_KDDEBUGGER_DATA64, MmUnloadedDrivers, 0x220);
AT(_KDDEBUGGER_DATA64, CmNtCSDVersion, 0x268);
#ifdef OFFSETS
AT(_KDDEBUGGER_DATA64, SizeEProcess, 0x2a8); AT(_KDDEBUGGER_DATA64, OffsetPrcbProcStateContext, 0x2bc); AT(_KDDEBUGGER_DATA64, OffsetPrcbProcStateSpecialReg, 0x2f2);
#endif

struct _LIST_ENTRY PsLoadedModuleList = {&PsLoadedModuleList, &PsLoadedModuleList};
struct _LIST_ENTRY PsActiveProcessHead = {&PsActiveProcessHead, &PsActiveProcessHead};
struct _LIST_ENTRY KdpDebuggerDataListHead, MiSessionWsList, KeBugCheckCallbackListHead = {&KeBugCheckCallbackListHead, &KeBugCheckCallbackListHead};
void *PspCidTable, *MmPfnDatabase, *MmUnloadedDrivers, *ObpRootDirectoryObject, *PsInitialSystemProcess, *PsIdleProcess, *KiBugCheckData[5], *MiSessionIdBitmap;
struct _OBJECT_TYPE *ObpTypeObjectType, *PsProcessType, *PsThreadType, *IoFileObjectType, *ExEventObjectType, *MmSectionObjectType;
struct _KPRCB *KiProcessorBlock[32];
uptr MmSubsectionBase, MmNonPagedSystemStart, MmNonPagedPoolStart, MmNonPagedPoolEnd, MmPagedPoolStart, MmPagedPoolEnd;
u32 MmLastUnloadedDriver, MmNumberOfPagingFiles = 1, NtGlobalFlag;
uptr MmLowestPhysicalPage = 1, MmHighestPhysicalPage = 0x7ffff, MmNumberOfPhysicalPages = 0x80000;
u32 KeTimeIncrement = 0x2625a, KeMaximumIncrement = 0x2625a, CmNtCSDVersion = CSDVERSION;
u64 KeTickCount[2] = {0x38400};
void *MmHighestUserAddress = (void *)USERTOP, *MmSystemRangeStart = (void *)SYSTEMSTART, *MmUserProbeAddress = (void *)USERPROBE;
const char NtBuildLab[64] = BUILDLAB;
extern void KiCallUserMode(void), RtlpBreakWithStatusInstruction(void);

/* What the numbers of threads mean: debuggers print the names of these. */
enum _KWAIT_REASON { Executive, FreePage, PageIn, PoolAllocation, DelayExecution, Suspended, UserRequest, WrExecutive, WrFreePage, WrPageIn,
	WrPoolAllocation, WrDelayExecution, WrSuspended, WrUserRequest, WrEventPair, WrQueue, WrLpcReceive, WrLpcReply, MaximumWaitReason };
enum _KTHREAD_STATE { Initialized, Ready, Running, Standby, Terminated, Waiting, Transition, DeferredReady, GateWait };
enum _KWAIT_REASON keep_reason;
enum _KTHREAD_STATE keep_state;

#define OFF(t, f) __builtin_offsetof(struct _##t, f)
struct _KDDEBUGGER_DATA64 KdDebuggerDataBlock = {
	.OwnerTag = 0x4742444b, .Size = sizeof(struct _KDDEBUGGER_DATA64), .BreakpointWithStatus = P(RtlpBreakWithStatusInstruction),
	.KiCallUserMode = P(KiCallUserMode),
	.PsLoadedModuleList = P(PsLoadedModuleList), .PsActiveProcessHead = P(PsActiveProcessHead), .PspCidTable = P(PspCidTable),
	.KeTimeIncrement = P(KeTimeIncrement), .KeBugCheckCallbackListHead = P(KeBugCheckCallbackListHead), .KiBugcheckData = P(KiBugCheckData),
	.ObpRootDirectoryObject = P(ObpRootDirectoryObject), .ObpTypeObjectType = P(ObpTypeObjectType),
	.MmPfnDatabase = P(MmPfnDatabase), .MmSubsectionBase = P(MmSubsectionBase), .MmNumberOfPagingFiles = P(MmNumberOfPagingFiles),
	.MmLowestPhysicalPage = P(MmLowestPhysicalPage), .MmHighestPhysicalPage = P(MmHighestPhysicalPage), .MmNumberOfPhysicalPages = P(MmNumberOfPhysicalPages),
	.MmNonPagedSystemStart = P(MmNonPagedSystemStart), .MmNonPagedPoolStart = P(MmNonPagedPoolStart), .MmNonPagedPoolEnd = P(MmNonPagedPoolEnd),
	.MmPagedPoolStart = P(MmPagedPoolStart), .MmPagedPoolEnd = P(MmPagedPoolEnd), .MmPageSize = 0x1000,
	.MmHighestUserAddress = P(MmHighestUserAddress), .MmSystemRangeStart = P(MmSystemRangeStart), .MmUserProbeAddress = P(MmUserProbeAddress),
	.NtBuildLab = P(NtBuildLab), .KiProcessorBlock = P(KiProcessorBlock),
	.MmUnloadedDrivers = P(MmUnloadedDrivers), .MmLastUnloadedDriver = P(MmLastUnloadedDriver), .CmNtCSDVersion = P(CmNtCSDVersion),
#ifdef _WIN64
	.MmVirtualTranslationBase = 0xfffff68000000000ULL, .NextCallback = 0x38,
	.OffsetPcrSelfPcr = OFF(KPCR, Self), .OffsetPcrCurrentPrcb = OFF(KPCR, CurrentPrcb), .OffsetPcrContainedPrcb = OFF(KPCR, Prcb),
	.GdtR0Code = 0x10, .GdtR0Data = 0x18, .GdtR0Pcr = 0x18, .GdtR3Code = 0x33, .GdtR3Data = 0x2b, .GdtR3Teb = 0x53, .GdtTss = 0x40,
	.Gdt64R3CmCode = 0x23, .Gdt64R3CmTeb = 0x53,
#ifdef PTEBASE
	.PteBase = 0xfffff68000000000ULL,
#endif
#else
	.NextCallback = 8, .FramePointer = 0x14,
#ifdef OFFSETS
	.OffsetPcrSelfPcr = OFF(KPCR, SelfPcr), .OffsetPcrCurrentPrcb = OFF(KPCR, Prcb), .OffsetPcrContainedPrcb = OFF(KPCR, PrcbData),
	.GdtR0Code = 8, .GdtR0Data = 0x10, .GdtR0Pcr = 0x30, .GdtR3Code = 0x1b, .GdtR3Data = 0x23, .GdtR3Teb = 0x3b, .GdtLdt = 0x48, .GdtTss = 0x28,
#endif
#endif
	.ThCallbackStack = OFF(KTHREAD, CallbackStack),
#ifdef OFFSETS
	.OffsetKThreadNextProcessor = OFF(KTHREAD, NextProcessor), .OffsetKThreadTeb = OFF(KTHREAD, Teb), .OffsetKThreadKernelStack = OFF(KTHREAD, KernelStack),
	.OffsetKThreadInitialStack = OFF(KTHREAD, InitialStack), .OffsetKThreadApcProcess = OFF(KTHREAD, ApcState.Process), .OffsetKThreadState = OFF(KTHREAD, State),
	.SizeEProcess = sizeof(struct _EPROCESS), .OffsetEprocessPeb = OFF(EPROCESS, Peb), .OffsetEprocessParentCID = OFF(EPROCESS, InheritedFromUniqueProcessId),
	.OffsetEprocessDirectoryTableBase = OFF(EPROCESS, Pcb.DirectoryTableBase), .SizePrcb = sizeof(struct _KPRCB),
	.OffsetPrcbDpcRoutine = OFF(KPRCB, DpcRoutineActive), .OffsetPrcbCurrentThread = OFF(KPRCB, CurrentThread), .OffsetPrcbMhz = OFF(KPRCB, MHz),
	.OffsetPrcbCpuType = OFF(KPRCB, CpuType), .OffsetPrcbVendorString = OFF(KPRCB, VendorString),
	.OffsetPrcbProcStateContext = OFF(KPRCB, ProcessorState.ContextFrame), .OffsetPrcbNumber = OFF(KPRCB, Number), .SizeEThread = sizeof(struct _ETHREAD),
	.SizePcr = sizeof(struct _KPCR), .OffsetPrcbProcStateSpecialReg = OFF(KPRCB, ProcessorState.SpecialRegisters),
#endif
};
