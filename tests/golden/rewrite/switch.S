/* SPDX-License-Identifier: Apache-2.0 */
/* The syscall is where a jump table leads: what stands before it stays. */
	.text
	.globl shape
	.type shape, @function
shape:
	and	$1, %edi
	lea	table(%rip), %rdx
	movslq	(%rdx, %rdi, 4), %rcx
	add	%rdx, %rcx
	mov	$110, %eax
	jmp	*%rcx
1:	mov	$39, %eax
2:	syscall
	mov	%rax, %rbx
	ret
	.size shape, . - shape
	.section .rodata
	.p2align 2
table:	.long 1b - table, 2b - table
	.text
