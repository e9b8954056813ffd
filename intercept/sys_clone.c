/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clone, clone3, fork, vfork, exit. A child with memory of its own continues in the copied handler.
 * A child that shares our memory gets a struct thread and a private stack of its own, a copy of the
 * trap frame on it, and leaves for the program through that frame; so a vfork child never touches
 * what its suspended parent still needs.
 */
#include <errno.h>
#include <linux/sched.h>

#include "intercept/dispatch.h"
#include "intercept/handlers.h"
#include "intercept/signals.h"
#include "intercept/usercopy.h"

#define CHILD_ROOM 512u /* bytes between the child's first stack pointer and its frame */

long rt_clone_vm(long nr, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5,
		 uintptr_t frame);
void rt_child_start(void);

/* A new thread's, or vfork child's, first C code: on its own private stack, all signals blocked. */
void rt_child_start(void)
{
	if (thread_arm(thread_current()))
		sys1(__NR_exit_group, 126);
}

/* The child's memory is a copy: it goes on in this very handler. */
static long fork_copy(struct sys_args *a, long nr, uint64_t a1, uint64_t a2, const uint64_t *rest,
		      uintptr_t child_sp)
{
	struct thread *t = a->thread;
	long ret;

	thread_fork_prepare();
	ret = sys5(nr, a1, a2, rest[0], rest[1], rest[2]);
	if (ret) {
		thread_fork_parent();
		return ret;
	}
	if (thread_fork_child(t))
		sys1(__NR_exit_group, 126);
	if (child_sp)
		a->uc->regs.sp = child_sp;
	return 0;
}

static struct thread *make_child(struct sys_args *a, uint64_t flags)
{
	struct thread *parent = a->thread;
	struct thread *child = thread_new(parent, flags & CLONE_SIGHAND ? parent->proc : NULL);

	if (!child)
		return NULL;
	child->fds_private = !(flags & CLONE_FILES) || parent->fds_private;
	child->sys_blocked = parent->sys_blocked;
	if (flags & CLONE_VFORK)
		child->altstack = parent->altstack;
	return child;
}

/* After a clone with shared memory: a vfork child is gone when its parent goes on, a failed one
 * never was. */
static long settle(struct thread *child, uint64_t flags, long ret)
{
	if (ret < 0 || flags & CLONE_VFORK)
		thread_free(child);
	return ret;
}

long sys_clone(struct sys_args *a)
{
	uint64_t flags = a->arg[0];
	struct thread *child;
	uintptr_t frame;

	if (!(flags & CLONE_VM))
		return fork_copy(a, __NR_clone, flags, 0, &a->arg[2], a->arg[1]);
	child = make_child(a, flags);
	if (!child)
		return -ENOMEM;
	frame = signals_child_frame(child, a->uc, a->arg[1]);
	return settle(child, flags,
		      rt_clone_vm(__NR_clone, flags, (frame - CHILD_ROOM) & ~15ul, a->arg[2],
				  a->arg[3], a->arg[4], frame));
}

long sys_fork(struct sys_args *a)
{
	static const uint64_t none[3];

	return fork_copy(a, __NR_fork, 0, 0, none, 0);
}

long sys_vfork(struct sys_args *a)
{
	uint64_t flags = CLONE_VM | CLONE_VFORK | 17 /* SIGCHLD */;
	struct thread *child = make_child(a, flags);
	uintptr_t frame;

	if (!child)
		return -ENOMEM;
	frame = signals_child_frame(child, a->uc, 0);
	return settle(child, flags,
		      rt_clone_vm(__NR_clone, flags, (frame - CHILD_ROOM) & ~15ul, 0, 0, 0, frame));
}

long sys_clone3(struct sys_args *a)
{
	struct clone_args args = {0};
	size_t size = a->arg[1];
	static const uint64_t none[3];
	struct thread *child;
	uintptr_t frame, sp;
	long ret;

	if (size < CLONE_ARGS_SIZE_VER0)
		return -EINVAL;
	if (size > sizeof(args))
		return -E2BIG;
	if (user_read(&args, (void *)a->arg[0], size))
		return -EFAULT;
	sp = args.stack ? args.stack + args.stack_size : 0;
	if (!(args.flags & CLONE_VM)) {
		args.stack = args.stack_size = 0;
		return fork_copy(a, __NR_clone3, (uint64_t)&args, size, none, sp);
	}
	child = make_child(a, args.flags);
	if (!child)
		return -ENOMEM;
	frame = signals_child_frame(child, a->uc, sp);
	args.stack = thread_stack_base(child);
	args.stack_size = ((frame - CHILD_ROOM) & ~15ul) - thread_stack_base(child);
	ret = rt_clone_vm(__NR_clone3, (uint64_t)&args, size, 0, 0, 0, frame);
	return settle(child, args.flags, ret);
}

/* The thread ends here, on its private stack: the program's own may be unmapped already. */
long sys_exit(struct sys_args *a)
{
	thread_exiting(a->thread);
	return sys1(__NR_exit, a->arg[0]);
}
