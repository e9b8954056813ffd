/* SPDX-License-Identifier: Apache-2.0 */
/* open, openat, openat2, creat. */
#include <errno.h>
#include <linux/fcntl.h>
#include <linux/openat2.h>
#include <linux/stat.h>
#include <string.h>

#include "intercept/cloudfd.h"
#include "intercept/fdtab.h"
#include "intercept/handlers.h"
#include "intercept/path.h"
#include "intercept/procmaps.h"
#include "intercept/request.h"
#include "intercept/trapped.h"
#include "intercept/usercopy.h"

#define O_TMPFILE_BIT 020000000u /* __O_TMPFILE, without O_DIRECTORY */
#define RESOLVE_KNOWN                                                                      \
	(RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH | \
	 RESOLVE_IN_ROOT | RESOLVE_CACHED)

/* Opening for anything but reading, on what is a read-only file system: the kernel's errors. */
static long refuse_writing(const struct vpath *path, unsigned flags)
{
	struct wire_attr attr;
	int ret;

	if (flags & O_TMPFILE_BIT)
		return -EROFS;
	ret = path_stat(path, &attr);
	if (ret == -ENOENT)
		return flags & O_CREAT ? -EROFS : -ENOENT;
	if (ret)
		return ret;
	if (flags & O_CREAT && flags & O_EXCL)
		return -EEXIST;
	if (S_ISDIR(attr.mode))
		return -EISDIR;
	if (flags & O_DIRECTORY)
		return -ENOTDIR;
	return -EROFS;
}

static long open_reading(const struct vpath *path, unsigned flags)
{
	struct request rq = {
		.op = WIRE_OPEN,
		.text = path->text,
		.text_len = (uint32_t)path->len,
		.flags = (flags & (O_DIRECTORY | O_PATH)) |
			 (path->must_be_dir ? WIRE_MUST_BE_DIR : 0),
	};
	int ret = request_run(&rq);

	if (ret)
		return ret;
	if (rq.fds != 2) {
		request_close_fds(&rq);
		return -EIO;
	}
	return cloudfd_install(&rq, flags);
}

static long open_cloud(const struct vpath *path, unsigned flags)
{
	bool writing = (flags & O_ACCMODE) != O_RDONLY || flags & (O_TRUNC | O_TMPFILE_BIT) ||
		       (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL);
	long ret;

	if (flags & O_PATH)
		flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	else if (writing)
		return refuse_writing(path, flags);
	ret = open_reading(path, flags);
	return ret == -ENOENT && flags & O_CREAT ? -EROFS : ret;
}

/* Through /proc/self/mem a program may change its text without any protection being changed. */
static void all_text_writable(void)
{
	if (image_writable(0, UINT64_MAX))
		trapped_expect("program text that /proc/self/mem may change");
}

static bool leads_to_descriptors(const char *name)
{
	return !strncmp(name, "/dev/", 5) || (!strncmp(name, "/proc/", 6) && strstr(name, "/fd/"));
}

/* Is name a symbolic link to a descriptor's name? Only asked where there may be cloud files. */
static bool links_to_descriptors(int dirfd, const char *name)
{
	char to[64];
	long n;

	if (!fdtab_seen_cloud())
		return false;
	n = sys4(__NR_readlinkat, dirfd, name, to, sizeof(to) - 1);
	if (n <= 0)
		return false;
	to[n] = '\0';
	return leads_to_descriptors(to);
}

/* The kernel's file. Some of /proc would show the twins, and some of it, and of /dev, gives a new
 * descriptor of what may be a cloud file, on a number that was the kernel's: that is made here, not
 * in a gate. */
static long open_local(int dirfd, const char *name, unsigned flags)
{
	const char *self = path_proc_self(name);
	long ret = -ENOSYS;

	if (self && procmaps_shown_by(self))
		ret = procmaps_open(self, flags);
	else if (self && !strcmp(self, "mem") && (flags & O_ACCMODE) != O_RDONLY)
		all_text_writable();
	if (ret != -ENOSYS) {
		if (ret >= 0)
			fdtab_forget((int)ret);
		return ret;
	}
	if (leads_to_descriptors(name) || links_to_descriptors(dirfd, name))
		return SYS_PASS_AFTER;
	return SYS_PASS_PATH;
}

long sys_open(struct sys_args *a)
{
	unsigned flags = (unsigned)a->arg[1];
	int ret = path_is_cloud(a, PATH_NO_DIRFD, 0, 0, flags & O_NOFOLLOW ? PATH_NOFOLLOW : 0);

	if (ret <= 0)
		return ret ? ret : open_local(AT_FDCWD, a->thread->name, flags);
	return open_cloud(&a->thread->path[0], flags);
}

long sys_openat(struct sys_args *a)
{
	unsigned flags = (unsigned)a->arg[2];
	int ret = path_is_cloud(a, 0, 1, 0, flags & O_NOFOLLOW ? PATH_NOFOLLOW : 0);

	if (ret <= 0)
		return ret ? ret : open_local((int)a->arg[0], a->thread->name, flags);
	return open_cloud(&a->thread->path[0], flags);
}

long sys_creat(struct sys_args *a)
{
	int ret = path_is_cloud(a, PATH_NO_DIRFD, 0, 0, 0);

	if (ret <= 0)
		return ret ? ret : SYS_PASS_PATH;
	return open_cloud(&a->thread->path[0], O_CREAT | O_WRONLY | O_TRUNC);
}

long sys_openat2(struct sys_args *a)
{
	struct open_how how;
	int ret;

	if (a->arg[3] < sizeof(how) || user_read(&how, (void *)a->arg[2], sizeof(how)))
		return SYS_PASS;
	ret = path_is_cloud(a, 0, 1, 0, how.flags & O_NOFOLLOW ? PATH_NOFOLLOW : 0);
	if (ret <= 0)
		return ret ? ret : open_local((int)a->arg[0], a->thread->name, (unsigned)how.flags);
	if (how.resolve & ~(uint64_t)RESOLVE_KNOWN)
		return -EINVAL;
	if (how.resolve & RESOLVE_IN_ROOT)
		return -EOPNOTSUPP;
	if (how.resolve & RESOLVE_BENEATH && !path_beneath(a, 0, &a->thread->path[0]))
		return -EXDEV;
	if (how.resolve & RESOLVE_CACHED)
		return -EAGAIN;
	return open_cloud(&a->thread->path[0], (unsigned)how.flags);
}
