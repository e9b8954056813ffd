/* SPDX-License-Identifier: Apache-2.0 */
/* Unmappings that the kernel refuses: the program's text, and what belongs to it, stays. */
#include "tests/apps/hazard/hazard.h"

#include <stdlib.h>
#include <sys/mman.h>

#define PAGE 4096ul

__asm__(".pushsection .text\n"
	".type unmap_calls, @function\n"
	"unmap_calls:\n mov %rdi, %rax\n mov %rsi, %rdi\n mov %rdx, %rsi\n mov %rcx, %rdx\n"
	" syscall\n ret\n"
	".popsection\n");
extern hazard_call unmap_calls;
extern const char __executable_start[];

void hazard_unmap(void)
{
	char *before = (char *)__executable_start - PAGE;

	say("unaligned", res(munmap(before + 1, 1ul << 30)));
	say("unaligned-calls", hazard_reads_small(unmap_calls));
	say("endless", res(munmap(before, ~0ul - PAGE)));
	say("endless-calls", hazard_reads_small(unmap_calls));
	say("none", res(munmap(before, 0)));
	say("none-calls", hazard_reads_small(unmap_calls));
}
