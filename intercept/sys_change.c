/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that change names, attributes or contents. The clouds are read-only: these give the errors
 * of a read-only file system, in the kernel's order (what is looked up before the mount is asked).
 */
#include <errno.h>

#include "intercept/cloudfd.h"
#include "intercept/handlers.h"
#include "intercept/path.h"

/* The name must exist: ENOENT comes before EROFS (chmod, chown, utimes, truncate, setxattr). */
static long existing(struct sys_args *a, int dirfd_arg, int path_arg, unsigned flags)
{
	struct wire_attr attr;
	int ret = path_is_cloud(a, dirfd_arg, path_arg, 0, flags);

	if (ret <= 0)
		return ret ? ret : SYS_PASS_PATH;
	ret = path_stat(&a->thread->path[0], &attr);
	return ret ? ret : -EROFS;
}

/* The name must not exist: EEXIST comes before EROFS (mkdir, mknod, symlink). */
static long fresh(struct sys_args *a, int dirfd_arg, int path_arg)
{
	struct wire_attr attr;
	int ret = path_is_cloud(a, dirfd_arg, path_arg, 0, PATH_NOFOLLOW);

	if (ret <= 0)
		return ret ? ret : SYS_PASS_PATH;
	ret = path_stat(&a->thread->path[0], &attr);
	if (!ret)
		return -EEXIST;
	return ret == -ENOENT ? -EROFS : ret;
}

/* Refused before anything is looked up (unlink, rmdir). */
static long refused(struct sys_args *a, int dirfd_arg, int path_arg)
{
	int ret = path_is_cloud(a, dirfd_arg, path_arg, 0, PATH_NOFOLLOW);

	if (ret <= 0)
		return ret ? ret : SYS_PASS_PATH;
	return -EROFS;
}

/* Two names: across file systems EXDEV, within the clouds EROFS (rename, link). */
static long two_names(struct sys_args *a, int dirfd1, int path1, int dirfd2, int path2)
{
	int from = path_is_cloud(a, dirfd1, path1, 0, PATH_NOFOLLOW);
	int to = from < 0 ? 0 : path_is_cloud(a, dirfd2, path2, 1, PATH_NOFOLLOW);

	if (from < 0 || to < 0)
		return from < 0 ? from : to;
	if (!from && !to)
		return SYS_PASS_PATH;
	return from && to ? -EROFS : -EXDEV;
}

/* By descriptor: the cache file itself must not change. */
static long by_fd(struct sys_args *a)
{
	struct vfile *vf;
	int ret = cloudfd_get((int)a->arg[0], &vf);

	if (ret <= 0)
		return ret ? ret : SYS_PASS;
	vfile_put(vf);
	return -EROFS;
}

long sys_change_path(struct sys_args *a)
{
	return existing(a, PATH_NO_DIRFD, 0, 0);
}

long sys_change_lpath(struct sys_args *a)
{
	return existing(a, PATH_NO_DIRFD, 0, PATH_NOFOLLOW);
}

long sys_change_at(struct sys_args *a)
{
	/* utimensat(fd, NULL, …) is futimens */
	return a->arg[1] ? existing(a, 0, 1, 0) : by_fd(a);
}

long sys_change_fd(struct sys_args *a)
{
	return by_fd(a);
}

long sys_create_path(struct sys_args *a)
{
	return fresh(a, PATH_NO_DIRFD, 0);
}

long sys_create_at(struct sys_args *a)
{
	return fresh(a, 0, 1);
}

long sys_symlink(struct sys_args *a)
{
	return fresh(a, PATH_NO_DIRFD, 1);
}

long sys_symlinkat(struct sys_args *a)
{
	return fresh(a, 1, 2);
}

long sys_remove_path(struct sys_args *a)
{
	return refused(a, PATH_NO_DIRFD, 0);
}

long sys_remove_at(struct sys_args *a)
{
	return refused(a, 0, 1);
}

long sys_rename(struct sys_args *a)
{
	return two_names(a, PATH_NO_DIRFD, 0, PATH_NO_DIRFD, 1);
}

long sys_renameat(struct sys_args *a)
{
	return two_names(a, 0, 1, 2, 3);
}
