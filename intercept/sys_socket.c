/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets with names: bind, connect. There are none in the clouds; and where the working directory
 * is there, a relative name must not be looked up in the one that the kernel has instead.
 */
#include <errno.h>
#include <string.h>

#include "intercept/handlers.h"
#include "intercept/path.h"
#include "intercept/usercopy.h"

#define K_AF_UNIX   1
#define K_PATH_MAX  108u /* of struct sockaddr_un, which need not end in a NUL */
#define NAME_OFFSET 2u	 /* behind the family */

/* struct sockaddr_un with a NUL behind the longest name */
struct kname {
	uint16_t family;
	char path[K_PATH_MAX + 1];
};

/* The name in the address of the call: its length, 0 when it has none. */
static size_t socket_name(const struct sys_args *a, struct kname *out)
{
	uint64_t len = a->arg[2];

	*out = (struct kname){.family = 0};
	if ((int64_t)len <= (int64_t)NAME_OFFSET || len > NAME_OFFSET + K_PATH_MAX ||
	    user_read(&out->family, (void *)a->arg[1], sizeof(out->family)) ||
	    out->family != K_AF_UNIX ||
	    user_read(out->path, (void *)(a->arg[1] + NAME_OFFSET), len - NAME_OFFSET))
		return 0;
	return strlen(out->path); /* 0: an abstract name, which is no path */
}

/* The kernel is given another name: absolute, where the program's is relative. */
static long pass_renamed(struct sys_args *a, const char *name)
{
	struct kname *addr = (struct kname *)a->thread->iov;
	size_t len = strlen(name);

	if (len >= K_PATH_MAX)
		return -ENAMETOOLONG;
	addr->family = K_AF_UNIX;
	memcpy(addr->path, name, len + 1);
	args_replace(a, 1, (uint64_t)addr);
	args_replace(a, 2, NAME_OFFSET + len + 1);
	return SYS_PASS;
}

/* taken, missing: the answers when there is such a name in the clouds, and when there is none. */
static long by_name(struct sys_args *a, long taken, long missing)
{
	struct sys_args named = *a;
	struct wire_attr attr;
	struct kname addr;
	int ret;

	if (!socket_name(a, &addr))
		return SYS_PASS;
	named.arg[1] = (uint64_t)addr.path;
	ret = path_is_cloud(&named, PATH_NO_DIRFD, 1, 0, 0);
	if (ret < 0)
		return ret;
	if (!ret)
		return named.replaced ? pass_renamed(a, (const char *)named.arg[1]) : SYS_PASS;
	ret = path_stat(&a->thread->path[0], &attr);
	if (!ret)
		return taken;
	return ret == -ENOENT ? missing : ret;
}

long sys_bind(struct sys_args *a)
{
	return by_name(a, -EADDRINUSE, -EPERM); /* as on disks that have no sockets */
}

long sys_connect(struct sys_args *a)
{
	return by_name(a, -ECONNREFUSED, -ENOENT);
}
