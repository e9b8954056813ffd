/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the clouds do not have: watches, handles that stand for names, mounts, roots. A relative
 * name in a virtual working directory must not be looked up in the one that the kernel has instead.
 */
#include <errno.h>
#include <linux/fcntl.h>
#include <linux/mount.h>
#include <string.h>

#include "core/base/sysclass.h"
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

/* Is the descriptor itself meant, and one of a cloud's file? flags: with AT_EMPTY_PATH. */
static bool is_cloud_fd(struct sys_args *a, uint64_t flags)
{
	char first = '\0';
	struct vfile *vf;

	/* without a name at all, where a call allows it, as with an empty one */
	if (!(flags & AT_EMPTY_PATH) || (a->arg[1] && user_read(&first, (void *)a->arg[1], 1)) ||
	    first)
		return false;
	vf = fdtab_get((int)a->arg[0]);
	if (vf)
		vfile_put(vf);
	return vf;
}

/* What cannot be had of a cloud's file. Arguments 0 and 1 name it, as of openat(2). */
static long not_there(struct sys_args *a, uint64_t at_flags, bool follow)
{
	int ret;

	if (is_cloud_fd(a, at_flags))
		return -EOPNOTSUPP;
	if (!a->arg[1])
		return SYS_PASS;
	ret = path_is_cloud(a, 0, 1, 0, follow ? 0 : PATH_NOFOLLOW);
	if (ret <= 0)
		return ret ? ret : SYS_PASS;
	ret = path_exists(&a->thread->path[0]);
	return ret ? ret : -EOPNOTSUPP; /* as on disks whose files have none */
}

long sys_handle_of(struct sys_args *a)
{
	return not_there(a, a->arg[4], a->arg[4] & AT_SYMLINK_FOLLOW);
}

/* Attributes by the calls that take a directory's descriptor. Programs that know these know that
 * they may have to do with the older ones, which there are. */
long sys_no_attr(struct sys_args *a)
{
	bool is_last = a->nr == __NR_file_getattr || a->nr == __NR_file_setattr;
	uint64_t flags = a->arg[is_last ? 4 : 2];

	return not_there(a, flags, !(flags & AT_SYMLINK_NOFOLLOW));
}

long sys_open_tree(struct sys_args *a)
{
	return not_there(a, a->arg[2], !(a->arg[2] & AT_SYMLINK_NOFOLLOW));
}

/* No process can have its root there. */
long sys_chroot(struct sys_args *a)
{
	int ret = path_is_cloud(a, PATH_NO_DIRFD, 0, 0, 0);

	if (ret <= 0)
		return ret ? ret : SYS_PASS;
	ret = path_exists(&a->thread->path[0]);
	return ret ? ret : -EPERM;
}

/* A name for the administrator's calls: 0: the kernel's. */
static long refused_name(struct sys_args *a, int dirfd_arg, int path_arg, int slot)
{
	int ret;

	if (!a->arg[path_arg])
		return SYS_PASS;
	ret = path_is_cloud(a, dirfd_arg, path_arg, slot, 0);
	if (ret <= 0)
		return ret ? ret : SYS_PASS;
	ret = path_exists(&a->thread->path[slot]);
	return ret ? ret : -EPERM;
}

long sys_umount(struct sys_args *a)
{
	return refused_name(a, PATH_NO_DIRFD, 0, 0);
}

/* What is mounted is a name only of some kinds: that is the kernel's to find out, in its own root,
 * as far as it is absolute. */
long sys_mount(struct sys_args *a)
{
	return refused_name(a, PATH_NO_DIRFD, 1, 0);
}

/* mount_setattr, fspick: of what is at a name, or of a descriptor itself. */
long sys_mount_at(struct sys_args *a)
{
	uint64_t empty = a->nr == __NR_fspick ? FSPICK_EMPTY_PATH : AT_EMPTY_PATH;

	if (is_cloud_fd(a, a->arg[2] & empty ? AT_EMPTY_PATH : 0))
		return -EPERM;
	return refused_name(a, 0, 1, 0);
}

/* Only what is said to be a path: other strings are the file system's own. */
long sys_fsconfig(struct sys_args *a)
{
	if (a->arg[1] != FSCONFIG_SET_PATH && a->arg[1] != FSCONFIG_SET_PATH_EMPTY)
		return SYS_PASS;
	return refused_name(a, 4, 3, 0);
}

long sys_pivot_root(struct sys_args *a)
{
	long ret = refused_name(a, PATH_NO_DIRFD, 0, 0);

	return ret == SYS_PASS ? refused_name(a, PATH_NO_DIRFD, 1, 1) : ret;
}
