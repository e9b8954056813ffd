/* SPDX-License-Identifier: Apache-2.0 */
/* What a handler is shown of the interrupted program, and what a system call leaves alone. */
#include "tests/apps/probe/probe.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

static volatile sig_atomic_t handled, on_alternate, wrong_sender;
static volatile uintptr_t seen[4096];
static char alternate[65536];
static sigjmp_buf jump;
static void *volatile fault_address;

static void note(int number, siginfo_t *info, void *context)
{
	const char *here = (const char *)&number;
	ucontext_t *frame = context;

	if (handled < 4096)
		seen[handled] = (uintptr_t)frame->uc_mcontext.gregs[REG_RIP];
	handled++;
	on_alternate += here >= alternate && here < alternate + sizeof(alternate);
	wrong_sender += info->si_signo != number;
}

static void fault(int number, siginfo_t *info, void *context)
{
	(void)context;
	fault_address = info->si_addr;
	siglongjmp(jump, number);
}

/* How many of the program counters that handlers saw lie in a mapping whose name holds word, or in
 * none that /proc/self/maps names. */
static long seen_in(const char *word)
{
	char line[4400];
	FILE *maps = fopen("/proc/self/maps", "re");
	uintptr_t from, to;
	long found = 0;

	while (maps && fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx", &from, &to) != 2 || !strstr(line, word))
			continue;
		for (int i = 0; i < handled && i < 4096; i++)
			found += seen[i] >= from && seen[i] < to;
	}
	if (maps)
		fclose(maps);
	return found;
}

static void frame_handler(void)
{
	struct sigaction action = {.sa_sigaction = note, .sa_flags = SA_SIGINFO | SA_ONSTACK};
	stack_t stack = {.ss_sp = alternate, .ss_size = sizeof(alternate)}, was;
	struct itimerval timer = {{0, 300}, {0, 300}}, off = {{0, 0}, {0, 0}};
	char data[4096];
	int fd = open("big.bin", O_RDONLY), wrong = 0;

	say("sigaltstack", res(sigaltstack(&stack, NULL)));
	sigaltstack(NULL, &was);
	say("sigaltstack-kept", was.ss_sp == alternate && was.ss_size == sizeof(alternate));
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
	for (int i = 0; handled < 200 && i < 1000000; i++)
		wrong += pread(fd, data, sizeof(data), 4096) != 4096 || access("small.txt", R_OK) ||
			 getppid() < 0;
	setitimer(ITIMER_REAL, &off, NULL);
	say("handled", handled >= 200);
	say("wrong", wrong);
	say("not-on-alternate-stack", handled - on_alternate);
	say("wrong-number", wrong_sender);
	say("pc-in-runtime", seen_in("skyshim-rt"));
	stack.ss_flags = SS_DISABLE;
	say("sigaltstack-off", res(sigaltstack(&stack, NULL)));
	close(fd);
}

static void frame_fault(void)
{
	struct sigaction action = {.sa_sigaction = fault, .sa_flags = SA_SIGINFO};
	char *volatile page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = open("big.bin", O_RDONLY), number;

	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	if (!(number = sigsetjmp(jump, 1)))
		*(volatile char *)page = 1;
	say("segv", number);
	say("segv-address", fault_address == page);
	page = mmap(NULL, PROBE_BIG + 3 * 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	fault_address = NULL;
	if (!(number = sigsetjmp(jump, 1)))
		number = -((volatile char *)page)[PROBE_BIG + 2 * 4096];
	say("beyond-mapped-file", number);
	say("beyond-address", fault_address == page + PROBE_BIG + 2 * 4096);
	signal(SIGSEGV, SIG_DFL);
	signal(SIGBUS, SIG_DFL);
	close(fd);
}

/* Calls pread64 with a known value in each register that a system call must leave alone, and eight
 * words below the stack pointer. Returns how many changed. */
static long registers_kept(int fd, char *data)
{
	uint64_t vectors[32], after[32], changed = 0;
	long result, kept;
	register long offset __asm__("r10") = 0;

	for (int i = 0; i < 32; i++)
		vectors[i] = 0x0123456789abcdefULL * (unsigned)(i + 1);
	__asm__ volatile("lea -256(%%rsp), %%rsp\n" /* past what the compiler keeps below it */
			 "movups 0(%[v]), %%xmm0\n movups 16(%[v]), %%xmm1\n"
			 "movups 32(%[v]), %%xmm2\n movups 112(%[v]), %%xmm7\n"
			 "movups 128(%[v]), %%xmm8\n movups 240(%[v]), %%xmm15\n"
			 "mov $0x1111, %%r12\n mov $0x2222, %%r13\n mov $0x3333, %%r14\n"
			 "mov $0x4444, %%r15\n mov $0x5555, %%r9\n"
			 "movq $0x6666, -8(%%rsp)\n movq $0x7777, -120(%%rsp)\n"
			 "syscall\n"
			 "xor %[k], %[k]\n"
			 "cmp $0x1111, %%r12\n jne 1f\n cmp $0x2222, %%r13\n jne 1f\n"
			 "cmp $0x3333, %%r14\n jne 1f\n cmp $0x4444, %%r15\n jne 1f\n"
			 "cmp $0x5555, %%r9\n jne 1f\n cmpq $0x6666, -8(%%rsp)\n jne 1f\n"
			 "cmpq $0x7777, -120(%%rsp)\n jne 1f\n"
			 "inc %[k]\n 1:\n"
			 "movups %%xmm0, 0(%[w])\n movups %%xmm1, 16(%[w])\n"
			 "movups %%xmm2, 32(%[w])\n movups %%xmm7, 112(%[w])\n"
			 "movups %%xmm8, 128(%[w])\n movups %%xmm15, 240(%[w])\n"
			 "lea 256(%%rsp), %%rsp\n"
			 : "=a"(result), [k] "=&b"(kept)
			 : "0"((long)SYS_pread64), "D"((long)fd), "S"(data), "d"(4096L),
			   "r"(offset), [v] "r"(vectors), [w] "r"(after)
			 : "rcx", "r9", "r11", "r12", "r13", "r14", "r15", "memory", "cc", "xmm0",
			   "xmm1", "xmm2", "xmm7", "xmm8", "xmm15");
	for (int i = 0; i < 6; i++)
		changed += vectors[i] != after[i];
	for (int i = 14; i < 18; i++)
		changed += vectors[i] != after[i];
	changed += vectors[30] != after[30] || vectors[31] != after[31];
	return result != 4096 ? -1 : (long)changed + !kept;
}

static void frame_registers(void)
{
	char data[4096];
	int fd = open("big.bin", O_RDONLY);
	long changed = 0;

	for (int i = 0; i < 50; i++)
		changed += registers_kept(fd, data);
	say("registers-changed", changed);
	say("registers-data", probe_same(data, 0, 4096));
	close(fd);
}

void probe_signal_frame(void)
{
	frame_handler();
	frame_fault();
	frame_registers();
}
