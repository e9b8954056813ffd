/* SPDX-License-Identifier: Apache-2.0 */
/* System calls about signals: dispositions, masks, the alternate stack, the way out of a handler.
 */
#include <errno.h>
#include <string.h>

#include "intercept/dispatch.h"
#include "intercept/handlers.h"
#include "intercept/image.h"
#include "intercept/signals.h"
#include "intercept/usercopy.h"

#define MIN_ALTSTACK_BYTES 2048u /* MINSIGSTKSZ */
#define SIGSET_BYTES	   8u

void rt_restorer(void);
uintptr_t signals_entry(void);

static bool always_ours(int sig)
{
	return sig == K_SIGSYS || sig == K_SIGSEGV || sig == K_SIGBUS;
}

/* What the kernel is told for the disposition that the program wants. */
static struct ksigaction kernel_action(const struct ksigaction *want)
{
	struct ksigaction act = *want;

	if (want->handler <= K_SIG_IGN)
		return act;
	act.handler = signals_entry();
	act.restorer = (uintptr_t)rt_restorer;
	act.flags = (want->flags & (K_SA_NOCLDSTOP | K_SA_NOCLDWAIT | K_SA_RESTART)) |
		    K_SA_SIGINFO | K_SA_ONSTACK | K_SA_RESTORER;
	act.mask = ~SIGNALS_FAULTS; /* faults of user copies get through */
	return act;
}

static long set_action(struct thread *t, int sig, const struct ksigaction *want,
		       struct ksigaction *old)
{
	struct proc_sigaction *own = &t->proc->sig[sig];
	long ret = 0;

	lock_take(&t->proc->lock);
	if (!own->known) {
		ret = sys4(__NR_rt_sigaction, sig, 0, &own->act, 8);
		own->known = !ret;
	}
	*old = own->act;
	if (!ret && want) {
		if (!always_ours(sig)) {
			struct ksigaction act = kernel_action(want);

			ret = sys4(__NR_rt_sigaction, sig, &act, 0, 8);
		}
		if (!ret)
			own->act = *want;
	}
	lock_drop(&t->proc->lock);
	return ret;
}

long sys_rt_sigaction(struct sys_args *a)
{
	int sig = (int)a->arg[0];
	struct ksigaction want, old;
	long ret;

	if (a->arg[3] != SIGSET_BYTES || sig < 1 || sig > K_NSIG)
		return -EINVAL;
	if (a->arg[1]) {
		if (user_read(&want, (void *)a->arg[1], sizeof(want)))
			return -EFAULT;
		if (sig == K_SIGKILL || sig == K_SIGSTOP)
			return -EINVAL;
		want.mask &= ~(SIGBIT(K_SIGKILL) | SIGBIT(K_SIGSTOP));
	}
	ret = set_action(a->thread, sig, a->arg[1] ? &want : NULL, &old);
	if (!ret && a->arg[2] && user_write((void *)a->arg[2], &old, sizeof(old)))
		return -EFAULT;
	return ret;
}

long sys_rt_sigprocmask(struct sys_args *a)
{
	struct thread *t = a->thread;
	uint64_t seen, set = 0, mask;

	if (a->arg[3] != SIGSET_BYTES)
		return -EINVAL;
	if (a->arg[1] && user_read(&set, (void *)a->arg[1], 8))
		return -EFAULT;
	if (a->arg[1])
		signals_hold(t);
	if (t->put_off) /* it came before this call, and found the mask before it */
		return SYS_AGAIN;
	seen = mask = signals_mask(t) | (t->sys_blocked ? SIGBIT(K_SIGSYS) : 0);
	if (a->arg[1]) {
		set &= ~(SIGBIT(K_SIGKILL) | SIGBIT(K_SIGSTOP));
		switch ((int)a->arg[0]) {
		case K_SIG_BLOCK:
			mask = seen | set;
			break;
		case K_SIG_UNBLOCK:
			mask = seen & ~set;
			break;
		case K_SIG_SETMASK:
			mask = set;
			break;
		default:
			return -EINVAL;
		}
	}
	if (a->arg[2] && user_write((void *)a->arg[2], &seen, 8))
		return -EFAULT;
	t->sys_blocked = (mask & SIGBIT(K_SIGSYS)) != 0;
	return mask == seen ? 0 : signals_set_mask(t, mask);
}

long sys_sigaltstack(struct sys_args *a)
{
	struct thread *t = a->thread;
	struct kstack old = t->altstack, want;
	uintptr_t sp = a->regs->sp;
	bool on = !(old.flags & (K_SS_DISABLE | K_SS_AUTODISARM)) && sp > (uintptr_t)old.sp &&
		  sp - (uintptr_t)old.sp <= old.size;
	int mode;

	if (a->arg[0]) {
		if (user_read(&want, (void *)a->arg[0], sizeof(want)))
			return -EFAULT;
		if (on)
			return -EPERM;
		mode = want.flags & ~K_SS_AUTODISARM;
		if (mode != 0 && mode != K_SS_DISABLE && mode != K_SS_ONSTACK)
			return -EINVAL;
		if (mode == K_SS_DISABLE) {
			want.sp = NULL;
			want.size = 0;
		} else if (want.size < MIN_ALTSTACK_BYTES) {
			return -ENOMEM;
		}
		want.flags &= ~K_SS_ONSTACK;
		t->altstack = want;
	}
	if (on)
		old.flags |= K_SS_ONSTACK;
	if (a->arg[1] && user_write((void *)a->arg[1], &old, sizeof(old)))
		return -EFAULT;
	return 0;
}

/* The program leaves a handler. The kernel does the work, at the program's frame, after changes in
 * it: the alternate stack is ours, SIGSYS stays unblocked, and an ip at or beside a replaced
 * syscall means the same place in its trampoline. */
long sys_rt_sigreturn(struct sys_args *a)
{
	struct thread *t = a->thread;
	struct ksigframe *frame = (void *)(a->regs->sp - sizeof(frame->restorer));
	struct kstack theirs, ours = {.sp = (void *)thread_altstack(t)};
	uint64_t mask, ip;

	ours.size = t->stack - (uintptr_t)ours.sp;
	if (user_read(&theirs, &frame->uc.stack, sizeof(theirs)) ||
	    user_read(&mask, &frame->uc.mask, sizeof(mask)) ||
	    user_read(&ip, &frame->uc.regs.ip, sizeof(ip)))
		return SYS_PASS_GATE; /* the kernel kills it, as it would */
	theirs.flags &= ~K_SS_ONSTACK;
	/* A frame that has been changed already: a signal came before the kernel took it. */
	if (theirs.sp != ours.sp) {
		if (theirs.flags & K_SS_DISABLE || theirs.size >= MIN_ALTSTACK_BYTES)
			t->altstack = theirs;
		t->sys_blocked = (mask & SIGBIT(K_SIGSYS)) != 0;
	}
	mask &= ~SIGBIT(K_SIGSYS);
	ip = image_enter(ip);
	if (user_write(&frame->uc.stack, &ours, sizeof(ours)) ||
	    user_write(&frame->uc.mask, &mask, sizeof(mask)) ||
	    user_write(&frame->uc.regs.ip, &ip, sizeof(ip)))
		return SYS_PASS_GATE;
	t->segv_blocked = (mask & SIGNALS_FAULTS) != 0;
	return SYS_PASS_GATE;
}

/* A mask in argument i, its size behind it. The call is made in a gate, which tells a signal that
 * ends it from others. */
static long with_mask_at(struct sys_args *a, int i)
{
	if (!signals_mask_for_kernel(a->thread, a->arg[i], a->arg[i + 1]))
		return SYS_PASS;
	args_replace(a, i, (uint64_t)&a->thread->mask_copy);
	return SYS_PASS;
}

long sys_rt_sigsuspend(struct sys_args *a)
{
	return with_mask_at(a, 0);
}

long sys_ppoll(struct sys_args *a)
{
	return with_mask_at(a, 3);
}

/* epoll_pwait, epoll_pwait2 */
long sys_epoll_pwait(struct sys_args *a)
{
	return with_mask_at(a, 4);
}

long sys_pselect6(struct sys_args *a)
{
	struct thread *t = a->thread;

	if (!a->arg[5] || user_read(&t->mask_arg, (void *)a->arg[5], sizeof(t->mask_arg)) ||
	    !signals_mask_for_kernel(t, t->mask_arg.mask, t->mask_arg.size))
		return SYS_PASS;
	t->mask_arg.mask = (uint64_t)&t->mask_copy;
	args_replace(a, 5, (uint64_t)&t->mask_arg);
	return SYS_PASS;
}
