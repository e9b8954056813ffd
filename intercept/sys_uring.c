/* SPDX-License-Identifier: Apache-2.0 */
/* The three calls of io_uring; see uring.h. */
#include <errno.h>

#include "intercept/handlers.h"
#include "intercept/signals.h"
#include "intercept/uring.h"
#include "intercept/uring_abi.h"
#include "intercept/usercopy.h"

#define K_ENTER_REGISTERED_RING (1u << 4)
#define FOR_THE_THREAD		(IORING_ENTER_SQ_WAKEUP | IORING_ENTER_SQ_WAIT)

long sys_io_uring_setup(struct sys_args *a)
{
	struct io_uring_params p;
	long fd;

	if (!rt.handoff.uring)
		return -ENOSYS;
	if (user_read(&p, (void *)a->arg[1], sizeof(p)))
		return -EFAULT;
	fd = uring_make((unsigned)a->arg[0], &p);
	if (fd < 0 || !user_write((void *)a->arg[1], &p, sizeof(p)))
		return fd;
	uring_closing((unsigned)fd, (unsigned)fd);
	sys1(__NR_close, fd);
	return -EFAULT;
}

/* The masks with which the program waits, as sys_signal.c has them. */
static void with_mask(struct sys_args *a)
{
	struct thread *t = a->thread;

	_Static_assert(sizeof(struct io_uring_getevents_arg) == sizeof(t->uring_arg),
		       "the kernel's");
	if (!(a->arg[3] & IORING_ENTER_EXT_ARG)) {
		if (signals_mask_for_kernel(t, a->arg[4], a->arg[5]))
			args_replace(a, 4, (uint64_t)&t->mask_copy);
		return;
	}
	if (a->arg[3] & K_ENTER_EXT_ARG_REG || a->arg[5] != sizeof(t->uring_arg) ||
	    user_read(&t->uring_arg, (void *)a->arg[4], sizeof(t->uring_arg)) ||
	    !signals_mask_for_kernel(t, t->uring_arg.sigmask, t->uring_arg.sigmask_bytes))
		return;
	t->uring_arg.sigmask = (uint64_t)&t->mask_copy;
	args_replace(a, 4, (uint64_t)&t->uring_arg);
}

/* The entries are given to the kernel here, the waiting is the program's own: a signal may end it.
 * What was submitted is the answer then, whatever becomes of the waiting. */
long sys_io_uring_enter(struct sys_args *a)
{
	unsigned flags = (unsigned)a->arg[3];
	uint32_t count = (uint32_t)a->arg[1];
	struct uring *r;
	bool waits;
	long ret = 0;

	if (!rt.handoff.uring)
		return -ENOSYS;
	if (flags & K_ENTER_REGISTERED_RING)
		return -EINVAL;
	r = uring_take((int)a->arg[0]);
	if (!r) /* the kernel's words, but no entries from a ring that is not known */
		return count ? sys6(__NR_io_uring_enter, (int)a->arg[0], 0, 0, 0, 0, 0) < 0
				       ? SYS_PASS
				       : -EOPNOTSUPP
			     : SYS_PASS;
	if (r->sqpoll)
		ret = uring_submit(a->thread, r, UINT32_MAX);
	else if (count)
		ret = uring_submit(a->thread, r, count);
	if (r->sqpoll && ret >= 0)
		ret = count;
	waits = ret >= (long)count && flags & IORING_ENTER_GETEVENTS &&
		!(ret && uring_has_completed(r, (uint32_t)a->arg[2]));
	uring_drop(r);
	if (!waits)
		return ret;
	args_replace(a, 1, 0);
	args_replace(a, 3, flags & ~(unsigned)FOR_THE_THREAD);
	with_mask(a);
	if (!ret)
		return SYS_PASS;
	a->thread->result = ret;
	return SYS_PASS_COUNTED;
}

long sys_io_uring_register(struct sys_args *a)
{
	struct uring *r;
	long ret;

	if (!rt.handoff.uring)
		return -ENOSYS;
	switch ((unsigned)a->arg[1]) {
	case IORING_REGISTER_FILES:
	case IORING_REGISTER_FILES2:
	case IORING_REGISTER_FILES_UPDATE:
	case IORING_REGISTER_FILES_UPDATE2:
	case IORING_UNREGISTER_FILES:
		r = uring_take((int)a->arg[0]);
		if (!r)
			return SYS_PASS;
		ret = uring_files_register(r, a);
		uring_drop(r);
		return ret;
	case IORING_REGISTER_RING_FDS: /* another name for a ring */
	case IORING_UNREGISTER_RING_FDS:
	case K_REGISTER_RESIZE_RINGS: /* other memory for it */
		return -EINVAL;
	default:
		return a->arg[1] & K_REGISTER_USE_REGISTERED ? -EINVAL : SYS_PASS;
	}
}
