/* SPDX-License-Identifier: Apache-2.0 */
/* open, openat, openat2, creat. */
#include <errno.h>
#include <linux/fcntl.h>
#include <linux/openat2.h>
#include <linux/stat.h>
#include <string.h>

#include "intercept/cloudfd.h"
#include "intercept/enforce.h"
#include "intercept/fdtab.h"
#include "intercept/handlers.h"
#include "intercept/notes.h"
#include "intercept/path.h"
#include "intercept/procmaps.h"
#include "intercept/request.h"
#include "intercept/trapped.h"
#include "intercept/usercopy.h"
#include "intercept/vname.h"
#include "intercept/warmopen.h"

#define O_TMPFILE_BIT 020000000u /* __O_TMPFILE, without O_DIRECTORY */
#define LINK_BYTES    64	 /* of a link that is looked at: a descriptor's name is shorter */
#define RESOLVE_KNOWN                                                                      \
	(RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH | \
	 RESOLVE_IN_ROOT | RESOLVE_CACHED)

/* Is there a number for one more descriptor? Asked before a file is made or cut for it. */
static int check_room(void)
{
	long fd = sys3(__NR_open, "/", O_PATH | O_CLOEXEC, 0);

	if (fd >= 0)
		sys1(__NR_close, fd);
	return fd == -EMFILE || fd == -ENFILE ? (int)fd : 0;
}

/* A file that was made or cut by an open that does not write, which no close will publish. */
static long publish_now(long fd)
{
	struct vfile *vf;
	int ret = cloudfd_get((int)fd, &vf);

	if (ret <= 0)
		return ret ? ret : fd;
	ret = vfile_is_draft(vf) ? notes_have(vf) : 0;
	if (!ret)
		ret = notes_flush(vf);
	vfile_put(vf);
	if (!ret)
		return fd;
	fdtab_forget((int)fd);
	sys1(__NR_close, fd);
	fdtab_forget((int)fd);
	return ret;
}

static long open_cloud(const struct vpath *path, unsigned flags, unsigned mode)
{
	bool reads = (flags & O_ACCMODE) == O_RDONLY;
	struct request rq;
	long ret;

	if (flags & O_PATH)
		flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	if (flags & O_TMPFILE_BIT && (reads || flags & O_CREAT || !(flags & O_DIRECTORY)))
		return -EINVAL;
	if ((flags & (O_CREAT | O_DIRECTORY)) == (O_CREAT | O_DIRECTORY))
		return -EINVAL;
	if (flags & O_CREAT && path->must_be_dir)
		return -EISDIR;
	ret = enforce_open(path, flags);
	if (ret)
		return ret;
	ret = warmopen(path, flags);
	if (ret >= 0)
		return ret;
	ret = flags & (O_CREAT | O_TRUNC) ? check_room() : 0;
	if (!ret)
		ret = cloudfd_ask(path, flags, mode, &rq);
	if (!ret)
		ret = cloudfd_install(&rq, flags);
	return ret >= 0 && reads && flags & (O_CREAT | O_TRUNC) ? publish_now(ret) : ret;
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

/* Is name a symbolic link to a descriptor's name, which is then in to? Only asked where there may
 * be cloud files. */
static bool links_to_descriptors(int dirfd, const char *name, char *to)
{
	long n;

	if (!fdtab_seen_cloud())
		return false;
	n = sys4(__NR_readlinkat, dirfd, name, to, LINK_BYTES - 1);
	if (n <= 0)
		return false;
	to[n] = '\0';
	return leads_to_descriptors(to);
}

/* fd, just opened by the name that vf had, if it is vf still: another may have got that name. */
static long same_file(long fd, const struct vfile *vf, bool cut)
{
	struct request rq = {.op = WIRE_TRUNCATE, .data_dev = vf->dev, .data_ino = vf->ino};
	struct vfile *opened = NULL;
	int ret = cloudfd_get((int)fd, &opened);

	if (ret == 1)
		ret = opened != vf ? -ENOENT : cut ? request_run(&rq) : 0;
	vfile_put(opened);
	if (!ret)
		return fd;
	fdtab_forget((int)fd);
	sys1(__NR_close, fd);
	fdtab_forget((int)fd);
	return ret;
}

/* A name of one of our own descriptors, opened for more than reading: by the cloud file's name. */
static long open_named(struct thread *t, int fd, unsigned flags)
{
	struct vpath *path = &t->path[0];
	struct vfile *vf;
	bool gone;
	long ret;

	if ((flags & O_ACCMODE) == O_RDONLY && !(flags & O_TRUNC))
		return -ENOSYS;
	ret = fd < 0 ? 0 : cloudfd_get(fd, &vf);
	if (ret <= 0)
		return ret ? ret : -ENOSYS;
	path->len = vname_get(vf, path->text, &gone);
	path->must_be_dir = false;
	if (gone && !(flags & O_TRUNC)) {
		vfile_put(vf);
		return -ENOSYS; /* what the kernel opens is never stored, as if by that name */
	}
	ret = open_cloud(path, flags & ~(unsigned)(O_CREAT | O_EXCL | O_TRUNC), 0);
	if (ret >= 0)
		ret = same_file(ret, vf, flags & O_TRUNC);
	vfile_put(vf);
	return ret;
}

/* The kernel's file. Some of /proc would show the twins, and some of it, and of /dev, gives a new
 * descriptor of what may be a cloud file, on a number that was the kernel's: that is made here, not
 * in a gate. */
static long open_local(struct thread *t, int dirfd, unsigned flags)
{
	const char *name = t->name, *self = path_proc_self(name);
	char to[LINK_BYTES];
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
	if (!leads_to_descriptors(name)) {
		if (!links_to_descriptors(dirfd, name, to))
			return SYS_PASS_PATH;
		name = to;
	}
	ret = open_named(t, path_named_fd(name), flags);
	return ret == -ENOSYS ? SYS_PASS_AFTER : ret;
}

long sys_open(struct sys_args *a)
{
	unsigned flags = (unsigned)a->arg[1];
	int ret = path_is_cloud(a, PATH_NO_DIRFD, 0, 0, flags & O_NOFOLLOW ? PATH_NOFOLLOW : 0);

	if (ret <= 0)
		return ret ? ret : open_local(a->thread, AT_FDCWD, flags);
	return open_cloud(&a->thread->path[0], flags, (unsigned)a->arg[2]);
}

long sys_openat(struct sys_args *a)
{
	unsigned flags = (unsigned)a->arg[2];
	int ret = path_is_cloud(a, 0, 1, 0, flags & O_NOFOLLOW ? PATH_NOFOLLOW : 0);

	if (ret <= 0)
		return ret ? ret : open_local(a->thread, (int)a->arg[0], flags);
	return open_cloud(&a->thread->path[0], flags, (unsigned)a->arg[3]);
}

long sys_creat(struct sys_args *a)
{
	int ret = path_is_cloud(a, PATH_NO_DIRFD, 0, 0, 0);

	unsigned flags = O_CREAT | O_WRONLY | O_TRUNC;

	if (ret <= 0)
		return ret ? ret : open_local(a->thread, AT_FDCWD, flags);
	return open_cloud(&a->thread->path[0], flags, (unsigned)a->arg[1]);
}

long sys_openat2(struct sys_args *a)
{
	struct open_how how;
	int ret;

	if (a->arg[3] < sizeof(how) || user_read(&how, (void *)a->arg[2], sizeof(how)))
		return SYS_PASS;
	ret = path_is_cloud(a, 0, 1, 0, how.flags & O_NOFOLLOW ? PATH_NOFOLLOW : 0);
	if (ret <= 0)
		return ret ? ret : open_local(a->thread, (int)a->arg[0], (unsigned)how.flags);
	if (how.resolve & ~(uint64_t)RESOLVE_KNOWN)
		return -EINVAL;
	if (how.resolve & RESOLVE_IN_ROOT)
		return -EOPNOTSUPP;
	if (how.resolve & RESOLVE_NO_SYMLINKS && a->thread->links)
		return -ELOOP;
	if (how.resolve & RESOLVE_BENEATH && !path_beneath(a, 0))
		return -EXDEV;
	if (how.resolve & RESOLVE_CACHED)
		return -EAGAIN;
	return open_cloud(&a->thread->path[0], (unsigned)how.flags, (unsigned)how.mode);
}
