# Functions of the x86 kernel whose frames the stacks of dumps have: each sets
# up a frame and calls the next. Those that trap begin with EBP at the trap
# frame, the first two words of which are a frame, too.
	.macro fn name callee
	.globl _\name
	.p2align 4, 0x90
_\name:
	pushl %ebp
	movl %esp, %ebp
	call _\callee
	popl %ebp
	ret
	.endm
	.macro trap name callee
	.globl _\name
	.p2align 4, 0x90
_\name:
	pushl %ebp
	movl %esp, %ebp
	call _\callee
	iretl
	.endm
	.text
	.globl _KiCallUserMode
	.p2align 4, 0x90
_KiCallUserMode:
	ret
	.globl _RtlpBreakWithStatusInstruction
_RtlpBreakWithStatusInstruction:
	int3
	ret
	fn KeBugCheck2 KiCallUserMode
	fn KeBugCheckEx KeBugCheck2
	fn IofCallDriver KeBugCheckEx
	fn IopSynchronousServiceTail IofCallDriver
	fn NtFsControlFile IopSynchronousServiceTail
	fn KiSwapThread KiSwapContext
	fn KeWaitForSingleObject KiSwapThread
	fn NtWaitForSingleObject KeWaitForSingleObject
	fn IopPageRead KeWaitForSingleObject
	fn MmAccessFault IopPageRead
	fn PspSystemThreadStartup KeWaitForSingleObject
	trap KiFastCallEntry NtFsControlFile
	trap KiSystemService NtWaitForSingleObject
	trap KiTrap0E MmAccessFault
	.globl _KiThreadStartup
	.p2align 4, 0x90
_KiThreadStartup:
	call _PspSystemThreadStartup
	ret
# It saves four registers and has no frame; SwapContext, which it calls, leaves
# the return address on the stack of a thread that waits.
	.globl _KiSwapContext
	.p2align 4, 0x90
_KiSwapContext:
	.cv_fpo_proc _KiSwapContext 0
	pushl %ebx
	.cv_fpo_pushreg %ebx
	pushl %esi
	.cv_fpo_pushreg %esi
	pushl %edi
	.cv_fpo_pushreg %edi
	pushl %ebp
	.cv_fpo_pushreg %ebp
	.cv_fpo_endprologue
	call _KiCallUserMode
	popl %ebp
	popl %edi
	popl %esi
	popl %ebx
	ret
	.cv_fpo_endproc
	.section .debug$S,"dr"
	.p2align 2
	.long 4
	.cv_fpo_data _KiSwapContext
	.p2align 2
	.cv_stringtable
