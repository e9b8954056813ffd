/* SPDX-License-Identifier: Apache-2.0 */
/* See dispatch.h. The table of handlers is in table.c. */
#include "intercept/dispatch.h"

#include <errno.h>

#include "core/base/twin.h"
#include "intercept/image.h"
#include "intercept/int80.h"
#include "intercept/report.h"
#include "intercept/signals.h"
#include "intercept/symlink.h"
#include "intercept/trapped.h"

extern const char gate_plain[], gate_plain_end[], gate_args[], gate_args_end[], gate_path[],
	gate_path_again[], gate_path_end[], gate_int80[], gate_int80_end[], gate_after[],
	gate_after_end[], gate_counted[], gate_counted_end[], gate_far[], gate_far_call[],
	gate_far_end[], rt_entry[], rt_entry_trap[], rt_call[], rt_entry_switched[], rt_leave[],
	rt_leave_end[];

extern const char rt_begin[], rt_text_end[]; /* runtime.ld */

#define SYSCALL_INSN_BYTES 2	   /* syscall; int 0x80 as well */
#define FLAG_TRAP	   0x100ul /* a signal behind each instruction */

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

static bool within(uintptr_t ip, const char *from, const char *end)
{
	return ip >= (uintptr_t)from && ip < (uintptr_t)end;
}

/* Moves uc out of a gate: to the program's syscall instruction when the call has not been made (or
 * is to be restarted), behind it when it has. */
static void gate_leave(struct thread *t, struct kucontext *uc)
{
	struct kregs *r = &uc->regs;
	bool args = within(r->ip, gate_args, gate_args_end);
	bool path = within(r->ip, gate_path, gate_path_end);
	bool after = within(r->ip, gate_after, gate_after_end);
	bool far = within(r->ip, gate_far, gate_far_end);
	bool counted = within(r->ip, gate_counted, gate_counted_end);
	bool before;

	t->mask_acts = false;
	if (within(r->ip, gate_far, gate_far_call)) {
		r->ip = r->cx;
		return;
	}
	if (!args && !path && !after && !far && !counted &&
	    !within(r->ip, gate_plain, gate_plain_end) &&
	    !within(r->ip, gate_int80, gate_int80_end))
		return;
	before = r->ip == (uintptr_t)gate_args || r->ip == (uintptr_t)gate_path ||
		 r->ip == (uintptr_t)gate_plain || r->ip == (uintptr_t)gate_int80 ||
		 r->ip == (uintptr_t)gate_after || r->ip == (uintptr_t)gate_far_call;
	/* An ENOENT that the handler was to look at again had no effect: repeat the whole call. The
	 * last instructions of that gate have put the number back into rax already. */
	if (path && !before && ((long)r->ax == -ENOENT || r->ip >= (uintptr_t)gate_path_again))
		before = true;
	if (args || counted)
		restore_args(t, r);
	t->mask_acts = t->masked && (args || counted) && !before && (long)r->ax == -EINTR;
	if (counted) {
		r->ax = (uint64_t)t->result;
		r->ip = t->gate_ret;
	} else if (before) {
		r->ax = t->nr;
		r->ip = t->site;
	} else {
		r->ip = t->gate_ret;
	}
	t->retry = RETRY_NO;
	if (far || !t->int80)
		r->cx = r->ip;
	if (after && !before)
		dispatch_answered(t, (long)t->nr, r, (long)r->ax);
}

static void take_registers(const struct thread *t, struct kregs *r)
{
	const struct kregs *from = &t->regs;

	for (int i = 0; i < 6; i++)
		*arg_reg(r, i) = *arg_reg((struct kregs *)from, i);
	r->r12 = from->r12;
	r->r13 = from->r13;
	r->r14 = from->r14;
	r->r15 = from->r15;
	r->bp = from->bp;
	r->bx = from->bx;
	r->ax = from->ax;
	r->cx = from->cx;
	r->r11 = from->r11;
	r->flags = from->flags;
	r->sp = from->sp;
	r->ip = t->ret;
}

bool dispatch_program_context(struct thread *t, struct kucontext *uc)
{
	struct kregs *r = &uc->regs;
	bool ours = r->sp >= (uintptr_t)t && r->sp <= t->stack;

	if (within(r->ip, rt_leave, rt_leave_end) || (ours && t->leaving)) {
		take_registers(t, r);
		if (t->deferred || t->leaving)
			uc->mask = t->deferred_mask;
		t->deferred = DEFERRED_NO;
		t->put_off = t->leaving = false;
		signals_send_kept(t);
		ours = false;
	}
	if (within(r->ip, rt_entry, rt_entry_switched)) {
		r->ip = r->ip == (uintptr_t)rt_entry ? r->cx : t->pass;
		if (t->retry == RETRY_AFTER) { /* on its second way in: the call has been made */
			r->ip = t->gate_ret;
			r->ax = (uint64_t)t->result;
			dispatch_answered(t, (long)t->nr, r, t->result);
		}
		t->retry = RETRY_NO;
	} else if (ours) {
		return false;
	}
	if (t->deferred)
		uc->mask = t->deferred_mask;
	t->deferred = DEFERRED_NO;
	gate_leave(t, uc);
	image_leave(uc);
	t->selector = 1;
	return true;
}

bool dispatch_steps(struct kucontext *uc)
{
	struct kregs *r = &uc->regs;

	if (image_leads(r->ip))
		return true;
	if (!within(r->ip, rt_begin, rt_text_end))
		return false;
	/* Its flags are saved and not yet set again: the runtime itself takes no steps. */
	if (!within(r->ip, rt_entry, rt_entry_switched) && r->ip != (uintptr_t)rt_entry_switched &&
	    !within(r->ip, rt_leave, rt_leave_end) && !within(r->ip, gate_plain, gate_int80_end))
		r->flags &= ~FLAG_TRAP;
	return true;
}

void dispatch_repeat(struct thread *t, struct kucontext *uc)
{
	struct kregs *r = &uc->regs;
	uintptr_t at = r->ip - SYSCALL_INSN_BYTES;

	if (at == (uintptr_t)gate_plain || at == (uintptr_t)gate_args ||
	    at == (uintptr_t)gate_path || at == (uintptr_t)gate_after ||
	    at == (uintptr_t)gate_counted || at == (uintptr_t)gate_far_call) {
		r->ip = at;
		r->ax = t->nr;
	} else {
		image_repeat(uc);
	}
}

/* Lets the kernel answer, on the program's stack: in the trampoline it came from or in a gate. */
static void pass(struct sys_args *a, long how)
{
	struct thread *t = a->thread;
	struct kregs *r = &t->regs;

	t->nr = r->ax;
	if (how == SYS_AGAIN) {
		t->ret = (uintptr_t)(t->int80 ? rt_call : rt_entry_trap);
	} else if (t->int80) {
		t->ret = (uintptr_t)gate_int80;
	} else if (a->replaced) {
		for (int i = 0; i < 6; i++) {
			t->gate_args[i] = *arg_reg(r, i);
			*arg_reg(r, i) = a->arg[i];
		}
		t->ret = (uintptr_t)(how == SYS_PASS_COUNTED ? gate_counted : gate_args);
	} else if (how == SYS_PASS_PATH) {
		t->ret = (uintptr_t)gate_path;
	} else if (how == SYS_PASS_AFTER) {
		t->ret = (uintptr_t)gate_after;
	} else {
		t->ret = how == SYS_PASS_GATE ? (uintptr_t)gate_plain : t->pass;
	}
}

long dispatch_follow(struct sys_args *a)
{
	const struct sys_args first = *a;
	long ret;

	symlink_forget(a->thread);
	do {
		*a = first;
		ret = dispatch_handle(a);
	} while (ret == -WIRE_ELINK);
	symlink_forget(a->thread);
	return ret;
}

/* One system call of the program, whose registers are in t->regs; called by start.S. */
void dispatch_call(struct thread *t);
void dispatch_call(struct thread *t)
{
	struct kregs *r = &t->regs;
	struct sys_args a = {
		.thread = t,
		.regs = r,
		.nr = (int)r->ax,
		.arg = {r->di, r->si, r->dx, r->r10, r->r8, r->r9},
	};
	enum thread_retry retry = t->retry;
	long ret;

	if (t->pass != (uintptr_t)gate_plain) {
		t->trapped = t->int80 = false;
		t->site = t->pass;
		t->gate_ret = t->pass + TWIN_AFTER;
	}
	if (t->int80)
		a.nr = int80_translate(r, a.arg);
	t->masked = false;
	if (t->deferred)
		t->deferred = DEFERRED_CALL;
	if (retry == RETRY_AFTER) {
		t->retry = RETRY_NO;
		dispatch_answered(t, (long)t->nr, r, t->result);
		ret = t->result;
	} else {
		if (t->trapped && !t->int80 && retry == RETRY_NO)
			trapped_note(t->site);
		ret = dispatch_follow(&a);
		if (retry == RETRY_LINK && ret == SYS_PASS_PATH && !a.replaced)
			ret = -ENOENT; /* no link into the clouds: the kernel's answer stands */
		t->retry = RETRY_NO;
		if (ret <= SYS_PASS && ret >= SYS_PASS_LAST) {
			pass(&a, ret);
			return;
		}
	}
	r->ax = (uint64_t)ret;
	if (!t->int80) {
		r->cx = t->gate_ret;
		r->r11 = r->flags;
	}
	t->ret = t->gate_ret;
}

void dispatch_trap(struct thread *t, const struct ksiginfo *info, struct kucontext *uc)
{
	struct kregs *r = &uc->regs;

	t->retry = RETRY_NO;
	t->gate_ret = r->ip;
	t->site = r->ip - SYSCALL_INSN_BYTES;
	t->pass = (uintptr_t)gate_plain;
	t->trapped = true;
	report_trap(t->site);
	t->nr = r->ax = (uint64_t)info->sys.syscall;
	t->int80 = info->sys.arch != K_AUDIT_ARCH_X86_64;
	if (t->int80) {
		t->regs.cx = r->cx;
		t->regs.r11 = r->r11;
	}
	r->ip = t->int80 ? (uintptr_t)rt_call : (uintptr_t)rt_entry_trap;
}
