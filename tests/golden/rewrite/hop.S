/* SPDX-License-Identifier: Apache-2.0 */
/* No neighbour may move: a short jump to padding. */
	.text
	.globl shape
	.type shape, @function
shape:
	mov	$110, %eax
	push	%rbx
	jmp	1f
	.p2align 4
1:	syscall
	call	2f
	pop	%rbx
	ret
	.p2align 4
2:	mov	%eax, %ebx
	ret
	.size shape, . - shape
