/* SPDX-License-Identifier: Apache-2.0 */
/* Signals that a program causes by what it executes, handled and not; and the cores they leave. */
#include "tests/apps/families/families.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/procfs.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

/* cause_*(): an instruction of so many bytes that gives its signal, and where it stands. */
#define CAUSE(name, insn)                                                              \
	__asm__(".pushsection .text\n"                                                 \
		".globl cause_" name "\n.type cause_" name ", @function\n"             \
		"cause_" name ":\n xor %eax, %eax\n xor %edx, %edx\n xor %ecx, %ecx\n" \
		".globl at_" name "\nat_" name ": " insn "\n"                          \
		".globl past_" name "\npast_" name ": ret\n.popsection\n")
CAUSE("ill", "ud2");
CAUSE("trap", "int3");
CAUSE("div", "div %ecx");
CAUSE("segv", "movl $1, (%rax)");
CAUSE("wild", "movabs $0x5a5a5a5a5a5a5a5a, %rax\n movl $1, (%rax)");
CAUSE("halt", "hlt");

extern void cause_ill(void), cause_trap(void), cause_div(void), cause_segv(void), cause_wild(void),
	cause_halt(void);
extern const char at_ill[], at_trap[], at_div[], at_segv[], at_wild[], at_halt[], past_ill[],
	past_trap[], past_div[], past_segv[], past_wild[], past_halt[];

static const struct cause {
	const char *name;
	void (*run)(void);
	const char *from, *to;
	int number;
} causes[] = {
	{"illegal", cause_ill, at_ill, past_ill, SIGILL},
	{"trap", cause_trap, at_trap, past_trap, SIGTRAP},
	{"division", cause_div, at_div, past_div, SIGFPE},
	{"address", cause_segv, at_segv, past_segv, SIGSEGV},
	{"no address", cause_wild, at_wild, past_wild, SIGSEGV},
	{"privileged", cause_halt, at_halt, past_halt, SIGSEGV},
};
#define CAUSES (sizeof(causes) / sizeof(causes[0]))

static const struct cause *volatile cause;
static volatile long seen_code, seen_address, seen_at, sum_there;

static void step_over(int number, siginfo_t *info, void *context)
{
	greg_t *ip = &((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];

	seen_code = info->si_code * 100 + number;
	seen_address = number == SIGILL || number == SIGFPE ? (char *)info->si_addr - cause->from
							    : (long)info->si_addr;
	seen_at = *ip >= (greg_t)cause->from && *ip <= (greg_t)cause->to ? *ip - (greg_t)cause->from
									 : -1;
	sum_there = file_sum();
	*ip = (greg_t)cause->to;
}

static volatile long steps, elsewhere;

static void step_trace(int number, siginfo_t *info, void *context)
{
	greg_t at = ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];

	(void)number;
	seen_code = info->si_code;
	elsewhere += (greg_t)info->si_addr != at;
	steps++;
}

#define TRAP_FLAG_ON  "pushfq\n orq $0x100, (%%rsp)\n popfq\n"
#define TRAP_FLAG_OFF "pushfq\n andq $~0x100, (%%rsp)\n popfq\n"

/* The trap flag: a signal behind each instruction of the program's, calls that are ours among them;
 * what lies below the stack pointer stays. */
static void by_trap_flag(void)
{
	struct sigaction action = {.sa_sigaction = step_trace, .sa_flags = SA_SIGINFO};
	long before = big_sum(100), after, kept, mark = 0x123456789;

	sigaction(SIGTRAP, &action, NULL);
	alarm(30);
	__asm__ volatile(TRAP_FLAG_ON "movq %1, -128(%%rsp)\n movq %1, -8(%%rsp)\n nop\n"
				      "movq -128(%%rsp), %0\n andq -8(%%rsp), %0"
			 : "=&r"(kept)
			 : "r"(mark)
			 : "memory", "cc");
	after = big_sum(100);
	__asm__ volatile(TRAP_FLAG_OFF : : : "memory", "cc");
	alarm(0);
	say("stepped", steps > 5000);
	say("how", seen_code);
	say("elsewhere", elsewhere);
	say("below the stack", kept == mark);
	say("right", before > 0 && before == after);
}

void family_traps(void)
{
	struct sigaction action = {.sa_sigaction = step_over, .sa_flags = SA_SIGINFO};

	for (size_t i = 0; i < CAUSES; i++) {
		cause = &causes[i];
		sigaction(cause->number, &action, NULL);
		seen_code = seen_address = seen_at = sum_there = -2;
		cause->run();
		printf("%s: signal and code %ld, address %#lx, at %ld, sum %ld\n", cause->name,
		       seen_code, seen_address, seen_at, sum_there);
	}
	fflush(stdout);
	by_trap_flag();
	read_file();
}

/* Where the kernel leaves cores of this process as plain files in the working folder. */
static int plain_cores(void)
{
	char pattern[128] = "";
	int fd = open("/proc/sys/kernel/core_pattern", O_RDONLY);
	ssize_t n = read(fd, pattern, sizeof(pattern) - 1);

	close(fd);
	return n > 0 && !strcmp(pattern, "core\n");
}

/* What the core says: of which signal, and where the program stood. */
static void say_core(const char *name, const char *from, const char *to)
{
	struct elf_prstatus status = {0};
	Elf64_Ehdr head;
	Elf64_Phdr notes;
	Elf64_Nhdr note;
	uintptr_t at;
	int fd = open(name, O_RDONLY);

	if (fd < 0) {
		say("core", -1);
		return;
	}
	if (pread(fd, &head, sizeof(head), 0) != sizeof(head) ||
	    pread(fd, &notes, sizeof(notes), (off_t)head.e_phoff) != sizeof(notes) ||
	    pread(fd, &note, sizeof(note), (off_t)notes.p_offset) != sizeof(note) ||
	    pread(fd, &status, sizeof(status), (off_t)(notes.p_offset + sizeof(note) + 8)) < 0)
		say("core", -1);
	close(fd);
	at = (uintptr_t)status.pr_reg[16]; /* rip */
	say("a core",
	    head.e_type == ET_CORE && notes.p_type == PT_NOTE && note.n_type == NT_PRSTATUS);
	say("of signal", status.pr_cursig);
	if (from)
		say("at", at >= (uintptr_t)from && at <= (uintptr_t)to
				  ? (long)(at - (uintptr_t)from)
				  : 1000);
}

static void leave_core(const char *what, void (*run)(void), const char *from, const char *to)
{
	char name[64] = "core";
	pid_t pid = fork();

	if (!pid) {
		if (file_sum() > 0)
			run();
		_exit(1);
	}
	say(what, ended(pid));
	if (!plain_cores())
		return;
	if (access(name, F_OK)) /* kernel.core_uses_pid */
		snprintf(name, sizeof(name), "core.%d", (int)pid);
	say_core(name, from, to);
	unlink(name);
}

static void kill_self(void)
{
	raise(SIGQUIT);
}

static void bad_call(void)
{
	raise(SIGSYS);
}

/* With its signal blocked or ignored, a fault kills none the less. */
static void blocked_fault(void)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	signal(SIGSEGV, SIG_IGN);
	cause_segv();
}

static void handle_then_die(int number)
{
	(void)number;
	cause_ill();
}

static void in_handler(void)
{
	signal(SIGUSR1, handle_then_die);
	raise(SIGUSR1);
}

void family_core(void)
{
	struct rlimit most;

	getrlimit(RLIMIT_CORE, &most);
	most.rlim_cur = most.rlim_max;
	say("limit", setrlimit(RLIMIT_CORE, &most));
	for (size_t i = 0; i < CAUSES; i++)
		leave_core(causes[i].name, causes[i].run, causes[i].from, causes[i].to);
	leave_core("abort", abort, NULL, NULL);
	leave_core("quit", kill_self, NULL, NULL);
	leave_core("sys", bad_call, NULL, NULL);
	leave_core("blocked", blocked_fault, at_segv, past_segv);
	leave_core("in a handler", in_handler, at_ill, past_ill);
	read_file();
}
