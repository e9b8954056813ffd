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
#define T_CLASSES 96
#define T_FDS 104
#define T_REGS 112
#define T_PASS 368
#define T_RET 376
#define T_STACK 384
#define T_DEFERRED 392
#define T_RESULT 400
#define DEFERRED_CALL 1
#define FLAG_AC 0x40000
#define FLAG_FIXED 2
#define R8 T_REGS
#define R9 T_REGS+8
#define R10 T_REGS+16
#define R11 T_REGS+24
#define R12 T_REGS+32
#define R13 T_REGS+40
#define R14 T_REGS+48
#define R15 T_REGS+56
#define RDI T_REGS+64
#define RSI T_REGS+72
#define RBP T_REGS+80
#define RBX T_REGS+88
#define RDX T_REGS+96
#define RAX T_REGS+104
#define RCX T_REGS+112
#define RSP T_REGS+120
#define RFLAGS T_REGS+136

	.text

/* The kernel starts us here: rsp points to argc. */
	.globl _start
	.type _start, @function
_start:
	xor	%ebp, %ebp
	mov	%rsp, %rdi
	lea	rt_begin(%rip), %rsi
	and	$-16, %rsp
	call	rt_start
	ud2

/* rt_run_on(stack, function, argument): the function does not return. */
	.globl rt_run_on
rt_run_on:
	mov	%rdi, %rsp
	mov	%rdx, %rdi
	xor	%ebp, %ebp
	call	*%rsi
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
 * The entry: a trampoline's slow way (core/base/twin.h), or a trap. Until the private stack is
 * taken, all registers are the program's but rcx and r11, and a signal is delivered as if the
 * program stood at its syscall instruction.
 */
	.globl rt_entry, rt_entry_trap, rt_call, rt_entry_switched
rt_entry:
	mov	%rcx, %gs:T_PASS
rt_entry_trap:
	movzwl	%ax, %ecx
	mov	%gs:T_CLASSES, %r11
	movzbl	(%r11,%rcx), %ecx
	lea	-2(%rcx), %rcx
	jrcxz	rt_call
	mov	%gs:T_FDS, %r11
	movzwl	%di, %ecx
	movzbl	(%r11,%rcx), %ecx
	jrcxz	rt_call
	jmp	*%gs:T_PASS
rt_call:
	mov	%r8, %gs:R8
	mov	%r9, %gs:R9
	mov	%r10, %gs:R10
	mov	%r12, %gs:R12
	mov	%r13, %gs:R13
	mov	%r14, %gs:R14
	mov	%r15, %gs:R15
	mov	%rdi, %gs:RDI
	mov	%rsi, %gs:RSI
	mov	%rbp, %gs:RBP
	mov	%rbx, %gs:RBX
	mov	%rdx, %gs:RDX
	mov	%rax, %gs:RAX
	mov	%rsp, %gs:RSP
	mov	%gs:T_STACK, %rsp
rt_entry_switched:
	pushfq
	popq	%gs:RFLAGS
	cld
	testl	$FLAG_AC, %gs:RFLAGS	/* alignment checks are for the program alone */
	jz	1f
	pushq	$FLAG_FIXED
	popfq
1:
	xor	%ebp, %ebp
	mov	%gs:0, %rdi
	call	dispatch_call

/*
 * The way back. It needs nothing but %gs, so a signal that arrives here is delivered as if the
 * program stood at T_RET already.
 */
	.globl rt_leave, rt_leave_end
rt_leave:
	cmpl	$DEFERRED_CALL, %gs:T_DEFERRED
	je	rt_leave_deferred
	mov	%gs:T_STACK, %rsp
	pushq	%gs:RFLAGS
	popfq
	mov	%gs:R8, %r8
	mov	%gs:R9, %r9
	mov	%gs:R10, %r10
	mov	%gs:R12, %r12
	mov	%gs:R13, %r13
	mov	%gs:R14, %r14
	mov	%gs:R15, %r15
	mov	%gs:RDI, %rdi
	mov	%gs:RSI, %rsi
	mov	%gs:RBP, %rbp
	mov	%gs:RBX, %rbx
	mov	%gs:RDX, %rdx
	mov	%gs:RAX, %rax
	mov	%gs:RCX, %rcx
	mov	%gs:R11, %r11
	mov	%gs:RSP, %rsp
	jmp	*%gs:T_RET
rt_leave_end:

rt_leave_deferred:
	mov	%gs:T_STACK, %rsp
	mov	%gs:0, %rdi
	call	signals_release
	jmp	rt_leave

/*
 * The gates: a passed syscall that a trampoline cannot make, or that did not come from one. It runs
 * here on the program's own stack and registers, so that signals interrupt it as they would
 * natively. Only rcx and r11 may change, and the flags must stay (hence lea and jrcxz). A signal
 * that arrives inside is moved out by gate_leave().
 */
	.globl gate_plain, gate_plain_end
gate_plain:
	syscall
	jmp	*%gs:T_GATE_RET
gate_plain_end:

/* The syscall of a trampoline that may not make it itself (farther.h): rcx is its `pass`. */
	.globl gate_far, gate_far_call, gate_far_end
gate_far:
	lea	9(%rcx), %r11
	mov	%r11, %gs:T_SITE
	lea	11(%rcx), %r11
	mov	%r11, %gs:T_GATE_RET
	mov	%rax, %gs:T_NR
gate_far_call:
	syscall
	jmp	*%gs:T_GATE_RET
gate_far_end:

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

/* The same, when what the kernel says does not count: the answer is there already. */
	.globl gate_counted, gate_counted_end
gate_counted:
	syscall
	mov	%gs:T_RESULT, %rax
	mov	%gs:T_GATE_ARGS, %rdi
	mov	%gs:T_GATE_ARGS+8, %rsi
	mov	%gs:T_GATE_ARGS+16, %rdx
	mov	%gs:T_GATE_ARGS+24, %r10
	mov	%gs:T_GATE_ARGS+32, %r8
	mov	%gs:T_GATE_ARGS+40, %r9
	jmp	*%gs:T_GATE_RET
gate_counted_end:

/* A path the kernel does not find is offered to the runtime once more (a symbolic link into the
 * clouds). */
	.globl gate_path, gate_path_again, gate_path_end
gate_path:
	syscall
	lea	2(%rax), %rcx
	jrcxz	1f
	jmp	*%gs:T_GATE_RET
gate_path_again:
1:	movl	$1, %gs:T_RETRY
	mov	%gs:T_NR, %rax
	jmp	rt_call
gate_path_end:

/* The runtime looks at what the kernel has answered. */
	.globl gate_after, gate_after_end
gate_after:
	syscall
	mov	%rax, %gs:T_RESULT
	movl	$2, %gs:T_RETRY
	jmp	rt_call
gate_after_end:

/* 32-bit entry of a 64-bit program. rcx and r11 are as they were. */
	.globl gate_int80, gate_int80_end
gate_int80:
	int	$0x80
	jmp	*%gs:T_GATE_RET
gate_int80_end:

/* A fault that stands for the signal that was put off: whoever calls this has the program's
 * registers ready, and does not go on. */
	.globl rt_deliver_kept
rt_deliver_kept:
	hlt

/* rt_restorer: where the runtime's own handlers return to. */
	.globl rt_restorer
rt_restorer:
	mov	$15, %eax
	syscall
	ud2

/*
 * long rt_clone_vm(nr, a1, a2, a3, a4, a5)
 * A clone whose child shares our memory. The child starts on the stack that the arguments name, the
 * private stack of its own struct thread, and leaves for the program by that struct's regs.
 */
	.globl rt_clone_vm
rt_clone_vm:
	mov	%rdi, %rax
	mov	%rsi, %rdi
	mov	%rdx, %rsi
	mov	%rcx, %rdx
	mov	%r8, %r10
	mov	%r9, %r8
	syscall
	test	%rax, %rax
	jz	1f
	ret
1:	xor	%ebp, %ebp
	and	$-16, %rsp
	call	rt_child_start
	jmp	rt_leave

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

/* What the file is, for a runtime that is to execute it (execplan.h, EXECPLAN_NOTE). */
	.section .note.skyshim,"a",@note
	.balign	4
	.long	16, 0, 1
	.asciz	"skyshim runtime"

	.section .note.GNU-stack,"",@progbits
