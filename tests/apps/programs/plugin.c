/* SPDX-License-Identifier: Apache-2.0 */
/* The library that hazard_plugin.c opens: it makes its own system calls, in its constructor too. */
#include <stdlib.h>
#include <sys/syscall.h>

char plugin_constructed[16];
long plugin_call(long nr, long a, long b, long c);
long plugin_generation(void);

/* The very bytes of hazard_code, which the hazard looks for in the text that it has mapped. What
 * precedes is out of any function's reach and moves the call off the first page. */
__asm__(".pushsection .text\n"
	".skip 5000, 0x90\n"
	".globl plugin_call\n.type plugin_call, @function\n"
	"plugin_call:\n"
	" mov %rdi, %rax\n mov %rsi, %rdi\n mov %rdx, %rsi\n mov %rcx, %rdx\n syscall\n ret\n"
	".size plugin_call, . - plugin_call\n"
	".globl plugin_generation\n.type plugin_generation, @function\n"
	"plugin_generation: mov $0x44332211, %eax\n ret\n"
	".size plugin_generation, . - plugin_generation\n"
	".popsection\n");

__attribute__((constructor)) static void construct(void)
{
	const char *path = getenv("HAZARD_FILE");
	long fd = path ? plugin_call(SYS_open, (long)path, 0, 0) : -1;

	if (fd < 0)
		return;
	plugin_call(SYS_read, fd, (long)plugin_constructed, 13);
	plugin_call(SYS_close, fd, 0, 0);
}
