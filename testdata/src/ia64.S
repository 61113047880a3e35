/* Code and data of the Itanium images. The assembler knows nothing of IA-64, so
   functions are bundles as the Intel Itanium manual encodes them: two of three
   no-operations, and br.ret.sptk.many b0. The linker takes the objects for x64;
   the command ia64 then says what they are. */
	.macro fn name
	.globl \name
	.p2align 5
\name:
	.byte 0x09,0x00,0x00,0x00,0x01,0x00,0x00,0x00,0x00,0x02,0x00,0x00,0x00,0x00,0x04,0x00
	.byte 0x11,0x00,0x00,0x00,0x01,0x00,0x00,0x00,0x00,0x02,0x00,0x80,0x08,0x00,0x84,0x00
	.endm
	.text
#if defined(KERNEL)
	fn KiCallUserMode
	fn RtlpBreakWithStatusInstruction
	fn KeBugCheck2
	fn KeBugCheckEx
	fn IofCallDriver
	fn NtFsControlFile
	fn KiSwapContext
	fn KeWaitForSingleObject
	fn PspSystemThreadStartup
	fn Phase1Initialization
	.section INIT,"xr"
	fn KiSystemStartup
#elif defined(DRIVER)
	fn FsRecDispatch
	fn FsRecUnload
	fn DriverEntry
	.data
	.globl FsRecDriver
FsRecDriver: /* what is called by pointers: address, global pointer */
	.quad FsRecDispatch, FsRecDriver, FsRecUnload, FsRecDriver
#else
	fn FrameCreate
	fn FrameNavigate
	fn DllMain
	.section .rdata,"dr"
	.globl FrameTitle
FrameTitle:
	.asciz "fixture"
	.data
	.globl FrameVersion
FrameVersion:
	.quad 6, FrameCreate, FrameVersion, FrameNavigate, FrameVersion
	.bss
	.globl FrameSpace
FrameSpace:
	.zero 0x15800
#endif
