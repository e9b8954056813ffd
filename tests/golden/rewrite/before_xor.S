/* SPDX-License-Identifier: Apache-2.0 */
/* Number 0 by xor, and the instruction before it for room. */
	.text
	.globl shape
	.type shape, @function
shape:
	mov	$-1, %edi
	xor	%eax, %eax
	syscall
	ret
	.size shape, . - shape
