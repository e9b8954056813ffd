/* SPDX-License-Identifier: Apache-2.0 */
/* Two neighbours: neither takes the other's bytes. */
	.text
	.globl shape
	.type shape, @function
shape:
	mov	$110, %eax
	syscall
	mov	%rax, %rbx
	mov	$39, %eax
	syscall
	mov	%rax, %rdx
	ret
	.size shape, . - shape
