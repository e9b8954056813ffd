/* SPDX-License-Identifier: Apache-2.0 */
/* Unmappings that the kernel refuses: the program's text, and what belongs to it, stays. */
#include "tests/apps/hazard/hazard.h"

#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <ucontext.h>

#define PAGE 4096ul

__asm__(".pushsection .text\n"
	".type unmap_calls, @function\n"
	"unmap_calls:\n mov %rdi, %rax\n mov %rsi, %rdi\n mov %rdx, %rsi\n mov %rcx, %rdx\n"
	" syscall\n ret\n"
	".popsection\n");
extern hazard_call unmap_calls;
extern const char __executable_start[], etext[];

static volatile long ticks, elsewhere;
static volatile int looking; /* while nothing but this file's text runs: no call of the C library */

static void look(int number, siginfo_t *info, void *context)
{
	uintptr_t at = (uintptr_t)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];

	(void)number;
	(void)info;
	ticks++;
	elsewhere += looking && (at < (uintptr_t)__executable_start || at >= (uintptr_t)etext);
}

/* A handler that interrupts calls of this file's text still finds itself there. */
static void unmap_look(void)
{
	struct sigaction action = {.sa_sigaction = look, .sa_flags = SA_SIGINFO | SA_RESTART};
	struct itimerval every = {{0, 200}, {0, 200}}, off = {{0, 0}, {0, 0}};

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
	looking = 1;
	while (ticks < 300)
		unmap_calls(SYS_getppid, 0, 0, 0);
	looking = 0;
	setitimer(ITIMER_REAL, &off, NULL);
	say("interrupted-elsewhere", elsewhere);
}

void hazard_unmap(void)
{
	char *before = (char *)__executable_start - PAGE;

	say("unaligned", res(munmap(before + 1, 1ul << 30)));
	say("unaligned-calls", hazard_reads_small(unmap_calls));
	say("endless", res(munmap(before, ~0ul - PAGE)));
	say("endless-calls", hazard_reads_small(unmap_calls));
	unmap_look();
	say("none", res(munmap(before, 0)));
	say("none-calls", hazard_reads_small(unmap_calls));
}
