# Functions of the x64 kernels whose frames the stacks of dumps have: each takes
# some bytes below its return address, says so in its unwind codes, and calls
# the next.
	.macro fn name callee frame=0x28
	.globl \name
	.p2align 4
\name:
	.seh_proc \name
	subq $\frame, %rsp
	.seh_stackalloc \frame
	.seh_endprologue
	callq \callee
	nop
	addq $\frame, %rsp
	retq
	.seh_endproc
	.endm
	.text
	.globl KiCallUserMode
	.p2align 4
KiCallUserMode:
	retq
	.globl RtlpBreakWithStatusInstruction
	.p2align 4
RtlpBreakWithStatusInstruction:
	int3
	retq
	fn KeBugCheck2 KiCallUserMode
	fn KeBugCheckEx KeBugCheck2
	fn IofCallDriver KeBugCheckEx
	fn IopSynchronousServiceTail IofCallDriver 0x48
	fn IopXxxControlFile IopSynchronousServiceTail 0x58
	fn NtFsControlFile IopXxxControlFile 0x38
	fn KiSwapContext KiCallUserMode 0x138
	fn KiCommitThreadWait KiSwapContext
	fn KeWaitForSingleObject KiCommitThreadWait 0x48
	fn NtWaitForSingleObject KeWaitForSingleObject 0x38
	fn IopPageRead KeWaitForSingleObject 0x38
	fn MmAccessFault IopPageRead 0x58
	fn PspSystemThreadStartup KeWaitForSingleObject
	fn Phase1Initialization KiCallUserMode
# A system call: the processor's or our machine frame, then the rest of KTRAP_FRAME (168h bytes).
	.macro trap name callee
	.globl \name
	.p2align 4
\name:
	.seh_proc \name
	.seh_pushframe
	subq $0x168, %rsp
	.seh_stackalloc 0x168
	.seh_endprologue
	callq \callee
	nop
	addq $0x168, %rsp
	iretq
	.seh_endproc
	.endm
	trap KiSystemServiceCopyEnd NtFsControlFile
	trap KiSystemServiceExit NtWaitForSingleObject
	trap KiPageFault MmAccessFault
	.globl KiStartSystemThread
	.p2align 4
KiStartSystemThread:
	.seh_proc KiStartSystemThread
	subq $0x28, %rsp
	.seh_stackalloc 0x28
	.seh_endprologue
	callq PspSystemThreadStartup
	nop
	retq
	.seh_endproc
