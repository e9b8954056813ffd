/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the clouds do not have: watches, and handles that stand for names. A relative name in a
 * virtual working directory must not be looked up in the one that the kernel has instead.
 */
#include <errno.h>
#include <linux/fcntl.h>
#include <string.h>

#include "intercept/fdtab.h"
#include "intercept/handlers.h"
#include "intercept/path.h"
#include "intercept/usercopy.h"

#define K_IN_DONT_FOLLOW       0x02000000u /* linux/inotify.h */
#define K_FAN_MARK_DONT_FOLLOW 0x4u	   /* linux/fanotify.h */

/* A cloud's name is none for the kernel, which says what else is wrong with the call. */
static long watch(struct sys_args *a, int dirfd_arg, int path_arg, unsigned flags)
{
	static const char nothing[] = "/proc/self/nothing";
	int ret = path_is_cloud(a, dirfd_arg, path_arg, 0, flags);

	if (ret < 0)
		return ret;
	if (ret)
		args_replace(a, path_arg, (uint64_t)nothing);
	return SYS_PASS;
}

long sys_inotify(struct sys_args *a)
{
	return watch(a, PATH_NO_DIRFD, 1, a->arg[2] & K_IN_DONT_FOLLOW ? PATH_NOFOLLOW : 0);
}

long sys_fanotify(struct sys_args *a)
{
	return watch(a, 3, 4, a->arg[1] & K_FAN_MARK_DONT_FOLLOW ? PATH_NOFOLLOW : 0);
}

/* Is the descriptor itself meant, and one of a cloud's file? */
static bool is_cloud_fd(struct sys_args *a)
{
	char first;
	struct vfile *vf;

	if (!(a->arg[4] & AT_EMPTY_PATH) || user_read(&first, (void *)a->arg[1], 1) || first)
		return false;
	vf = fdtab_get((int)a->arg[0]);
	if (vf)
		vfile_put(vf);
	return vf;
}

long sys_handle_of(struct sys_args *a)
{
	unsigned flags = a->arg[4] & AT_SYMLINK_FOLLOW ? 0 : PATH_NOFOLLOW;
	int ret;

	if (is_cloud_fd(a))
		return -EOPNOTSUPP;
	ret = path_is_cloud(a, 0, 1, 0, flags);
	if (ret <= 0)
		return ret ? ret : SYS_PASS;
	ret = path_exists(&a->thread->path[0]);
	return ret ? ret : -EOPNOTSUPP; /* as on disks whose files have none */
}
