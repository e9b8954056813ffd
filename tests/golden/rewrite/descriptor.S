/* SPDX-License-Identifier: Apache-2.0 */
/* Looks at the descriptor. */
	.text
	.globl shape
	.type shape, @function
shape:
	xor	%edx, %edx
	mov	$8, %eax
	syscall
	cmp	$-4095, %rax
	jae	1f
	ret
1:	neg	%eax
	ret
	.size shape, . - shape
