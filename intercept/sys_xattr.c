/* SPDX-License-Identifier: Apache-2.0 */
/* Extended attributes: there are none, and none can be set. But the name must be there. */
#include <errno.h>

#include "intercept/cloudfd.h"
#include "intercept/handlers.h"
#include "intercept/path.h"

static long by_name(struct sys_args *a, unsigned flags, long answer)
{
	int ret = path_is_cloud(a, PATH_NO_DIRFD, 0, 0, flags);

	if (ret <= 0)
		return ret ? ret : SYS_PASS_PATH;
	ret = path_exists(&a->thread->path[0]);
	return ret ? ret : answer;
}

long sys_getxattr(struct sys_args *a)
{
	return by_name(a, 0, -ENODATA);
}

long sys_lgetxattr(struct sys_args *a)
{
	return by_name(a, PATH_NOFOLLOW, -ENODATA);
}

long sys_listxattr(struct sys_args *a)
{
	return by_name(a, 0, 0);
}

long sys_llistxattr(struct sys_args *a)
{
	return by_name(a, PATH_NOFOLLOW, 0);
}

/* setxattr, removexattr */
long sys_setxattr(struct sys_args *a)
{
	return by_name(a, 0, -EOPNOTSUPP);
}

long sys_lsetxattr(struct sys_args *a)
{
	return by_name(a, PATH_NOFOLLOW, -EOPNOTSUPP);
}

static long by_fd(struct sys_args *a, long answer)
{
	struct vfile *vf;
	int ret = cloudfd_get((int)a->arg[0], &vf);

	if (ret <= 0)
		return ret ? ret : SYS_PASS;
	vfile_put(vf);
	return answer;
}

long sys_fgetxattr(struct sys_args *a)
{
	return by_fd(a, -ENODATA);
}

long sys_flistxattr(struct sys_args *a)
{
	return by_fd(a, 0);
}

/* fsetxattr, fremovexattr */
long sys_fsetxattr(struct sys_args *a)
{
	return by_fd(a, -EOPNOTSUPP);
}
