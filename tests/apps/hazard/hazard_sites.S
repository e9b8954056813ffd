/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places in which a syscall instruction may stand: see hazard_site.c. Each site_* is a hazard_call
 * (nr, a, b, c); those that say "open" know their number and ignore nr.
 */
	.macro ARGUMENTS
	mov	%rsi, %rdi
	mov	%rdx, %rsi
	mov	%rcx, %rdx
	.endm

	.macro FUNCTION name
	.globl \name
	.type \name, @function
\name:
	.endm

	.text

/* The instruction's two bytes lie in two pages. */
	.p2align 12
	.skip 4096 - 13, 0x90
FUNCTION site_crosses_page
	mov	%rdi, %rax
	ARGUMENTS
	syscall
	ret

/* What stands before it does: open. */
	.p2align 12
	.skip 4096 - 11, 0x90
FUNCTION site_before_crosses
	ARGUMENTS
	mov	$2, %eax
	syscall
	ret

/* What stands behind it does. */
	.p2align 12
	.skip 4096 - 15, 0x90
FUNCTION site_behind_crosses
	mov	%rdi, %rax
	ARGUMENTS
	syscall
	mov	%rax, %r9
	ret

	.p2align 4
/* open */
FUNCTION site_known
	ARGUMENTS
	mov	$2, %eax
	syscall
	ret

FUNCTION site_endbr
	mov	%rdi, %rax
	ARGUMENTS
	jmp	1f
	.p2align 4
1:	endbr64
	syscall
	ret

/* The syscall is the first instruction of a function, and a target. */
FUNCTION site_first
	mov	%rdi, %rax
	ARGUMENTS
	jmp	site_bare
	.p2align 4
FUNCTION site_bare
	syscall
	nopw	0(%rax,%rax)
	ret

/* Jumped to by a loop that has set another number: two getppid, then nr. */
FUNCTION site_loop
	mov	%rdi, %r9
	ARGUMENTS
	mov	$2, %r8d
	mov	$110, %eax
1:	syscall
	sub	$1, %r8d
	js	2f
	mov	$110, %eax
	jnz	1b
	mov	%r9, %rax
	jmp	1b
2:	ret

/* Three ways in, with another number each: open, read, close. */
FUNCTION site_three_ways
	mov	%rdi, %r8
	ARGUMENTS
	mov	$2, %eax
	cmp	$2, %r8d
	je	1f
	mov	$0, %eax
	cmp	$0, %r8d
	je	1f
	mov	$3, %eax
1:	syscall
	ret

/* Reached by an address in a register; the way that falls into it says getppid. */
FUNCTION site_indirect
	mov	%rdi, %rax
	ARGUMENTS
	lea	1f(%rip), %r8
	test	%r8, %r8
	jz	2f
	jmp	*%r8
2:	mov	$110, %eax
1:	syscall
	ret

/* Reached by a table of distances, as compilers make them of a switch. */
FUNCTION site_table
	mov	%rdi, %rax
	ARGUMENTS
	mov	$2, %r9d
	lea	site_distances(%rip), %r8
	cmp	$3, %r9d
	ja	2f
	movslq	(%r8,%r9,4), %r9
	add	%r8, %r9
	jmp	*%r9
2:	mov	$110, %eax
1:	syscall
	ret
	.pushsection .rodata
	.p2align 2
site_distances:
	.long	2b - site_distances, 2b - site_distances, 1b - site_distances, 2b - site_distances
	.popsection

/* A system call inside another instruction: run as one, and read as a number. */
FUNCTION site_inside
	mov	%rdi, %rax
	ARGUMENTS
	lea	2 + 4 + site_number(%rip), %r8
	jmp	*%r8
FUNCTION site_number
	movabs	$0x11c3050f11111111, %r8
	mov	%r8, %rax
	ret

/* Data in the text that looks like open and a syscall. */
	.globl site_data
	.type site_data, @object
site_data:
	.byte	0xb8, 2, 0, 0, 0, 0x0f, 0x05, 0xc3, 0x0f, 0x05, 0x0f, 0x05, 0xcd, 0x80, 0x0f, 0x34
	.size site_data, . - site_data
	jmp	site_bare
	.globl site_data_unnamed
site_data_unnamed = .
	.byte	0x11, 2, 0, 0, 0, 0x0f, 0x05, 0xc3, 0x0f, 0x05, 0x0f, 0x05, 0xcd, 0x80, 0x0f, 0x34

/* open; its name is reached relative to the instruction. */
FUNCTION site_relative_before
	mov	$2, %eax
	xor	%esi, %esi
	lea	hazard_small(%rip), %rdi
	syscall
	ret

FUNCTION site_relative_behind
	mov	%rdi, %rax
	ARGUMENTS
	jmp	1f
1:	syscall
	mov	%rax, site_result(%rip)
	xor	%eax, %eax
	add	site_result(%rip), %rax
	ret

FUNCTION site_branch_behind
	mov	%rdi, %rax
	ARGUMENTS
	jmp	1f
1:	syscall
	cmp	$-4095, %rax
	jae	2f
	ret
2:	or	$-1, %rax
	ret

FUNCTION site_call_behind
	mov	%rdi, %rax
	ARGUMENTS
	jmp	1f
1:	syscall
	call	site_nothing
	ret
FUNCTION site_nothing
	ret

/* The stack pointer moves right before and right behind. */
FUNCTION site_push
	mov	%rdi, %rax
	ARGUMENTS
	push	%rbx
	push	%rdx
	syscall
	pop	%rdx
	pop	%rbx
	ret

/* Two that are nearer to each other than a jump is long. */
FUNCTION site_neighbours
	mov	%rdi, %r9
	ARGUMENTS
	mov	$110, %eax
	syscall
	mov	%r9, %rax
	syscall
	ret

/* With a prefix that changes nothing. */
FUNCTION site_prefixed
	mov	%rdi, %rax
	ARGUMENTS
	.byte	0x48, 0x0f, 0x05
	ret

/* In a cold part that a function far away jumps to, as compilers split them. */
	.pushsection .text.unlikely, "ax", @progbits
1:	mov	$2, %eax
	syscall
	jmp	2f
	.popsection
FUNCTION site_cold
	ARGUMENTS
	jmp	1b
2:	ret

/* exit; what follows at once is another function. */
FUNCTION site_exit
	ARGUMENTS
	mov	$60, %eax
	syscall
FUNCTION site_after_exit
	mov	$42, %eax
	ret

	.local site_result
	.comm site_result, 8, 8

	.section .note.GNU-stack, "", @progbits
