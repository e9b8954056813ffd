/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clone, clone3, fork, vfork, exit. A child with memory of its own goes on in the copied call. A
 * child that shares our memory gets a struct thread and a private stack of its own, with the
 * program's registers in it, and leaves for the program by them; so a vfork child never touches
 * what its suspended parent still needs.
 */
#include <errno.h>
#include <linux/sched.h>
#include <string.h>

#include "intercept/cloudfd.h"
#include "intercept/dispatch.h"
#include "intercept/fdtab.h"
#include "intercept/filter.h"
#include "intercept/handlers.h"
#include "intercept/ids.h"
#include "intercept/report.h"
#include "intercept/signals.h"
#include "intercept/usercopy.h"

long rt_clone_vm(long nr, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5);
void rt_child_start(void);

/* A new thread's, or vfork child's, first C code: on its own private stack. */
void rt_child_start(void)
{
	struct thread *t = thread_current();

	if (t->unhandled)
		signals_install();
	t->unhandled = false;
	if (thread_arm(t))
		sys1(__NR_exit_group, 126);
}

/* What this process knows of itself that others may change from now on. */
static void note_sharing(struct thread *t, uint64_t flags)
{
	if (flags & CLONE_NEWUSER)
		ids_unsettle();
	if (flags & CLONE_FILES && !(flags & CLONE_VM))
		thread_fds_private(t); /* in common with a process whose table we do not see */
}

/* The child's memory is a copy: it goes on in this very handler. */
static long fork_copy(struct sys_args *a, uint64_t flags, uint64_t a1, uint64_t a2,
		      const uint64_t *rest, uintptr_t child_sp)
{
	struct thread *t = a->thread;
	long ret;

	cloudfd_forking();
	thread_fork_prepare();
	ret = sys5(a->nr, a1, a2, rest[0], rest[1], rest[2]);
	if (ret) {
		thread_fork_parent();
		return ret;
	}
	if (thread_fork_child(t))
		sys1(__NR_exit_group, 126);
	note_sharing(t, flags);
	if (flags & CLONE_CLEAR_SIGHAND) {
		signals_default(t->proc);
		signals_install();
	}
	if (child_sp)
		a->regs->sp = child_sp;
	return 0;
}

/* sp: the child's stack pointer in the program, 0: the parent's. */
static struct thread *make_child(struct sys_args *a, uint64_t flags, uintptr_t sp)
{
	struct thread *parent = a->thread;
	struct thread *child = thread_new(parent, flags & CLONE_SIGHAND ? parent->proc : NULL);

	if (!child)
		return NULL;
	if (!(flags & CLONE_FILES))
		cloudfd_forking();
	/* A signal from here on would change the mask behind the copy's back; and a vfork child has
	 * its parent's stack for signals until it is armed. */
	signals_hold(parent);
	child->fds_private = !(flags & CLONE_FILES) || parent->fds_private;
	child->fds = fdtab_bytes(child->fds_private);
	child->fds_high = parent->fds_high;
	child->borrowed = parent->borrowed || !(flags & CLONE_THREAD);
	child->tgid = flags & CLONE_THREAD ? parent->tgid : 0;
	child->armed = filter_wanted() && parent->armed; /* a filter is inherited */
	child->sys_blocked = parent->sys_blocked;
	child->segv_blocked = parent->segv_blocked;
	child->deferred = parent->deferred;
	child->deferred_mask = parent->deferred_mask;
	child->regs = *a->regs;
	child->regs.ax = 0;
	child->regs.cx = parent->gate_ret;
	if (sp)
		child->regs.sp = sp;
	child->ret = parent->gate_ret;
	if (flags & CLONE_VFORK)
		child->altstack = parent->altstack;
	child->unhandled = (flags & CLONE_CLEAR_SIGHAND) != 0;
	if (child->unhandled && child->proc != parent->proc)
		signals_default(child->proc);
	parent->vforking = (flags & CLONE_VFORK) != 0;
	return child;
}

/* After a clone with shared memory: a vfork child is gone when its parent goes on, a failed one
 * never was. */
static long settle(struct thread *child, uint64_t flags, long ret)
{
	thread_current()->vforking = false;
	if (ret < 0 || flags & CLONE_VFORK)
		thread_free(child);
	return ret;
}

long sys_clone(struct sys_args *a)
{
	uint64_t flags = a->arg[0];
	struct thread *child;

	note_sharing(a->thread, flags);
	if (!(flags & CLONE_VM))
		return fork_copy(a, flags, flags, 0, &a->arg[2], a->arg[1]);
	child = make_child(a, flags, a->arg[1]);
	if (!child)
		return -ENOMEM;
	return settle(
		child, flags,
		rt_clone_vm(__NR_clone, flags, child->stack, a->arg[2], a->arg[3], a->arg[4]));
}

long sys_fork(struct sys_args *a)
{
	static const uint64_t none[3];

	return fork_copy(a, 0, 0, 0, none, 0);
}

long sys_vfork(struct sys_args *a)
{
	uint64_t flags = CLONE_VM | CLONE_VFORK | 17 /* SIGCHLD */;
	struct thread *child = make_child(a, flags, 0);

	if (!child)
		return -ENOMEM;
	return settle(child, flags, rt_clone_vm(__NR_clone, flags, child->stack, 0, 0, 0));
}

/* Reads the program's clone_args, which may be a later kernel's and longer: 0 there. */
static int read_args(struct clone_args *out, uint64_t user, size_t size)
{
	uint64_t piece[8];
	size_t at = sizeof(*out), n;

	if (size < CLONE_ARGS_SIZE_VER0)
		return -EINVAL;
	if (size > PAGE_BYTES)
		return -E2BIG;
	if (user_read(out, (void *)user, size < at ? size : at))
		return -EFAULT;
	for (; at < size; at += n) {
		n = size - at < sizeof(piece) ? size - at : sizeof(piece);
		memset(piece, 0, sizeof(piece));
		if (user_read(piece, (void *)(user + at), n))
			return -EFAULT;
		for (size_t i = 0; i < sizeof(piece) / sizeof(*piece); i++)
			if (piece[i])
				return -E2BIG;
	}
	return 0;
}

long sys_clone3(struct sys_args *a)
{
	struct clone_args args = {0};
	size_t size = a->arg[1];
	static const uint64_t none[3];
	struct thread *child;
	uintptr_t sp;
	long ret;

	ret = read_args(&args, a->arg[0], size);
	if (ret)
		return ret;
	if (size > sizeof(args))
		size = sizeof(args);
	if (!args.stack != !args.stack_size)
		return -EINVAL;
	note_sharing(a->thread, args.flags);
	sp = args.stack ? args.stack + args.stack_size : 0;
	if (!(args.flags & CLONE_VM)) {
		args.stack = args.stack_size = 0;
		return fork_copy(a, args.flags, (uint64_t)&args, size, none, sp);
	}
	child = make_child(a, args.flags, sp);
	if (!child)
		return -ENOMEM;
	args.stack = thread_stack_base(child);
	args.stack_size = child->stack - thread_stack_base(child);
	ret = rt_clone_vm(__NR_clone3, (uint64_t)&args, size, 0, 0, 0);
	return settle(child, args.flags, ret);
}

/* The process ends: what cannot be published makes a failure of a success. */
static uint64_t exit_status(const struct sys_args *a)
{
	bool settled = cloudfd_settle(a->thread);

	report_write();
	return settled || a->arg[0] & 0xff ? a->arg[0] : 1;
}

long sys_exit_group(struct sys_args *a)
{
	return sys1(__NR_exit_group, exit_status(a));
}

/* The thread ends here, on its private stack: the program's own may be unmapped already. */
long sys_exit(struct sys_args *a)
{
	uint64_t status = a->arg[0];

	/* A libc blocks signals before it ends a thread; a filter may allow nothing but the end. */
	if (!__atomic_load_n(&rt.sandboxed, __ATOMIC_RELAXED)) {
		signals_hold(a->thread);
		if (a->thread->put_off)
			return SYS_AGAIN;
	}
	if (thread_is_alone(a->thread))
		status = exit_status(a);
	else if (a->thread->tid == a->thread->tgid)
		report_write();
	thread_exiting(a->thread);
	return sys1(__NR_exit, status);
}
