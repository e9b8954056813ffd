/* SPDX-License-Identifier: Apache-2.0 */
/* Only the low byte of the number is written, the rest is known to be zero. */
	.text
	.globl shape
	.type shape, @function
shape:
	xor	%eax, %eax
	mov	$110, %al
	syscall
	ret
	.size shape, . - shape
