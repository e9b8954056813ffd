/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors that come into being by the kernel's hand and may be cloud files, on numbers that
 * were the kernel's before: received with a message, or opened by the name of another one. And
 * those that have been closed. */
#include <asm/socket.h>
#include <errno.h>
#include <string.h>

#include "intercept/cloudfd.h"
#include "intercept/fdtab.h"
#include "intercept/handlers.h"
#include "intercept/usercopy.h"

#define K_SCM_RIGHTS 1
#define K_SOL_SOCKET 1
#define MESSAGES_MAX 1024u /* of one recvmmsg(2), as the kernel limits it */
#define CONTROL_MAX  65536u

/* struct msghdr and struct mmsghdr, as the kernel has them */
struct kmsghdr {
	uint64_t name;
	uint64_t namelen;
	uint64_t iov, iovlen;
	uint64_t control, controllen;
	uint64_t flags;
};

struct kmmsghdr {
	struct kmsghdr head;
	uint64_t len;
};

struct kcmsghdr {
	uint64_t len;
	int32_t level, type;
};

/* The descriptors at [from, end). False when they cannot be read. */
static bool forget_list(uint64_t from, uint64_t end)
{
	int fd;

	for (; from + sizeof(fd) <= end; from += sizeof(fd)) {
		if (user_read(&fd, (void *)from, sizeof(fd)))
			return false;
		fdtab_arrived(fd);
	}
	return true;
}

/* Forgets the descriptors in the control data of the message at user. */
static void forget_received(uint64_t user)
{
	struct kmsghdr msg;
	struct kcmsghdr c;

	if (user_read(&msg, (void *)user, sizeof(msg)) || !msg.control ||
	    msg.controllen > CONTROL_MAX)
		return;
	for (uint64_t at = 0; at + sizeof(c) <= msg.controllen; at += (c.len + 7) & ~7ul) {
		if (user_read(&c, (void *)(msg.control + at), sizeof(c)) || c.len < sizeof(c) ||
		    c.len > msg.controllen - at)
			return;
		if (c.level != K_SOL_SOCKET || c.type != K_SCM_RIGHTS)
			continue;
		if (!forget_list(msg.control + at + sizeof(c), msg.control + at + c.len))
			return;
	}
}

long sys_recvmsg(struct sys_args *a)
{
	struct kmsghdr msg;

	if (user_read(&msg, (void *)a->arg[1], sizeof(msg)) || !msg.control || !msg.controllen)
		return SYS_PASS;
	return SYS_PASS_AFTER;
}

long sys_recvmmsg(struct sys_args *a)
{
	(void)a;
	return SYS_PASS_AFTER;
}

void dispatch_answered(struct thread *t, long nr, const struct kregs *r, long result)
{
	(void)t;
	if (nr == __NR_close)
		fdtab_forget((int)r->di);
	if (nr == __NR_close_range)
		fdtab_forget_range((unsigned)r->di, (unsigned)r->si);
	if (nr == __NR_splice)
		copy_spliced((int)r->dx);
	if (result < 0)
		return;
	if (nr == __NR_open || nr == __NR_openat || nr == __NR_openat2)
		cloudfd_reopened((int)result);
	if (nr == __NR_recvmsg)
		forget_received(r->si);
	if (nr != __NR_recvmmsg)
		return;
	for (unsigned i = 0; i < MESSAGES_MAX && i < (unsigned long)result; i++)
		forget_received(r->si + i * sizeof(struct kmmsghdr));
}
