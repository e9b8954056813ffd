/* SPDX-License-Identifier: Apache-2.0 */
/* Below the stack pointer lies what the program keeps there. */
	.text
	.globl shape
	.type shape, @function
shape:
	mov	%rdi, -8(%rsp)
	mov	%rsi, -128(%rsp)
	mov	$110, %eax
	syscall
	mov	-8(%rsp), %rbx
	mov	-128(%rsp), %rdx
	ret
	.size shape, . - shape
