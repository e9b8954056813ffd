/* SPDX-License-Identifier: Apache-2.0 */
/* Nops of many bytes are neighbours like others. */
	.text
	.globl shape
	.type shape, @function
shape:
	mov	$110, %eax
	jmp	1f
	.p2align 4
1:	nopl	0(%rax, %rax, 1)
	syscall
	ret
	.size shape, . - shape
