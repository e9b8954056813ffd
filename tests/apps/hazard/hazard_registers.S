/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls with every register chosen and every register told: see hazard_registers.c.
 *
 * hazard_regs: 17 quadwords rax rbx rcx rdx rsi rdi rbp r8 .. r15, flags, before the call; the same
 * behind it in hazard_regs_after, and there the address behind the instruction as the 18th. The
 * stack pointer is hazard_regs_sp, where it is not 0; 128 bytes below it are filled by the caller.
 */
	.macro GENERAL op, area
	\op	\area, 0, %rax
	\op	\area, 8, %rbx
	\op	\area, 16, %rcx
	\op	\area, 24, %rdx
	\op	\area, 32, %rsi
	\op	\area, 40, %rdi
	\op	\area, 48, %rbp
	\op	\area, 56, %r8
	\op	\area, 64, %r9
	\op	\area, 72, %r10
	\op	\area, 80, %r11
	\op	\area, 88, %r12
	\op	\area, 96, %r13
	\op	\area, 104, %r14
	\op	\area, 112, %r15
	.endm
	.macro LOAD area, offset, register
	mov	\offset + \area(%rip), \register
	.endm
	.macro STORE area, offset, register
	mov	\register, \offset + \area(%rip)
	.endm

/* name: a void function that makes one call; before, number: instructions between. */
	.macro CALLER name, before:vararg
	.globl \name
	.type \name, @function
\name:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	pushfq
	mov	%rsp, hazard_regs_own_sp(%rip)
	pushq	120 + hazard_regs(%rip)
	popfq
	GENERAL	LOAD, hazard_regs
	mov	hazard_regs_sp(%rip), %rsp
	\before
	syscall
.Lbehind_\name:
	GENERAL	STORE, hazard_regs_after
	mov	%rsp, 136 + hazard_regs_after(%rip)
	mov	hazard_regs_own_sp(%rip), %rsp
	pushfq
	popq	120 + hazard_regs_after(%rip)
	popfq
	lea	.Lbehind_\name(%rip), %rax
	mov	%rax, 128 + hazard_regs_after(%rip)
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret
	.endm

	.text
/* The number known from the instruction before it, and not. */
	CALLER	regs_any
	CALLER	regs_getppid, mov $110, %eax
	CALLER	regs_read, mov $0, %eax
	CALLER	regs_pread, mov $17, %eax
	CALLER	regs_stat, mov $4, %eax
	CALLER	regs_openat, mov $257, %eax

/* vectors_load(const char *), vectors_store(char *): 16 xmm; 16 ymm; 32 zmm and 7 masks. */
	.macro VECTORS name, move, kind, count, bytes, to
	.globl vectors_\name
	.type vectors_\name, @function
vectors_\name:
	.set	.Lnumber, 0
	.rept	\count
	VECTOR	\move, \kind, %.Lnumber, \bytes, \to
	.set	.Lnumber, .Lnumber + 1
	.endr
	.endm
	.altmacro
	.macro VECTOR move, kind, number, bytes, to
	.if \to
	\move	%\kind\number, \number * \bytes(%rdi)
	.else
	\move	\number * \bytes(%rdi), %\kind\number
	.endif
	.endm

	VECTORS	load_xmm, movups, xmm, 16, 16, 0
	ret
	VECTORS	store_xmm, movups, xmm, 16, 16, 1
	ret
	VECTORS	load_ymm, vmovups, ymm, 16, 32, 0
	ret
	VECTORS	store_ymm, vmovups, ymm, 16, 32, 1
	ret
	VECTORS	load_zmm, vmovups, zmm, 32, 64, 0
	.irp	mask, 1, 2, 3, 4, 5, 6, 7
	kmovq	2048 + \mask * 8(%rdi), %k\mask
	.endr
	ret
	VECTORS	store_zmm, vmovups, zmm, 32, 64, 1
	.irp	mask, 1, 2, 3, 4, 5, 6, 7
	kmovq	%k\mask, 2048 + \mask * 8(%rdi)
	.endr
	ret

	.globl hazard_regs, hazard_regs_after, hazard_regs_sp
	.bss
	.p2align 4
hazard_regs: .skip 160
hazard_regs_after: .skip 160
hazard_regs_sp: .skip 8
hazard_regs_own_sp: .skip 8

	.section .note.GNU-stack, "", @progbits
