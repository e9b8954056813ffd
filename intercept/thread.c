/* SPDX-License-Identifier: Apache-2.0 */
/* Making, arming and reclaiming struct thread; what has to hold across fork. */
#include "intercept/thread.h"

#include <errno.h>
#include <linux/mman.h>
#include <linux/prctl.h>
#include <string.h>

#include "core/base/twin.h"
#include "intercept/dispatch.h"
#include "intercept/fdtab.h"
#include "intercept/filter.h"
#include "intercept/image.h"
#include "intercept/signals.h"
#include "intercept/vfile.h"
#include "intercept/uring.h"

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#define PR_SYS_DISPATCH_ON	     1
#endif

#define ARM_STEP_NS 100000L /* 0.1 ms */
#define ARM_STEPS   2000

__attribute__((section(".bss.first"))) struct runtime rt; /* its end is seldom used */

static struct lock threads_lock;
static struct thread *threads; /* every region ever made, under threads_lock */

_Static_assert(offsetof(struct thread, gate_ret) == 8, "start.S");
_Static_assert(offsetof(struct thread, gate_args) == 16, "start.S");
_Static_assert(offsetof(struct thread, site) == 64, "start.S");
_Static_assert(offsetof(struct thread, nr) == 72, "start.S");
_Static_assert(offsetof(struct thread, retry) == 80, "start.S");
_Static_assert(offsetof(struct thread, selector) == TWIN_GS_SELECTOR, "twin.h");
_Static_assert(offsetof(struct thread, entry) == TWIN_GS_ENTRY, "twin.h");
_Static_assert(offsetof(struct thread, classes) == TWIN_GS_CLASSES, "twin.h, start.S");
_Static_assert(offsetof(struct thread, fds) == TWIN_GS_FDS, "twin.h, start.S");
_Static_assert(offsetof(struct thread, regs) == 112, "start.S");
_Static_assert(offsetof(struct thread, pass) == 368, "start.S");
_Static_assert(offsetof(struct thread, ret) == 376, "start.S");
_Static_assert(offsetof(struct thread, stack) == 384, "start.S");
_Static_assert(offsetof(struct thread, deferred) == 392 && DEFERRED_CALL == 1, "start.S");
_Static_assert(offsetof(struct thread, result) == 400, "start.S");
_Static_assert(offsetof(struct thread, far) == THREAD_FAR, "farther.h");
_Static_assert(sizeof(struct thread) + sizeof(struct proc) < THREAD_REGION_BYTES / 2,
	       "the private stack needs its room");

extern const char rt_begin[], rt_text_end[]; /* runtime.ld */
extern const char rt_entry[], gate_far[];

/* A fresh aligned region, from the kernel. */
static struct thread *region_map(void)
{
	size_t want = 2 * THREAD_REGION_BYTES;
	uintptr_t at = (uintptr_t)sys6(__NR_mmap, 0, (long)want, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uintptr_t base;

	if (sys_failed(at))
		return NULL;
	base = (at + THREAD_REGION_BYTES - 1) & ~(THREAD_REGION_BYTES - 1);
	if (base > at)
		sys2(__NR_munmap, at, base - at);
	if (at + want > base + THREAD_REGION_BYTES)
		sys2(__NR_munmap, base + THREAD_REGION_BYTES,
		     at + want - base - THREAD_REGION_BYTES);
	return (struct thread *)base;
}

void *thread_first_region(size_t room)
{
	size_t want = 2 * THREAD_REGION_BYTES + room;
	long at = sys6(__NR_mmap, 0, (long)want, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uintptr_t base = ((uintptr_t)at + THREAD_REGION_BYTES - 1) & ~(THREAD_REGION_BYTES - 1);

	if (sys_failed(at))
		return NULL;
	threads = (struct thread *)base;
	threads->state = THREAD_FREE; /* the first touch is a write: one fault, not two */
	return (void *)(base + THREAD_REGION_BYTES);
}

/* Has the kernel let go of this exited thread? */
static bool gone(const struct thread *t)
{
	return t->state == THREAD_EXITING && sys2(__NR_tkill, t->tid, 0) == -ESRCH;
}

/* One that is nobody's, zeroed under the lock: meanwhile its state says that it is free. From then
 * on a fork's child may look at it (thread_fork_child()), before its user does. */
static struct thread *region_get(void)
{
	struct thread *t, *next;

	lock_take(&threads_lock);
	for (t = threads; t; t = t->next)
		if (t->state == THREAD_FREE || gone(t))
			break;
	if (t) {
		next = t->next;
		memset(t, 0, offsetof(struct thread, name));
		t->next = next;
	} else {
		t = region_map();
		if (t) {
			t->next = threads;
			threads = t;
		}
	}
	if (t) {
		t->sock = t->sock_beside = -1;
		t->state = THREAD_LIVE;
	}
	lock_drop(&threads_lock);
	return t;
}

/* A process's own state stands at the foot of the private stack of the thread that began it. */
static struct proc *own_proc(const struct thread *t)
{
	return (struct proc *)thread_stack_base(t);
}

static void copy_proc(struct proc *to, const struct proc *from)
{
	memcpy(to, from, offsetof(struct proc, cwd));
	to->lock.word = 0;
	if (to->cwd_virtual)
		memcpy(to->cwd, from->cwd, strlen(from->cwd) + 1);
}

struct thread *thread_new(struct thread *from, struct proc *proc)
{
	struct thread *t = region_get();

	if (!t)
		return NULL;
	t->self = t;
	t->stack = (uintptr_t)t + THREAD_REGION_BYTES;
	t->selector = 1;
	t->entry = (uintptr_t)rt_entry;
	t->far = (uintptr_t)gate_far;
	t->classes = dispatch_classes;
	t->fds = fdtab_bytes(false);
	t->altstack.flags = K_SS_DISABLE;
	t->proc = proc;
	if (!proc) {
		t->proc = own_proc(t);
		if (from) /* the first one's is zeroed memory */
			copy_proc(t->proc, from->proc);
	}
	return t;
}

void thread_free(struct thread *t)
{
	if (t->exec_scratch) {
		sys2(__NR_munmap, t->exec_scratch, t->exec_scratch_bytes);
		t->exec_scratch = NULL;
	}
	lock_take(&threads_lock);
	t->state = THREAD_FREE;
	lock_drop(&threads_lock);
}

void thread_exiting(struct thread *t)
{
	lock_take(&threads_lock);
	t->ended = true;
	/* The process's state lives in the region of its first thread, which others may still use:
	 * such a region is never reused. */
	if (t->proc != own_proc(t))
		t->state = THREAD_EXITING;
	lock_drop(&threads_lock);
}

/* The trap for the calling thread. No clone inherits it, unless it is a filter. */
static int arm(struct thread *t)
{
	if (filter_wanted())
		return t->armed ? 0 : filter_set(false);
	return (int)sys5(__NR_prctl, PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON,
			 (uintptr_t)rt_begin, (uintptr_t)rt_text_end - (uintptr_t)rt_begin,
			 &t->selector);
}

void thread_arm_self(struct thread *t)
{
	if (!arm(t))
		__atomic_store_n(&t->armed, 1, __ATOMIC_RELEASE);
}

uintptr_t thread_altstack(const struct thread *t)
{
	return t->proc == own_proc(t) ? (uintptr_t)(own_proc(t) + 1) : thread_stack_base(t);
}

int thread_arm(struct thread *t)
{
	struct kstack stack = {.sp = (void *)thread_altstack(t)};
	long ret;

	stack.size = t->stack - (uintptr_t)stack.sp;
	t->tid = (int)sys0(__NR_gettid);
	if (!t->tgid)
		t->tgid = t->tid;
	ret = sys2(__NR_arch_prctl, K_ARCH_SET_GS, t);
	if (ret)
		return (int)ret;
	ret = sys2(__NR_sigaltstack, &stack, 0);
	if (ret || !__atomic_load_n(&rt.armed, __ATOMIC_ACQUIRE))
		return (int)ret;
	ret = arm(t);
	t->armed = !ret;
	return (int)ret;
}

/* Tells one other thread that shares our memory to arm itself, by a signal, and waits for it. A
 * thread that the kernel does not let run is not waited for: it comes out of its call armed. */
static void arm_other(struct thread *other)
{
	struct ksiginfo info = {.signo = K_SIGSYS, .code = SIGNALS_ARM_CODE};
	int64_t step[2] = {0, ARM_STEP_NS};

	if (sys4(__NR_rt_tgsigqueueinfo, other->tgid, other->tid, K_SIGSYS, &info) ||
	    other->vforking)
		return;
	for (int i = 0; i < ARM_STEPS && !__atomic_load_n(&other->armed, __ATOMIC_ACQUIRE); i++)
		sys2(__NR_nanosleep, step, 0);
}

/* A filter can be set in all threads of a process at once, unless one has another already. */
static bool filter_everywhere(struct thread *t)
{
	if (!filter_wanted() || filter_set(true))
		return false;
	for (struct thread *other = threads; other; other = other->next)
		if (other->tgid == t->tgid)
			other->armed = 1;
	return true;
}

int thread_arm_all(void)
{
	struct thread *t = thread_current();
	int ret = 0;

	lock_take(&threads_lock);
	if (!t->armed && !filter_everywhere(t))
		ret = arm(t);
	if (!ret)
		t->armed = 1;
	if (!ret && !__atomic_exchange_n(&rt.armed, 1, __ATOMIC_ACQ_REL))
		for (struct thread *other = threads; other; other = other->next)
			if (other->state == THREAD_LIVE && !other->armed && other->tid)
				arm_other(other);
	lock_drop(&threads_lock);
	return ret;
}

bool thread_is_alone(const struct thread *t)
{
	bool alone = true;

	lock_take(&threads_lock);
	for (const struct thread *other = threads; other; other = other->next)
		alone &= other == t || other->state != THREAD_LIVE || other->ended ||
			 other->tgid != t->tgid;
	lock_drop(&threads_lock);
	return alone;
}

void thread_fds_private(struct thread *t)
{
	t->fds_private = true;
	t->fds = fdtab_bytes(true);
}

void thread_fork_prepare(void)
{
	lock_take(&thread_current()->proc->lock);
	lock_take(&threads_lock);
	fdtab_fork_prepare();
	image_fork_prepare();
}

void thread_fork_parent(void)
{
	image_fork_done();
	fdtab_fork_done();
	lock_drop(&threads_lock);
	lock_drop(&thread_current()->proc->lock);
}

int thread_fork_child(struct thread *t)
{
	for (struct thread *other = threads; other; other = other->next) {
		if (other == t)
			continue;
		if (other->state == THREAD_LIVE && other->sock >= 0)
			sys1(__NR_close, other->sock);
		if (other->state == THREAD_LIVE && other->sock_beside >= 0)
			sys1(__NR_close, other->sock_beside);
		if (t->proc != own_proc(other))
			other->state = THREAD_FREE;
	}
	/* A forked child of a vfork child has descriptors of its own again, but the table it copied
	 * is its grandparent's. */
	if (t->fds_private) {
		fdtab_forget_all();
		t->fds_private = false;
		t->fds = fdtab_bytes(false);
	}
	t->tid = (int)sys0(__NR_gettid);
	t->tgid = t->tid;
	t->borrowed = false;
	vfile_fork_child();
	uring_fork_child();
	t->kept_sig = 0; /* the parent's */
	thread_fork_parent();
	return rt.armed ? arm(t) : 0;
}
