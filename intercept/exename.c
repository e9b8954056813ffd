/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See exename.h. The kernel would tell the name of an open file by /proc, which costs a start more
 * than all it opens. So a program that was given by an absolute path is looked at again when its
 * name is asked for: what is there is it, or its name has changed and the path must do.
 */
#include "intercept/exename.h"

#include <asm/stat.h>
#include <linux/fcntl.h>
#include <stdbool.h>
#include <string.h>

#include "intercept/image.h"
#include "intercept/path.h"
#include "intercept/thread.h"

LARGE_ZEROES static char name[WIRE_PATH_MAX];
static uint32_t known; /* atomic: name is complete. Several may find it, and all find the same. */
static uint64_t dev, ino;

static bool ask_kernel(int fd)
{
	char link[32] = "/proc/self/fd/";
	long n;

	path_format_number((unsigned)fd, link + strlen(link));
	n = sys3(__NR_readlink, link, name, sizeof(name) - 1);
	return n > 0; /* zeroed memory: it is terminated */
}

static void settle(bool found)
{
	size_t len = strlen(rt.handoff.exec);

	if (!found && len < sizeof(name))
		memcpy(name, rt.handoff.exec, len + 1);
	__atomic_store_n(&known, 1, __ATOMIC_RELEASE);
}

/* A program in the clouds: what the kernel has is a file of the cache. */
static bool is_cloud(const char *path)
{
	size_t len = strlen(rt.handoff.root);

	return !strncmp(path, rt.handoff.root, len) && path[len] == '/';
}

void exename_init(int fd, uint64_t entry)
{
	const struct image_twin *i = image_at(entry);

	if (rt.handoff.fd && is_cloud(rt.handoff.exec)) {
		settle(false);
		return;
	}
	if (!i || rt.handoff.fd || rt.handoff.exec[0] != '/') {
		settle(ask_kernel(fd));
		return;
	}
	dev = i->head.key.dev;
	ino = i->head.key.ino;
}

const char *exename(void)
{
	struct stat st;
	long fd;

	if (__atomic_load_n(&known, __ATOMIC_ACQUIRE))
		return name;
	fd = sys3(__NR_open, rt.handoff.exec, O_PATH | O_CLOEXEC, 0);
	settle(fd >= 0 && !sys2(__NR_fstat, fd, &st) && st.st_dev == dev && st.st_ino == ino &&
	       ask_kernel((int)fd));
	if (fd >= 0)
		sys1(__NR_close, fd);
	return name;
}
