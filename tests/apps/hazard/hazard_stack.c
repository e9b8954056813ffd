/* SPDX-License-Identifier: Apache-2.0 */
/* System calls on next to no stack: a rewritten place must not push, nor an answer use what lies
 * below. Of the page that the stack pointer is in, 16 bytes are left, and below is nothing; or it
 * points nowhere at all, which is no matter to a system call. */
#include "tests/apps/hazard/hazard.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

extern uint64_t hazard_regs[20], hazard_regs_after[20], hazard_regs_sp;
void regs_any(void), regs_getppid(void);

static unsigned char *tiny;

static long call_on(uint64_t sp, void (*code)(void), long nr, long a, long b, long c)
{
	hazard_regs[0] = (uint64_t)nr;
	hazard_regs[5] = (uint64_t)a;
	hazard_regs[4] = (uint64_t)b;
	hazard_regs[3] = (uint64_t)c;
	hazard_regs[15] = 0x202;
	hazard_regs_sp = sp;
	code();
	return hazard_regs_after[17] == sp ? (long)hazard_regs_after[0] : -1000;
}

static long on_tiny(long nr, long a, long b, long c)
{
	return call_on((uintptr_t)tiny + 16, regs_any, nr, a, b, c);
}

static long on_top(long nr, long a, long b, long c)
{
	return call_on((uintptr_t)tiny + 4096, regs_any, nr, a, b, c);
}

/* Not 0, which stands for the caller's own stack, but as far from any. */
static long on_none(long nr, long a, long b, long c)
{
	return call_on(8, regs_any, nr, a, b, c);
}

void hazard_stack(void)
{
	long good[4] = {0};

	tiny = mmap(NULL, 3 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	tiny += 4096;
	say("page", res(mprotect(tiny, 4096, PROT_READ | PROT_WRITE)));
	for (int i = 0; i < 40; i++) {
		good[0] += call_on((uintptr_t)tiny + 16, regs_getppid, SYS_getppid, 0, 0, 0) ==
			   getppid();
		good[1] += call_on(8, regs_getppid, SYS_getppid, 0, 0, 0) == getppid();
		good[2] += call_on(8, regs_any, SYS_getppid, 0, 0, 0) == getppid();
		good[3] += call_on((uintptr_t)tiny, regs_getppid, SYS_getppid, 0, 0, 0) ==
			   getppid();
	}
	say("tiny-getppid", good[0]);
	say("nowhere-getppid", good[1]);
	say("nowhere-getppid-any", good[2]);
	say("nothing-left-getppid", good[3]);
	memset(good, 0, sizeof(good));
	for (int i = 0; i < 40; i++) {
		good[0] += hazard_reads_small(on_tiny) == 1;
		good[1] += hazard_reads_small(on_top) == 1;
		good[2] += hazard_reads_small(on_none) == 1;
	}
	say("tiny", good[0]);
	say("top", good[1]);
	say("nowhere", good[2]);
	say("untouched", tiny[0] + tiny[15] + tiny[16] + tiny[4095]);
}
