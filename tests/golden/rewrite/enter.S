/* SPDX-License-Identifier: Apache-2.0 */
/* A call that always concerns the runtime. */
	.text
	.globl shape
	.type shape, @function
shape:
	mov	$-1, %edi
	xor	%esi, %esi
	xor	%edx, %edx
	mov	$257, %eax
	syscall
	ret
	.size shape, . - shape
