/* SPDX-License-Identifier: Apache-2.0 */
/* See dispatch.h. The table of handlers is in table.c. */
#include "intercept/dispatch.h"

#include <errno.h>

extern const char gate_plain[], gate_plain_end[], gate_args[], gate_args_end[], gate_path[],
	gate_path_again[], gate_path_end[], gate_int80[], gate_int80_end[];

#define SYSCALL_INSN_BYTES 2 /* syscall; int 0x80 as well */

static uint64_t *arg_reg(struct kregs *r, int i)
{
	uint64_t *regs[6] = {&r->di, &r->si, &r->dx, &r->r10, &r->r8, &r->r9};

	return regs[i];
}

static void restore_args(const struct thread *t, struct kregs *r)
{
	for (int i = 0; i < 6; i++)
		*arg_reg(r, i) = t->gate_args[i];
}

void gate_leave(const struct thread *t, struct kucontext *uc)
{
	struct kregs *r = &uc->regs;
	bool args = r->ip >= (uintptr_t)gate_args && r->ip < (uintptr_t)gate_args_end;
	bool path = r->ip >= (uintptr_t)gate_path && r->ip < (uintptr_t)gate_path_end;
	bool plain = r->ip >= (uintptr_t)gate_plain && r->ip < (uintptr_t)gate_plain_end;
	bool int80 = r->ip >= (uintptr_t)gate_int80 && r->ip < (uintptr_t)gate_int80_end;
	bool before;

	if (!args && !path && !plain && !int80)
		return;
	before = r->ip == (uintptr_t)gate_args || r->ip == (uintptr_t)gate_path ||
		 r->ip == (uintptr_t)gate_plain || r->ip == (uintptr_t)gate_int80;
	/* An ENOENT that the handler was to look at again had no effect: repeat the whole call. The
	 * last instructions of that gate have put the number back into rax already. */
	if (path && !before && ((long)r->ax == -ENOENT || r->ip >= (uintptr_t)gate_path_again))
		before = true;
	if (args)
		restore_args(t, r);
	if (before) {
		r->ax = t->nr;
		r->ip = t->site;
	} else {
		r->ip = t->gate_ret;
	}
	r->cx = r->ip;
}

/* Lets the kernel answer, in a gate, once the trap's own frame is left. */
static void pass(struct sys_args *a, long how, bool int80)
{
	struct thread *t = a->thread;
	struct kregs *r = &a->uc->regs;

	t->gate_ret = r->ip;
	t->site = r->ip - SYSCALL_INSN_BYTES;
	t->nr = (uint64_t)a->nr;
	r->ax = (uint64_t)a->nr;
	if (int80) {
		r->ip = (uintptr_t)gate_int80;
		return;
	}
	if (!a->replaced) {
		r->ip = how == SYS_PASS_PATH ? (uintptr_t)gate_path : (uintptr_t)gate_plain;
		return;
	}
	for (int i = 0; i < 6; i++) {
		t->gate_args[i] = *arg_reg(r, i);
		*arg_reg(r, i) = a->arg[i];
	}
	r->ip = (uintptr_t)gate_args;
}

void dispatch_trap(struct thread *t, const struct ksiginfo *info, struct kucontext *uc)
{
	struct kregs *r = &uc->regs;
	struct sys_args a = {
		.thread = t,
		.uc = uc,
		.nr = info->sys.syscall,
		.arg = {r->di, r->si, r->dx, r->r10, r->r8, r->r9},
	};
	bool int80 = info->sys.arch != K_AUDIT_ARCH_X86_64;
	uint64_t faults = SIGBIT(K_SIGSEGV) | SIGBIT(K_SIGBUS);
	sys_handler *handler = int80 ? NULL : dispatch_handler(a.nr);
	long ret = SYS_PASS;

	t->program_mask = uc->mask;
	t->segv_blocked = (uc->mask & faults) != 0;
	if (handler)
		ret = handler(&a);
	if (ret == SYS_CONTEXT)
		return;
	if (t->retry && ret == SYS_PASS_PATH)
		ret = -ENOENT; /* no link into the clouds either: the kernel's answer stands */
	t->retry = 0;
	if (ret == SYS_PASS || ret == SYS_PASS_PATH) {
		pass(&a, ret, int80);
		return;
	}
	r->ax = (uint64_t)ret;
	r->cx = r->ip;
	r->r11 = r->flags;
}
