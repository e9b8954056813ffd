/* SPDX-License-Identifier: Apache-2.0 */
/* The syscall is a branch target: only what stands behind it may move. */
	.text
	.globl shape
	.type shape, @function
shape:
	mov	$110, %eax
	test	%edi, %edi
	jne	1f
	mov	$39, %eax
1:	syscall
	mov	%rax, %rbx
	ret
	.size shape, . - shape
