/* SPDX-License-Identifier: Apache-2.0 */
/* The number's mov has room for the jump; the syscall's own bytes stay. */
	.text
	.globl shape
	.type shape, @function
shape:
	mov	$110, %eax
	syscall
	ret
	.size shape, . - shape
