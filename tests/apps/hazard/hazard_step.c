/* SPDX-License-Identifier: Apache-2.0 */
/* A signal at every single instruction of a call. A tracer steps a child from before a system call
 * to behind it, and lets a signal in after one step, after two, after three and so on. Wherever it
 * meets the child, its handler is shown a whole instruction of the program, with the registers that
 * belong there, on a stack of the program's; and the call's result, the registers, the signal mask
 * and the alternate stack are afterwards as if there had been no signal. */
#include "tests/apps/hazard/hazard_step.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define EACH_STEP    20	   /* from the begin, and to the end: a signal at each of so many steps */
#define MIDDLE_STEPS 30	   /* and at so many between */
#define STEPS_MAX    60000 /* of a call: more, and it never ends */
#define KEPT	     0x5157
#define TRAP_FLAG    0x100
#define PUSHF	     0x9c
#define TRAP	     0xcc
#define REP_MOVSB    0xa4f3
#define REP_STOSB    0xaaf3

/* step_call(call): the call between two traps, with values in the registers that it must keep.
 * step_call_at: by calling code that makes it. */
__asm__(".pushsection .text\n"
	".macro step_begin\n"
	" push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n push %r15\n"
	" mov %rdi, %rbx\n mov %rsp, 64(%rbx)\n"
	" mov $0x5157, %ebp\n mov $0x5158, %r12d\n mov $0x5159, %r13d\n"
	" mov $0x515a, %r14d\n mov $0x515b, %r15d\n"
	".endm\n"
	".macro step_finish\n"
	" mov %rax, 56(%rbx)\n mov %rdi, 72(%rbx)\n mov %rsi, 80(%rbx)\n mov %rdx, 88(%rbx)\n"
	" mov %r10, 96(%rbx)\n mov %r8, 104(%rbx)\n mov %r9, 112(%rbx)\n mov %rbp, 120(%rbx)\n"
	" mov %r12, 128(%rbx)\n mov %r13, 136(%rbx)\n mov %r14, 144(%rbx)\n mov %r15, 152(%rbx)\n"
	" pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rbx\n ret\n"
	".endm\n"
	".globl step_call, step_call_at\n"
	".type step_call, @function\n"
	".type step_call_at, @function\n"
	"step_call: step_begin\n"
	" mov 0(%rbx), %rax\n mov 8(%rbx), %rdi\n mov 16(%rbx), %rsi\n mov 24(%rbx), %rdx\n"
	" mov 32(%rbx), %r10\n mov 40(%rbx), %r8\n mov 48(%rbx), %r9\n"
	" test %rbx, %rbx\n jz step_a0\n int3\n"
	"step_a0: .fill 8, 1, 0x90\n"
	"step_a1: syscall\n"
	"step_a2: nop\n"
	"step_a3: .fill 8, 1, 0x90\n"
	" test %rbx, %rbx\n jz step_a5\n"
	"step_a4: int3\n"
	"step_a5: step_finish\n"
	"step_call_at: step_begin\n"
	" mov 0(%rbx), %rax\n mov 8(%rbx), %rdi\n mov 16(%rbx), %rsi\n mov 24(%rbx), %rdx\n"
	" mov 32(%rbx), %r10\n mov 40(%rbx), %r8\n mov 48(%rbx), %r9\n"
	" test %rbx, %rbx\n jz step_c0\n int3\n"
	"step_c0: .fill 8, 1, 0x90\n"
	"step_c1: call *160(%rbx)\n"
	"step_c3: .fill 8, 1, 0x90\n"
	" test %rbx, %rbx\n jz step_c5\n"
	"step_c4: int3\n"
	"step_c5: step_finish\n"
	".popsection\n");
extern const char step_a0[], step_a1[], step_a2[], step_a4[], step_a5[], step_c0[], step_c1[],
	step_c3[], step_c4[], step_c5[];
static const struct {
	const char *from, *call, *behind, *to; /* one-byte instructions but for the call */
} places[] = {{step_a0, step_a1, step_a2, step_a4}, {step_c0, step_c1, step_c3, step_c4}};

struct step_shared *step_shared;
static struct step_call call;
static char alternate[65536];

static void note(volatile long *what, const char *name, long value)
{
	if (!(*what)++)
		fprintf(stderr, "step: call %ld, signal after %ld steps: %s: %#lx\n", call.nr,
			step_shared->after, name, value);
}

/* Of a place next to the call: are the registers what they are there? */
static void look_at_registers(const greg_t *regs, uintptr_t pc)
{
	const long *arg = call.arg;

	if ((unsigned long)regs[REG_RSP] != call.sp)
		note(&step_shared->wrong_registers, "rsp", regs[REG_RSP]);
	if (regs[REG_RBP] != KEPT || regs[REG_R12] != KEPT + 1 || regs[REG_R15] != KEPT + 4)
		note(&step_shared->wrong_registers, "kept", regs[REG_RBP]);
	if (pc == (uintptr_t)step_a1 || pc == (uintptr_t)step_c1)
		if (regs[REG_RAX] != call.nr)
			note(&step_shared->wrong_registers, "number", regs[REG_RAX]);
	if (pc == (uintptr_t)step_a1 || pc == (uintptr_t)step_a2) {
		if (regs[REG_RDI] != arg[0] || regs[REG_RSI] != arg[1] || regs[REG_RDX] != arg[2] ||
		    regs[REG_R10] != arg[3] || regs[REG_R8] != arg[4] || regs[REG_R9] != arg[5])
			note(&step_shared->wrong_registers, "argument", regs[REG_RDI]);
	}
	if (pc == (uintptr_t)step_a2)
		if (regs[REG_RAX] < call.low || regs[REG_RAX] > call.high)
			note(&step_shared->wrong_registers, "result", regs[REG_RAX]);
}

/* A handler that makes system calls of all kinds itself. */
static void disturb(void)
{
	char text[8];
	int fd = open(hazard_small, O_RDONLY);

	if (fd < 0 || read(fd, text, 5) != 5 || memcmp(text, "hello", 5) || close(fd) ||
	    access("none", F_OK) != -1 || getpid() != step_shared->pid)
		note(&step_shared->wrong_inside, "calls of the handler", fd);
}

static void look(int number, siginfo_t *info, void *context)
{
	const ucontext_t *uc = context;
	uintptr_t pc = (uintptr_t)uc->uc_mcontext.gregs[REG_RIP];
	uintptr_t from = (uintptr_t)call.code;
	char *here = __builtin_frame_address(0);
	int kept = errno, known = call.anywhere;

	step_shared->handled++;
	if (info->si_signo != number || info->si_code != SI_USER ||
	    info->si_pid != step_shared->tracer)
		note(&step_shared->wrong_inside, "siginfo", info->si_code);
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
		known |= (pc >= (uintptr_t)places[i].from && pc <= (uintptr_t)places[i].call) ||
			 (pc >= (uintptr_t)places[i].behind && pc <= (uintptr_t)places[i].to);
	if (!known && (pc < from || pc >= from + HAZARD_CODE_BYTES))
		note(&step_shared->outside, "pc", (long)pc);
	else if (known && !call.anywhere)
		look_at_registers(uc->uc_mcontext.gregs, pc);
	if (here < alternate || here > alternate + sizeof(alternate))
		note(&step_shared->wrong_stack, "the handler's stack", (long)here);
	if (uc->uc_stack.ss_sp != alternate || uc->uc_stack.ss_size != sizeof(alternate))
		note(&step_shared->wrong_stack, "uc_stack", (long)uc->uc_stack.ss_sp);
	disturb();
	errno = kept;
}

/* The mask twice, since the first question may be what changes it. */
static void look_at_mask(void)
{
	sigset_t mask;
	uint64_t bits;
	stack_t stack;

	for (int i = 0; i < 2; i++) {
		sigemptyset(&mask);
		sigprocmask(SIG_BLOCK, NULL, &mask);
		memcpy(&bits, &mask, sizeof(bits));
		if (bits != call.mask_after)
			note(&step_shared->wrong_mask, "mask", (long)bits);
	}
	sigaltstack(NULL, &stack);
	if (stack.ss_sp != alternate || stack.ss_flags)
		note(&step_shared->wrong_stack, "alternate stack", (long)stack.ss_sp);
	sigemptyset(&mask);
	sigprocmask(SIG_SETMASK, &mask, NULL);
}

static void look_at_result(void)
{
	const long *kept = call.kept, *arg = call.arg;
	long want = step_shared->injected ? 1 : 0;

	if (call.result < call.low || call.result > call.high)
		note(&step_shared->wrong_result, "result", call.result);
	if ((kept[0] != arg[0] || kept[1] != arg[1] || kept[2] != arg[2] || kept[3] != arg[3] ||
	     kept[4] != arg[4] || kept[5] != arg[5]) &&
	    !call.code)
		note(&step_shared->wrong_registers, "argument afterwards", kept[0]);
	for (int i = 0; i < 5; i++)
		if (kept[6 + i] != KEPT + i)
			note(&step_shared->wrong_registers, "kept afterwards", kept[6 + i]);
	look_at_mask();
	if (step_shared->handled != want)
		note(&step_shared->wrong_count, "handled", step_shared->handled);
}

/* The child: the same call again and again. */
static void repeat(const struct step_case *which, int number)
{
	stack_t stack = {.ss_sp = alternate, .ss_size = sizeof(alternate)};
	struct sigaction action = {.sa_sigaction = look,
				   .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};

	step_shared->pid = getpid();
	sigaltstack(&stack, NULL);
	sigaction(number, &action, NULL);
	if (which->once)
		which->once(&call);
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	raise(SIGSTOP); /* until the tracer waits: it would take the first trap for the second */
	while (!step_shared->stop) {
		step_shared->handled = 0;
		which->prepare(&call);
		if (call.code)
			step_call_at(&call);
		else
			step_call(&call);
		if (which->finish)
			which->finish(&call);
		look_at_result();
	}
	_exit(0);
}

static long peek(pid_t pid, size_t offset)
{
	return ptrace(PTRACE_PEEKUSER, pid, (void *)offset, NULL);
}

static int is_end(long pc)
{
	return pc == (long)step_a5 || pc == (long)step_c5;
}

/* The child goes on, with a signal, to the next of its own traps. 0: it has ended. A trap flag that
 * was pushed while it was stepped is no trap of its own. */
static int go_on(pid_t pid, int number)
{
	const size_t flags = offsetof(struct user, regs.eflags);
	int status;

	for (;;) {
		long pc;

		ptrace(PTRACE_CONT, pid, NULL, (void *)(long)number);
		if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status)) {
			step_shared->status = status;
			return 0;
		}
		number = WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status);
		pc = peek(pid, offsetof(struct user, regs.rip));
		if (!number && (is_end(pc) || pc == (long)step_a0 || pc == (long)step_c0))
			return 1;
		ptrace(PTRACE_POKEUSER, pid, (void *)flags, peek(pid, flags) & ~TRAP_FLAG);
	}
}

static int wait_trap(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) == pid && WIFSTOPPED(status))
		return WSTOPSIG(status);
	step_shared->status = status;
	return 0;
}

/* All turns of a repeated instruction, by a trap behind it. */
static int step_repeated(pid_t pid, long end)
{
	void *behind = (void *)end;
	long word = ptrace(PTRACE_PEEKTEXT, pid, behind, NULL);
	int number;

	ptrace(PTRACE_POKETEXT, pid, behind, (word & ~0xffL) | TRAP);
	ptrace(PTRACE_CONT, pid, NULL, NULL);
	number = wait_trap(pid);
	ptrace(PTRACE_POKETEXT, pid, behind, word);
	ptrace(PTRACE_POKEUSER, pid, offsetof(struct user, regs.rip), behind);
	return number == SIGTRAP;
}

/* One instruction from *pc, or into a handler of the child's (*entered: there the kernel lets no
 * signal in). 0: the call is over, or the child. */
static int step(pid_t pid, long *pc, int *entered)
{
	unsigned code = (unsigned)ptrace(PTRACE_PEEKTEXT, pid, (void *)*pc, NULL) & 0xffff;
	long sp, number = 0;

	*entered = 0;
	if (code == REP_MOVSB || code == REP_STOSB) {
		*pc += 2;
		return step_repeated(pid, *pc);
	}
	do {
		*entered = number != 0;
		ptrace(PTRACE_SINGLESTEP, pid, NULL, (void *)number);
		if (!(number = wait_trap(pid)))
			return 0;
	} while (number != SIGTRAP);
	if ((code & 0xff) == PUSHF) {
		sp = peek(pid, offsetof(struct user, regs.rsp));
		ptrace(PTRACE_POKEDATA, pid, (void *)sp,
		       ptrace(PTRACE_PEEKDATA, pid, (void *)sp, NULL) & ~TRAP_FLAG);
	}
	*pc = peek(pid, offsetof(struct user, regs.rip));
	return !is_end(*pc);
}

/* Which step is next, after this one, of total. */
static long following(long after, long total)
{
	if (after < EACH_STEP || after >= total - EACH_STEP)
		return after + 1;
	return after + 1 + (total - 2 * EACH_STEP) / MIDDLE_STEPS;
}

static long trace(pid_t pid, int number)
{
	long total = 0, rounds = 0, done = 0, pc;
	int entered = 0;

	if (wait_trap(pid) != SIGSTOP)
		return -1;
	if (!go_on(pid, 0) || !go_on(pid, 0)) /* to the first trap; one call unseen */
		return -1;
	if (!go_on(pid, 0))
		return -1;
	pc = peek(pid, offsetof(struct user, regs.rip));
	while (total < STEPS_MAX && step(pid, &pc, &entered))
		total++;
	for (long after = 0; after <= total; after = following(after, total), rounds++) {
		if (!go_on(pid, 0))
			return -1;
		step_shared->injected = 0;
		step_shared->after = after;
		pc = peek(pid, offsetof(struct user, regs.rip));
		for (done = 0; done < after && step(pid, &pc, &entered); done++)
			;
		if (done < after)
			continue; /* it was shorter this time */
		step_shared->injected = !entered;
		if (!go_on(pid, entered ? 0 : number))
			return -1;
	}
	step_shared->stop = 1;
	go_on(pid, 0);
	return rounds;
}

void step_run(const struct step_case *which, int number)
{
	long rounds;
	pid_t pid;

	if (!step_shared)
		step_shared = mmap(NULL, sizeof(*step_shared), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	memset(step_shared, 0, sizeof(*step_shared));
	step_shared->tracer = getpid();
	fflush(NULL);
	if (!(pid = fork()))
		repeat(which, number);
	rounds = trace(pid, number);
	if (rounds < 0)
		fprintf(stderr, "step: the child ended: %#lx, after %ld steps\n",
			step_shared->status, step_shared->after);
	say_text("call", which->name);
	say("rounds", rounds < 3 ? rounds : 3);
	say("outside", step_shared->outside);
	say("wrong-registers", step_shared->wrong_registers);
	say("wrong-result", step_shared->wrong_result);
	say("wrong-stack", step_shared->wrong_stack);
	say("wrong-mask", step_shared->wrong_mask);
	say("wrong-inside", step_shared->wrong_inside);
	say("wrong-count", step_shared->wrong_count);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}
