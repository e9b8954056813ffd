/* SPDX-License-Identifier: Apache-2.0 */
/* A conditional jump before the syscall is made a long one. */
	.text
	.globl shape
	.type shape, @function
shape:
	mov	$110, %eax
	test	%edi, %edi
	je	1f
	syscall
	ret
1:	mov	$7, %eax
	ret
	.size shape, . - shape
