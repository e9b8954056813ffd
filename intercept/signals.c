/* SPDX-License-Identifier: Apache-2.0 */
/* See signals.h: delivery. The system calls about signals are in sys_signal.c. */
#include "intercept/signals.h"

#include <errno.h>
#include <string.h>

#include "intercept/dispatch.h"
#include "intercept/filter.h"
#include "intercept/image.h"
#include "intercept/usercopy.h"
#include "intercept/vfile.h"

#define TRAP_TRACE	 2 /* si_code of the processor's single step */
#define RED_ZONE_BYTES	 128u
#define FLAGS_CLEARED	 (0x400u | 0x100u | 0x10000u) /* DF, TF, RF, as the kernel does */
#define FX_BYTES	 512u			      /* FXSAVE image without extensions */
#define FX_MAGIC1_OFFSET 464u			      /* struct _fpx_sw_bytes */
#define FX_MAGIC1	 0x46505853u
#define XSTATE_BYTES_MAX 16384u /* AMX included; more is a damaged frame */

/* What the kernel blocks while signals are put off, as it tells it. */
#define HELD (~(SIGNALS_FAULTS | SIGBIT(K_SIGSYS) | SIGBIT(K_SIGKILL) | SIGBIT(K_SIGSTOP)))

static const int ours[] = {K_SIGSYS, K_SIGSEGV, K_SIGBUS};

void rt_restorer(void);
void rt_deliver_kept(void);
static void on_signal(int sig, struct ksiginfo *info, struct kucontext *uc);

static size_t xstate_bytes(const char *fpstate)
{
	uint32_t magic, size;

	if (!fpstate)
		return 0;
	memcpy(&magic, fpstate + FX_MAGIC1_OFFSET, 4);
	memcpy(&size, fpstate + FX_MAGIC1_OFFSET + 4, 4);
	return magic == FX_MAGIC1 && size <= XSTATE_BYTES_MAX ? size : FX_BYTES;
}

/* SIGSYS that arms a thread must not be seen in its calls: SA_RESTART, and dispatch_repeat(). */
static void install(int sig, uint64_t mask, struct ksigaction *old)
{
	struct ksigaction act = {
		.handler = (uintptr_t)on_signal,
		.flags = K_SA_SIGINFO | K_SA_ONSTACK | K_SA_RESTORER |
			 (sig == K_SIGSYS ? K_SA_RESTART : 0),
		.restorer = (uintptr_t)rt_restorer,
		.mask = mask,
	};

	sys4(__NR_rt_sigaction, sig, &act, old, 8);
}

uintptr_t signals_entry(void);
uintptr_t signals_entry(void)
{
	return (uintptr_t)on_signal;
}

void signals_init(struct thread *t)
{
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		struct proc_sigaction *own = &t->proc->sig[ours[i]];

		install(ours[i], ~SIGNALS_FAULTS, &own->act);
		own->known = true;
	}
}

void signals_default(struct proc *p)
{
	for (int sig = 1; sig <= K_NSIG; sig++) {
		uintptr_t was = p->sig[sig].act.handler;

		p->sig[sig].act = (struct ksigaction){
			.handler = was == K_SIG_IGN ? K_SIG_IGN : K_SIG_DFL,
		};
	}
}

void signals_install(void)
{
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		install(ours[i], ~SIGNALS_FAULTS, NULL);
}

uint64_t signals_mask(struct thread *t)
{
	uint64_t mask = 0;

	if (t->deferred)
		return t->deferred_mask;
	sys4(__NR_rt_sigprocmask, K_SIG_BLOCK, 0, &mask, 8);
	return t->deferred ? t->deferred_mask : mask; /* one may have been put off meanwhile */
}

long signals_set_mask(struct thread *t, uint64_t mask)
{
	long ret = 0;

	mask &= ~SIGBIT(K_SIGSYS);
	t->segv_blocked = (mask & SIGNALS_FAULTS) != 0;
	if (!t->deferred)
		ret = sys4(__NR_rt_sigprocmask, K_SIG_SETMASK, &mask, 0, 8);
	if (t->deferred) /* since long, or because one was put off meanwhile */
		t->deferred_mask = mask;
	return ret;
}

void signals_hold(struct thread *t)
{
	uint64_t all = HELD, old;

	sys4(__NR_rt_sigprocmask, K_SIG_SETMASK, &all, &old, 8);
	/* HELD is no mask with a fault blocked: one came as this unblocked it, and was put off */
	if (!t->deferred || (t->segv_blocked && t->deferred_mask == HELD))
		t->deferred_mask = old;
	t->deferred = DEFERRED_CALL;
	t->segv_blocked = false;
}

/* Sends a signal to this thread again; it is blocked, or will be, until the call is over. */
static void send_again(int sig, const struct ksiginfo *info)
{
	sys4(__NR_rt_tgsigqueueinfo, sys0(__NR_getpid), sys0(__NR_gettid), sig, info);
}

void signals_send_kept(struct thread *t)
{
	if (t->kept_sig)
		send_again(t->kept_sig, &t->kept);
	t->kept_sig = 0;
}

void signals_hand_on(struct thread *t)
{
	uint64_t all = HELD | SIGNALS_FAULTS;

	if (!t->kept_sig)
		return;
	sys4(__NR_rt_sigprocmask, K_SIG_SETMASK, &all, 0, 8);
	signals_send_kept(t);
}

/* A program that blocks every signal need not get its mask back: it differs from the kernel's in
 * the faults alone, and if one is sent, on_signal() says that it is blocked. A posix_spawn makes a
 * hundred calls in this state. */
static bool stay_held(struct thread *t)
{
	if (t->ret != t->gate_ret || (t->deferred_mask & HELD) != HELD ||
	    !(t->deferred_mask & SIGNALS_FAULTS))
		return false;
	t->deferred = DEFERRED_ON;
	__asm__ volatile("" ::: "memory");
	if (!t->kept_sig)
		return true; /* one that comes from here on changes deferred again */
	t->deferred = DEFERRED_CALL;
	return false;
}

/* The call is over: what was put off may come, and finds the program's registers in t->regs. */
void signals_release(struct thread *t);
void signals_release(struct thread *t)
{
	uint64_t mask = t->deferred_mask;

	if (stay_held(t))
		return;
	t->leaving = true;
	t->deferred = DEFERRED_NO;
	t->put_off = false;
	t->segv_blocked = (mask & SIGNALS_FAULTS) != 0;
	__asm__ volatile("" ::: "memory");
	if (t->kept_sig && !(mask & SIGBIT(t->kept_sig)))
		rt_deliver_kept();
	sys4(__NR_rt_sigprocmask, K_SIG_SETMASK, &mask, 0, 8);
	signals_send_kept(t); /* it is blocked, so it waits */
	t->leaving = false;
}

/* Was it caused by the interrupted instruction (and not sent, by whomever)? */
static bool caused(int sig, const struct ksiginfo *info)
{
	const uint64_t by_fault = SIGNALS_FAULTS | SIGBIT(K_SIGILL) | SIGBIT(K_SIGTRAP) |
				  SIGBIT(K_SIGFPE);

	return by_fault & SIGBIT(sig) && info->code > 0;
}

/* Lets the default action happen to the interrupted program, at its own instruction. */
static void act_default(struct thread *t, int sig, const struct ksiginfo *info,
			struct kucontext *uc)
{
	struct ksigaction dfl = {0};
	/* a fault repeats itself, unless its instruction was displaced */
	bool repeats = caused(sig, info) && image_enter(uc->regs.ip) == uc->regs.ip;

	(void)t;
	sys4(__NR_rt_sigaction, sig, &dfl, 0, 8);
	uc->mask &= ~SIGBIT(sig);
	if (!repeats)
		send_again(sig, info);
}

static bool on_stack(const struct kstack *stack, uintptr_t sp)
{
	return sp > (uintptr_t)stack->sp && sp - (uintptr_t)stack->sp <= stack->size;
}

/* The top of the stack on which the program wants this handler to run. */
static uintptr_t handler_stack(const struct thread *t, const struct ksigaction *act, uintptr_t sp)
{
	const struct kstack *alt = &t->altstack;

	if (act->flags & K_SA_ONSTACK && !(alt->flags & K_SS_DISABLE) && alt->size &&
	    (alt->flags & K_SS_AUTODISARM || !on_stack(alt, sp)))
		return (uintptr_t)alt->sp + alt->size;
	return sp - RED_ZONE_BYTES;
}

/* Builds the program's frame below sp. Its address, or 0 when that memory cannot be written. */
static uintptr_t push_frame(struct thread *t, uintptr_t sp, const struct ksigaction *act,
			    const struct ksiginfo *info, const struct kucontext *uc)
{
	size_t xbytes = xstate_bytes(uc->regs.fpstate);
	struct ksigframe frame = {.restorer = act->restorer, .uc = *uc, .info = *info};

	if (xbytes) {
		sp = (sp - xbytes) & ~63ul;
		frame.uc.regs.fpstate = (void *)sp;
		if (user_write((void *)sp, uc->regs.fpstate, xbytes))
			return 0;
	}
	sp = ((sp - sizeof(frame)) & ~15ul) - 8;
	frame.uc.stack = t->altstack;
	if (on_stack(&t->altstack, uc->regs.sp) && !(t->altstack.flags & K_SS_AUTODISARM))
		frame.uc.stack.flags |= K_SS_ONSTACK;
	if (t->sys_blocked)
		frame.uc.mask |= SIGBIT(K_SIGSYS);
	if (user_write((void *)sp, &frame, sizeof(frame)))
		return 0;
	return sp;
}

/* Turns the frame we stand in into a way to the program's handler. */
static void enter_handler(struct thread *t, int sig, const struct ksigaction *act,
			  const struct ksiginfo *info, struct kucontext *uc)
{
	struct kregs *r = &uc->regs;
	uintptr_t frame;

	frame = push_frame(t, handler_stack(t, act, r->sp), act, info, uc);
	if (!frame) {
		struct ksiginfo segv = {.signo = K_SIGSEGV, .code = 0x80 /* SI_KERNEL */};

		act_default(t, K_SIGSEGV, &segv, uc);
		send_again(K_SIGSEGV, &segv);
		return;
	}
	if (t->altstack.flags & K_SS_AUTODISARM)
		t->altstack = (struct kstack){.flags = K_SS_DISABLE};

	if (t->mask_acts) /* its frame restores the other */
		uc->mask = t->mask_copy;
	uc->mask |= act->mask & ~SIGBIT(K_SIGSYS);
	if (!(act->flags & K_SA_NODEFER))
		uc->mask |= SIGBIT(sig) & ~SIGBIT(K_SIGSYS);
	r->di = (uint64_t)sig;
	r->si = frame + offsetof(struct ksigframe, info);
	r->dx = frame + offsetof(struct ksigframe, uc);
	r->ax = 0;
	r->sp = frame;
	r->ip = act->handler;
	r->flags &= ~(uint64_t)FLAGS_CLEARED;
	r->fpstate = NULL; /* a handler starts with a fresh floating-point state */
}

/* The program's disposition, taken as the kernel takes it: SA_RESETHAND acts here. */
static struct ksigaction take_action(struct thread *t, int sig)
{
	struct proc_sigaction *own = &t->proc->sig[sig];
	struct ksigaction act, dfl = {0};

	lock_take(&t->proc->lock);
	act = own->act;
	if (act.flags & K_SA_RESETHAND && act.handler > K_SIG_IGN) {
		own->act.handler = K_SIG_DFL;
		if (sig != K_SIGSYS && sig != K_SIGSEGV && sig != K_SIGBUS)
			sys4(__NR_rt_sigaction, sig, &dfl, 0, 8);
	}
	lock_drop(&t->proc->lock);
	return act;
}

/* A signal sent (not caused) while the runtime is at work waits until the call is over. Sent again,
 * it would come behind others that wait already. */
static void put_off(struct thread *t, int sig, const struct ksiginfo *info, struct kucontext *uc)
{
	if (t->handling) { /* the mask that on_signal() leaves with lets it in */
		uc->mask |= SIGBIT(sig);
		send_again(sig, info);
		return;
	}
	/* the program blocks it: it came of signals_hold(), which may be about to say so */
	if (t->deferred ? !(t->deferred_mask & SIGBIT(sig)) : !t->segv_blocked || uc->mask != HELD)
		t->put_off = true;
	if (!t->deferred)
		t->deferred_mask = uc->mask;
	t->deferred = DEFERRED_CALL;
	uc->mask = HELD;
	if (t->kept_sig) { /* one of those that are never blocked, sent by somebody */
		uc->mask |= SIGBIT(sig);
		send_again(sig, info);
		return;
	}
	t->kept = *info;
	t->kept_sig = sig;
}

/* The fault at rt_deliver_kept stands for the signal that was put off. */
static int take_kept(struct thread *t, struct ksiginfo *info)
{
	int sig = t->kept_sig;

	*info = t->kept;
	t->kept_sig = 0;
	return sig;
}

/* A fault of the runtime's own copies ends the copy, and what somebody has cut is zeros from then
 * on; any other is a defect, and ends the program. */
static void on_own_fault(struct thread *t, int sig, const struct ksiginfo *info,
			 struct kucontext *uc)
{
	uintptr_t fixup = usercopy_fixup(uc->regs.ip);

	if (fixup)
		uc->regs.ip = fixup;
	else if (sig != K_SIGBUS || !vfile_fault(info->fields[0]))
		act_default(t, sig, info, uc);
}

/* uc is the program's. */
static void deliver(struct thread *t, int sig, const struct ksiginfo *info, struct kucontext *uc)
{
	struct ksigaction act = take_action(t, sig);

	if (act.handler == K_SIG_IGN && !caused(sig, info))
		return;
	if (act.handler <= K_SIG_IGN)
		act_default(t, sig, info, uc);
	else
		enter_handler(t, sig, &act, info, uc);
}

static void on_signal(int sig, struct ksiginfo *info, struct kucontext *uc)
{
	struct thread *t = thread_current();
	bool blocked = t->segv_blocked, held = t->deferred;
	uint64_t ip = uc->regs.ip;

	if (sig == K_SIGSEGV && uc->regs.ip == (uintptr_t)rt_deliver_kept)
		sig = take_kept(t, info);
	if (sig == K_SIGSYS && (info->code == K_SYS_USER_DISPATCH || filter_is_trap(info))) {
		dispatch_trap(t, info, uc);
		return;
	}
	if (sig == K_SIGSYS && info->code == SIGNALS_ARM_CODE) {
		thread_arm_self(t);
		if ((long)uc->regs.ax == -EINTR)
			dispatch_repeat(t, uc);
		return;
	}
	if (sig == K_SIGTRAP && info->code == TRAP_TRACE && dispatch_steps(uc))
		return;
	if (blocked) { /* until uc's mask counts again: a frame's copy may fault */
		uint64_t faults = SIGNALS_FAULTS;

		sys4(__NR_rt_sigprocmask, K_SIG_UNBLOCK, &faults, 0, 8);
		t->segv_blocked = false;
	}
	if (!dispatch_program_context(t, uc)) {
		t->segv_blocked = blocked;
		if (caused(sig, info))
			on_own_fault(t, sig, info, uc);
		else
			put_off(t, sig, info, uc);
		return;
	}
	if (caused(sig, info) && info->fields[0] == ip) /* si_addr is the instruction's own */
		info->fields[0] = uc->regs.ip;
	if (held && uc->mask & SIGBIT(sig)) { /* the kernel does not know: stay_held() */
		if (caused(sig, info))
			act_default(t, sig, info, uc);
		else
			send_again(sig, info);
		t->segv_blocked = (uc->mask & SIGNALS_FAULTS) != 0;
		return;
	}
	t->handling = true;
	deliver(t, sig, info, uc);
	t->segv_blocked = (uc->mask & SIGNALS_FAULTS) != 0;
	t->handling = false;
}

bool signals_mask_for_kernel(struct thread *t, uint64_t user, uint64_t size)
{
	if (!user || size != 8 || user_read(&t->mask_copy, (void *)user, 8))
		return false;
	t->mask_copy &= ~SIGBIT(K_SIGSYS);
	t->masked = true;
	return true;
}
