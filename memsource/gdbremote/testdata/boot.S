/* A boot sector that enters long mode and halts. Its tables map the first
   2 MiB by 4 KiB pages and the next 2 MiB by one large page, both at 0 and at
   ffffffff80000000, but for page 0x100: its entry is not valid and has the form
   of one in a Windows paging file, page 0x1234 of file 0, protection 4. */
.code16
.globl _start
_start:
	cli
	xor %ax, %ax
	mov %ax, %ds
	mov %ax, %es
	mov %ax, %ss
	mov $0x7c00, %sp
	in $0x92, %al              /* A20 */
	or $2, %al
	out %al, $0x92
	cld
	mov $0x1000, %di           /* clear the tables, 1000 to 7000 */
	xor %eax, %eax
	mov $0x1800, %cx
	rep stosl
	movl $0x2003, 0x1000       /* both ends of the PML4 */
	movl $0x2003, 0x1ff8
	movl $0x3003, 0x2000       /* both ends of the PDPT */
	movl $0x3003, 0x2ff0
	movl $0x4003, 0x3000
	movl $0x200083, 0x3008     /* the large page */
	mov $0x4000, %di
	mov $3, %eax
	mov $512, %cx
1:	mov %eax, (%di)
	add $0x1000, %eax
	add $8, %di
	loop 1b
	movl $0x80, 0x4800         /* page 100 */
	movl $0x1234, 0x4804
	mov %cr4, %eax
	or $0x20, %eax             /* PAE */
	mov %eax, %cr4
	mov $0x1000, %eax
	mov %eax, %cr3
	mov $0xc0000080, %ecx      /* EFER.LME */
	rdmsr
	or $0x100, %eax
	wrmsr
	mov %cr0, %eax
	or $0x80000001, %eax       /* PG, PE */
	mov %eax, %cr0
	lgdtl gdtr
	ljmpl $8, $long
.align 8
gdt:	.quad 0, 0x00209a0000000000, 0x0000920000000000
gdtr:	.word 23
	.long gdt
.code64
long:
	mov $16, %eax
	mov %eax, %ds
	mov %eax, %ss
	movabs $0x1122334455667788, %rax
	mov %rax, 0x9000
	movl $0x5a4d, 0x200000     /* MZ, last of all */
2:	hlt
	jmp 2b
.org 510
.word 0xaa55
