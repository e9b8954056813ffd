/* SPDX-License-Identifier: Apache-2.0 */
/* A neighbour that names memory by its distance. */
	.text
	.globl shape
	.type shape, @function
shape:
	mov	data(%rip), %eax
	syscall
	mov	%eax, data(%rip)
	ret
	.size shape, . - shape
	.data
data:	.long 110, 0
	.text
