/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets with names: bind, connect, sendto, sendmsg. There are none in the clouds; and where the
 * working directory is there, a relative name must not be looked up in the one that the kernel has
 * instead.
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

/* The name in the address that arguments addr and addr + 1 are: its length, 0 when it has none. */
static size_t socket_name(const struct sys_args *a, int addr, struct kname *out)
{
	uint64_t from = a->arg[addr], len = a->arg[addr + 1];

	*out = (struct kname){.family = 0};
	if ((int64_t)len <= (int64_t)NAME_OFFSET || len > NAME_OFFSET + K_PATH_MAX ||
	    user_read(&out->family, (void *)from, sizeof(out->family)) ||
	    out->family != K_AF_UNIX ||
	    user_read(out->path, (void *)(from + NAME_OFFSET), len - NAME_OFFSET))
		return 0;
	return strlen(out->path); /* 0: an abstract name, which is no path */
}

/* The kernel is given another name: absolute, where the program's is relative. */
static long pass_renamed(struct sys_args *a, int addr, const char *name)
{
	struct kname *to = (struct kname *)a->thread->iov;
	size_t len = strlen(name);

	if (len >= K_PATH_MAX)
		return -ENAMETOOLONG;
	to->family = K_AF_UNIX;
	memcpy(to->path, name, len + 1);
	args_replace(a, addr, (uint64_t)to);
	args_replace(a, addr + 1, NAME_OFFSET + len + 1);
	return SYS_PASS;
}

/* taken, missing: the answers when there is such a name in the clouds, and when there is none. */
static long by_name(struct sys_args *a, int addr, long taken, long missing)
{
	struct sys_args named = *a;
	struct wire_attr attr;
	struct kname to;
	int ret;

	if (!socket_name(a, addr, &to))
		return SYS_PASS;
	named.arg[addr] = (uint64_t)to.path;
	ret = path_is_cloud(&named, PATH_NO_DIRFD, addr, 0, 0);
	if (ret < 0)
		return ret;
	if (!ret)
		return named.replaced ? pass_renamed(a, addr, (const char *)named.arg[addr])
				      : SYS_PASS;
	ret = path_stat(&a->thread->path[0], &attr);
	if (!ret)
		return taken;
	return ret == -ENOENT ? missing : ret;
}

long sys_bind(struct sys_args *a)
{
	return by_name(a, 1, -EADDRINUSE, -EPERM); /* as on disks that have no sockets */
}

long sys_connect(struct sys_args *a)
{
	return by_name(a, 1, -ECONNREFUSED, -ENOENT);
}

long sys_sendto(struct sys_args *a)
{
	return a->arg[4] ? by_name(a, 4, -ECONNREFUSED, -ENOENT) : SYS_PASS; /* send(2) */
}

/* struct msghdr as the kernel has it */
struct kmessage {
	uint64_t name, namelen;
	uint64_t iov, iovlen, control, controllen, flags;
};

#define MESSAGE_AT 32 /* where in thread.iov it is put, behind a name */
_Static_assert(sizeof(struct kname) <= MESSAGE_AT * 8, "they do not overlap");

long sys_sendmsg(struct sys_args *a)
{
	struct kmessage *to = (struct kmessage *)&a->thread->iov[MESSAGE_AT];
	struct sys_args named = *a;
	struct kmessage msg;
	long ret;

	if (user_read(&msg, (void *)a->arg[1], sizeof(msg)) || !msg.name)
		return SYS_PASS;
	named.arg[1] = msg.name;
	named.arg[2] = (uint32_t)msg.namelen; /* an int, and what is behind it is nothing */
	ret = by_name(&named, 1, -ECONNREFUSED, -ENOENT);
	if (ret != SYS_PASS || named.arg[1] == msg.name)
		return ret;
	msg.name = named.arg[1];
	msg.namelen = named.arg[2];
	*to = msg;
	args_replace(a, 1, (uint64_t)to);
	return SYS_PASS;
}
