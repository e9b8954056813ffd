/* SPDX-License-Identifier: Apache-2.0 */
/* Where an indirect branch lands stays where it is. */
	.text
	.globl shape
	.type shape, @function
shape:
	endbr64
	syscall
	mov	%rax, %rbx
	ret
	.size shape, . - shape
