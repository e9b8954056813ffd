/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions beside a system call that fault: the program is told where, by its own addresses,
 * and goes on where it says. */
#include "tests/apps/hazard/hazard.h"

#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <ucontext.h>

/* fault_*(nr): the call, to which there are two ways, then what faults: r9 is 0. No names in there:
 * they would be entries. */
#define FAULTING(name, insn)                                               \
	__asm__(".pushsection .text\n"                                     \
		".globl fault_" name "\n.type fault_" name ", @function\n" \
		"fault_" name ":\n mov %rdi, %rax\n xor %r9d, %r9d\n"      \
		" test %rsi, %rsi\n jz 1f\n nop\n"                         \
		"1: syscall\n " insn "\n nop\n nop\n ret\n"                \
		".popsection\n")
#define HERE	 UINTPTR_MAX
#define FAULT_AT 14 /* bytes from the begin */
FAULTING("divide", "div %r9");
FAULTING("read", "mov (%r9), %rdi");
FAULTING("far", "movabs %rax, 0x123456789000");
extern hazard_call fault_divide, fault_read, fault_far;

static volatile uintptr_t at, address, behind;
static volatile long code;

static void look(int number, siginfo_t *info, void *context)
{
	greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;

	(void)number;
	at = (uintptr_t)regs[REG_RIP];
	address = (uintptr_t)info->si_addr;
	code = info->si_code;
	regs[REG_RIP] = (greg_t)behind;
}

/* bytes: of the instruction that faults. told: the address, HERE: the instruction's own. */
static void say_fault(const char *name, hazard_call *call, unsigned bytes, uintptr_t told)
{
	uintptr_t where = (uintptr_t)call + FAULT_AT;

	at = address = 0;
	behind = where + bytes;
	say_text("at", name);
	say("result", call(SYS_getpid, 0, 0, 0) > 0);
	say("code", code);
	say("rip", at == where);
	say("address", address == (told == HERE ? where : told));
}

void hazard_fault(void)
{
	struct sigaction action = {.sa_sigaction = look, .sa_flags = SA_SIGINFO};

	sigaction(SIGFPE, &action, NULL);
	sigaction(SIGSEGV, &action, NULL);
	say_fault("divide", fault_divide, 3, HERE);
	say_fault("far", fault_far, 10, 0x123456789000);
	say_fault("read", fault_read, 3, 0);
	signal(SIGFPE, SIG_DFL);
	signal(SIGSEGV, SIG_DFL);
}
