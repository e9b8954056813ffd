/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prctl and seccomp: a program that from now on may make few calls only. Those calls of ours that
 * can be made before are made before, and what can be left out is left out afterwards: a filter
 * that kills knows the program's calls, not ours.
 */
#include <errno.h>
#include <linux/fcntl.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>

#include "intercept/fdtab.h"
#include "intercept/handlers.h"
#include "intercept/path.h"

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#endif

struct entry { /* of getdents64(2) */
	uint64_t ino, next;
	uint16_t bytes;
	uint8_t type;
	char name[];
};

/* Asks about each open descriptor that is not known yet (fstat). Little is done again when a signal
 * comes first and this call is begun anew. */
static void learn_descriptors(struct thread *t)
{
	const char *buf = (const char *)t->iov;
	long fd = sys3(__NR_open, "/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0), n;

	if (fd < 0)
		return;
	while ((n = sys3(__NR_getdents64, fd, t->iov, sizeof(t->iov))) > 0) {
		for (long at = 0; at < n; at += ((const struct entry *)(buf + at))->bytes) {
			int found = path_number(((const struct entry *)(buf + at))->name);

			if (found >= 0 && found != fd)
				vfile_put(fdtab_get(found));
		}
	}
	sys1(__NR_close, fd);
}

static void expect_filter(struct thread *t)
{
	__atomic_store_n(&rt.sandboxed, 1, __ATOMIC_RELAXED);
	learn_descriptors(t);
}

long sys_prctl(struct sys_args *a)
{
	if ((int)a->arg[0] == PR_SET_SYSCALL_USER_DISPATCH)
		return -EINVAL;
	if ((int)a->arg[0] == PR_SET_SECCOMP)
		expect_filter(a->thread);
	return SYS_PASS;
}

long sys_seccomp(struct sys_args *a)
{
	if (a->arg[0] == SECCOMP_SET_MODE_STRICT || a->arg[0] == SECCOMP_SET_MODE_FILTER)
		expect_filter(a->thread);
	return SYS_PASS;
}
