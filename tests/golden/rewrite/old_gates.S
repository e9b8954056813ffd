/* SPDX-License-Identifier: Apache-2.0 */
/* int 0x80 and sysenter are left to the trap. */
	.text
	.globl shape
	.type shape, @function
shape:
	test	%edi, %edi
	je	1f
	mov	$20, %eax
	int	$0x80
	sysenter
1:	ret
	.size shape, . - shape
