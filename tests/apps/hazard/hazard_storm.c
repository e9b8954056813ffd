/* SPDX-License-Identifier: Apache-2.0 */
/* Signals as fast as they come, while system calls are made: a handler is shown a place in the
 * program, at a whole instruction of it, with the registers that belong there; and the calls go on
 * as if nothing had been. */
#include "tests/apps/hazard/hazard.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define EVERY_US  80
#define STORM_MS  250
#define BUSY_MS	  20000 /* longest wait for the first signal */
#define TEXTS_MAX 32

/* storm_loop(rounds, nr): calls nr, which takes no argument, rounds times, and once more with the
 * number known from the instruction before. rbx counts those whose result is not r12's. */
__asm__(".pushsection .text\n"
	".globl storm_loop, storm_loop_end\n"
	".type storm_loop, @function\n"
	"storm_loop:\n push %rbx\n push %r12\n push %rbp\n"
	" mov %rdx, %r12\n mov %rdi, %rbp\n mov %rsi, %rdi\n xor %ebx, %ebx\n"
	"storm_1: mov %rdi, %rax\n"
	"storm_2: syscall\n"
	"storm_3: cmp %r12, %rax\n"
	"storm_4: je storm_6\n"
	"storm_5: inc %rbx\n"
	"storm_6: mov $110, %eax\n"
	"storm_7: syscall\n"
	"storm_8: cmp %rax, %r12\n"
	"storm_9: je storm_11\n"
	"storm_10: inc %rbx\n"
	"storm_11: dec %rbp\n"
	"storm_12: jnz storm_1\n"
	"storm_loop_end:\n mov %rbx, %rax\n pop %rbp\n pop %r12\n pop %rbx\n ret\n"
	".popsection\n");
long storm_loop(long rounds, long nr, long expected);
extern const char storm_1[], storm_2[], storm_3[], storm_4[], storm_5[], storm_6[], storm_7[],
	storm_8[], storm_9[], storm_10[], storm_11[], storm_12[], storm_loop_end[];
static const char *const places[] = {storm_1, storm_2, storm_3, storm_4,  storm_5,  storm_6,
				     storm_7, storm_8, storm_9, storm_10, storm_11, storm_12};

static struct {
	uintptr_t from, to;
} texts[TEXTS_MAX];
static int text_count;
static volatile sig_atomic_t handled, outside, between, wrong_number, wrong_rax, wrong_kept;
static volatile long in_loop, number;
static volatile double sink;
static char alternate[65536];
static const struct itimerval soon = {{0, 0}, {0, EVERY_US}};
static int timer;

static int add_text(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	(void)arg;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		if (p->p_type != PT_LOAD || !(p->p_flags & PF_X) || text_count == TEXTS_MAX)
			continue;
		texts[text_count].from = info->dlpi_addr + p->p_vaddr;
		texts[text_count++].to = info->dlpi_addr + p->p_vaddr + p->p_memsz;
	}
	return 0;
}

/* All that a program may find itself in: the executable segments of what is loaded, and the vDSO,
 * which not every libc lists. */
static void find_texts(void)
{
	uintptr_t vdso = getauxval(AT_SYSINFO_EHDR);

	text_count = 0;
	dl_iterate_phdr(add_text, NULL);
	if (vdso && text_count < TEXTS_MAX) {
		texts[text_count].from = vdso;
		texts[text_count++].to = vdso + 2 * 4096;
	}
}

static int in_texts(uintptr_t pc)
{
	for (int i = 0; i < text_count; i++)
		if (pc >= texts[i].from && pc < texts[i].to)
			return 1;
	return 0;
}

static void look_at_loop(const greg_t *regs)
{
	uintptr_t pc = (uintptr_t)regs[REG_RIP];
	int known = 0;

	in_loop++;
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
		known |= pc == (uintptr_t)places[i];
	between += !known;
	wrong_kept += regs[REG_RDI] != number || regs[REG_R12] != getppid() || regs[REG_RBX] != 0;
	if (pc == (uintptr_t)storm_2)
		wrong_number += regs[REG_RAX] != number;
	if (pc == (uintptr_t)storm_7)
		wrong_number += regs[REG_RAX] != SYS_getppid;
	/* Right behind a call: its result. */
	if (pc == (uintptr_t)storm_3 || pc == (uintptr_t)storm_8)
		wrong_rax += regs[REG_RAX] != regs[REG_R12];
}

static void look(int signal_number, siginfo_t *info, void *context)
{
	const greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
	uintptr_t pc = (uintptr_t)regs[REG_RIP];
	int kept = errno;

	(void)signal_number;
	(void)info;
	handled++;
	outside += !in_texts(pc);
	if (pc >= (uintptr_t)storm_1 && pc < (uintptr_t)storm_loop_end)
		look_at_loop(regs);
	sink = sink * 1.5 + (double)handled; /* a handler uses vectors, too */
	setitimer(timer, &soon, NULL); /* from here on, so that however slow, there is progress */
	errno = kept;
}

static void look_and_read(int signal_number, siginfo_t *info, void *context)
{
	char text[8];
	int kept = errno, fd = open(hazard_small, O_RDONLY);
	struct stat st;

	wrong_number += fd < 0 || read(fd, text, 5) != 5 || memcmp(text, "hello", 5) ||
			stat(hazard_small, &st) || st.st_size != 14;
	close(fd);
	errno = kept;
	look(signal_number, info, context);
}

static void storm(void (*handler)(int, siginfo_t *, void *), int which, int flags)
{
	struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};

	handled = outside = between = wrong_number = wrong_rax = wrong_kept = 0;
	in_loop = 0;
	sigaction(which == ITIMER_REAL ? SIGALRM : SIGPROF, &action, NULL);
	timer = which;
	setitimer(which, &soon, NULL);
}

static void calm(const char *name, int which)
{
	struct itimerval off = {{0, 0}, {0, 0}};

	signal(which == ITIMER_REAL ? SIGALRM : SIGPROF, SIG_IGN);
	setitimer(which, &off, NULL);
	say(name, handled > 0); /* of the processor's time there is one in 4 ms */
	say("outside", outside);
	say("between-instructions", between);
	say("wrong-number", wrong_number);
	say("wrong-result", wrong_rax);
	say("wrong-registers", wrong_kept);
}

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void storm_raw(int flags)
{
	long end = now_ms() + STORM_MS, wrong = 0;

	number = SYS_getppid;
	storm(look, ITIMER_REAL, flags);
	while (now_ms() < end)
		wrong += storm_loop(200, SYS_getppid, getppid());
	calm("raw", ITIMER_REAL);
	say("raw-in-loop", in_loop > 0);
	say("raw-wrong", wrong);
}

static long read_and_stat(int fd)
{
	static unsigned char data[4096];
	static unsigned turn;
	size_t at = (turn++ * 9973u) % (PROBE_BIG - sizeof(data));
	struct stat st;
	char text[16] = "";
	int own = open(hazard_small, O_RDONLY);
	long wrong = own < 0 || read(own, text, 14) != 14 || memcmp(text, "hello skyshim\n", 14);

	close(own);
	wrong += pread(fd, data, sizeof(data), (off_t)at) != (long)sizeof(data) ||
		 !probe_same(data, at, sizeof(data));
	wrong += stat(hazard_big, &st) || st.st_size != PROBE_BIG;
	wrong += fstat(fd, &st) || st.st_size != PROBE_BIG;
	return wrong + (access("none", F_OK) != -1 || errno != ENOENT);
}

static void storm_cloud(const char *name, void (*handler)(int, siginfo_t *, void *), int which,
			int flags)
{
	int fd = open(hazard_big, O_RDONLY);
	long end = now_ms() + STORM_MS, wrong = 0;

	storm(handler, which, flags);
	/* on a busy machine there may be no 4 ms of the processor in all that time */
	while (now_ms() < end || (!handled && now_ms() < end + BUSY_MS))
		wrong += read_and_stat(fd);
	calm(name, which);
	say("cloud-wrong", wrong);
	close(fd);
}

/* A blocking read of a pipe that gets its byte from a child after a while: ended by the first
 * signal, or gone on with, and its registers with it. */
static void storm_pipe(const char *name, int flags)
{
	int pipes[2];
	char byte = 0;
	pid_t pid;
	long got;

	if (pipe(pipes))
		return;
	if (!(pid = fork())) {
		usleep(30000);
		_exit(write(pipes[1], "x", 1) != 1);
	}
	storm(look, ITIMER_REAL, flags);
	got = hazard_raw(SYS_read, pipes[0], (long)&byte, 1);
	calm(name, ITIMER_REAL);
	say("pipe-result", got);
	say("pipe-byte", got == 1 ? byte == 'x' : byte == 0);
	hazard_wait(pid);
	close(pipes[0]);
	close(pipes[1]);
}

/* A timer's signal that comes while its disposition is set to "ignore" is one to ignore. */
static void storm_ignored(void)
{
	struct sigaction action = {.sa_sigaction = look, .sa_flags = SA_SIGINFO | SA_RESTART};
	struct itimerval off = {{0, 0}, {0, 0}}, at = {{0, 0}, {0, 1}};
	long end = now_ms() + STORM_MS, turns = 0;

	for (; now_ms() < end; turns++) {
		sigaction(SIGALRM, &action, NULL);
		at.it_value.tv_usec = 1 + turns % EVERY_US;
		setitimer(ITIMER_REAL, &at, NULL);
		for (int i = 0; i < 100; i++)
			signal(SIGALRM, SIG_IGN);
	}
	setitimer(ITIMER_REAL, &off, NULL);
	say("ignored-turns", turns > 0);
}

void hazard_storm(void)
{
	stack_t stack = {.ss_sp = alternate, .ss_size = sizeof(alternate)};

	find_texts();
	storm_raw(SA_RESTART);
	sigaltstack(&stack, NULL);
	storm_raw(SA_RESTART | SA_ONSTACK);
	storm_cloud("reading", look, ITIMER_REAL, 0);
	storm_cloud("reading-in-both", look_and_read, ITIMER_REAL, SA_RESTART | SA_ONSTACK);
	storm_cloud("profiled", look, ITIMER_PROF, SA_RESTART);
	storm_pipe("pipe-restarted", SA_RESTART);
	storm_pipe("pipe-interrupted", 0);
	storm_ignored();
}
