/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that cannot be C: the entry from the kernel, the jump into the program, the gates in
 * which a passed syscall runs on the program's own stack and registers, copies that may fault, and
 * a new thread's first steps.
 *
 * Offsets into struct thread (checked in thread.c).
 */
#define T_GATE_RET 8
#define T_GATE_ARGS 16
#define T_SITE 64
#define T_NR 72
#define T_RETRY 80

	.text

/* The kernel starts us here: rsp points to argc. */
	.globl _start
	.type _start, @function
_start:
	xor	%ebp, %ebp
	mov	%rsp, %rdi
	lea	_DYNAMIC(%rip), %rsi
	lea	__ehdr_start(%rip), %rdx
	and	$-16, %rsp
	call	rt_start
	ud2

/* rt_enter(sp, entry): into the program, with registers as execve(2) leaves them. */
	.globl rt_enter
rt_enter:
	mov	%rdi, %rsp
	mov	%rsi, %rcx
	xor	%eax, %eax
	xor	%ebx, %ebx
	xor	%edx, %edx
	xor	%esi, %esi
	xor	%edi, %edi
	xor	%ebp, %ebp
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	xor	%r10d, %r10d
	xor	%r11d, %r11d
	xor	%r12d, %r12d
	xor	%r13d, %r13d
	xor	%r14d, %r14d
	xor	%r15d, %r15d
	jmp	*%rcx

/*
 * The gates. A passed syscall runs here, outside the SIGSYS handler, so that signals interrupt it
 * as they would natively.
 * Only rcx and r11 may change: those the kernel has clobbered already, and the
 * flags must stay (hence lea and jrcxz). A signal that arrives inside is moved out by gate_leave().
 */
	.globl gate_plain, gate_plain_end
gate_plain:
	syscall
	jmp	*%gs:T_GATE_RET
gate_plain_end:

/* With changed arguments: the program gets its own back. */
	.globl gate_args, gate_args_end
gate_args:
	syscall
	mov	%gs:T_GATE_ARGS, %rdi
	mov	%gs:T_GATE_ARGS+8, %rsi
	mov	%gs:T_GATE_ARGS+16, %rdx
	mov	%gs:T_GATE_ARGS+24, %r10
	mov	%gs:T_GATE_ARGS+32, %r8
	mov	%gs:T_GATE_ARGS+40, %r9
	jmp	*%gs:T_GATE_RET
gate_args_end:

/* A path the kernel does not find is offered to the runtime once more (a symbolic link into the
 * clouds): back to the program's syscall instruction, which traps again. */
	.globl gate_path, gate_path_again, gate_path_end
gate_path:
	syscall
	lea	2(%rax), %rcx
	jrcxz	1f
	jmp	*%gs:T_GATE_RET
gate_path_again:
1:	movl	$1, %gs:T_RETRY
	mov	%gs:T_NR, %rax
	jmp	*%gs:T_SITE
gate_path_end:

/* 32-bit entry of a 64-bit program. */
	.globl gate_int80, gate_int80_end
gate_int80:
	int	$0x80
	jmp	*%gs:T_GATE_RET
gate_int80_end:

/* rt_restorer: where the runtime's own handlers return to. */
	.globl rt_restorer
rt_restorer:
	mov	$15, %eax
	syscall
	ud2

/* rt_sigreturn_at(sp): leave for the context in the frame at sp - 8. */
	.globl rt_sigreturn_at
rt_sigreturn_at:
	mov	%rdi, %rsp
	mov	$15, %eax
	syscall
	ud2

/*
 * long rt_clone_vm(nr, a1, a2, a3, a4, a5, child_frame_sp)
 * A clone whose child shares our memory. The child starts with the stack that the arguments name, a
 * private stack of its own struct thread, and leaves for the program through the frame there.
 */
	.globl rt_clone_vm
rt_clone_vm:
	push	%r12
	mov	16(%rsp), %r12
	mov	%rdi, %rax
	mov	%rsi, %rdi
	mov	%rdx, %rsi
	mov	%rcx, %rdx
	mov	%r8, %r10
	mov	%r9, %r8
	syscall
	test	%rax, %rax
	jz	1f
	pop	%r12
	ret
1:	xor	%ebp, %ebp
	and	$-16, %rsp
	call	rt_child_start
	mov	%r12, %rdi
	jmp	rt_sigreturn_at

/*
 * size_t usercopy_raw(dst, src, n): bytes NOT copied (rcx keeps the count when rep movsb faults).
 * size_t userstr_raw(dst, src, max): length with NUL, max + 1 if there is none, 0 after a fault.
 * The fault handler moves the instruction pointer from within to the *_fault labels.
 */
	.globl usercopy_raw, usercopy_raw_end, usercopy_fault
usercopy_raw:
	mov	%rdx, %rcx
	rep movsb
usercopy_raw_end:
usercopy_fault:
	mov	%rcx, %rax
	ret

	.globl userstr_raw, userstr_raw_end, userstr_fault
userstr_raw:
	xor	%eax, %eax
1:	cmp	%rdx, %rax
	jae	2f
	movzbl	(%rsi,%rax), %ecx
	mov	%cl, (%rdi,%rax)
	inc	%rax
	test	%cl, %cl
	jnz	1b
	ret
2:	lea	1(%rdx), %rax
	ret
userstr_raw_end:
userstr_fault:
	xor	%eax, %eax
	ret

	.section .note.GNU-stack,"",@progbits
