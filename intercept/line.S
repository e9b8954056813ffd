/* SPDX-License-Identifier: Apache-2.0 */
/*
 * int userline_raw(dst, src): a line of core/base/attrs.h as of one moment, as attrs_read_plain()
 * reads it (loads are not reordered on this machine). 0, 1: it is being written, 2: it cannot be
 * read; the fault handler moves the instruction pointer from within to userline_fault.
 */
	.text
	.globl userline_raw, userline_raw_end, userline_fault
userline_raw:
	mov	(%rsi), %rax
	mov	8(%rsi), %rcx
	mov	16(%rsi), %rdx
	mov	24(%rsi), %r8
	mov	32(%rsi), %r9
	mov	40(%rsi), %r10
	mov	48(%rsi), %r11
	mov	%rax, (%rdi)
	mov	%rcx, 8(%rdi)
	mov	56(%rsi), %rcx
	cmp	(%rsi), %eax
userline_raw_end:
	jne	1f
	test	$1, %al
	jnz	1f
	mov	%rdx, 16(%rdi)
	mov	%r8, 24(%rdi)
	mov	%r9, 32(%rdi)
	mov	%r10, 40(%rdi)
	mov	%r11, 48(%rdi)
	mov	%rcx, 56(%rdi)
	xor	%eax, %eax
	ret
1:	mov	$1, %eax
	ret
userline_fault:
	mov	$2, %eax
	ret

/*
 * int useradd_raw(at, n, old): adds n to a number that others add to as well. 0, or 1: a fault.
 * int userput_raw(at, value): writes it, as one.
 */
	.globl useradd_raw, useradd_raw_end, userput_raw, userput_raw_end, userput_fault
useradd_raw:
	lock xadd %rsi, (%rdi)
useradd_raw_end:
	mov	%rsi, (%rdx)
	xor	%eax, %eax
	ret
userput_raw:
	mov	%rsi, (%rdi)
userput_raw_end:
	xor	%eax, %eax
	ret
userput_fault:
	mov	$1, %eax
	ret

	.section .note.GNU-stack,"",@progbits
