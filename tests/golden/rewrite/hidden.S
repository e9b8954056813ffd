/* SPDX-License-Identifier: Apache-2.0 */
/* Could be code, but nothing leads there: not proven, until it has trapped. */
	.text
	.globl shape
	.type shape, @function
shape:
	lea	table(%rip), %rbx
	mov	(%rbx), %rdx
	ret
	.size shape, . - shape
table:	.byte 0x9a, 0x06, 0xb8, 110, 0, 0, 0, 0x0f, 0x05, 0x48, 0x89, 0xc3, 0xc3
