/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that change what stat(2) tells: mode, owner, times. A time of access is not kept. */
#include <errno.h>
#include <linux/fcntl.h>
#include <linux/stat.h>
#include <linux/time.h>
#include <string.h>

#include "intercept/cloudfd.h"
#include "intercept/enforce.h"
#include "intercept/handlers.h"
#include "intercept/ids.h"
#include "intercept/path.h"
#include "intercept/usercopy.h"

#define NS_PER_S   INT64_C(1000000000)
#define US_PER_S   1000000
#define K_NOW	   ((1 << 30) - 1) /* UTIME_NOW, UTIME_OMIT of utimensat(2) */
#define K_OMIT	   ((1 << 30) - 2)
#define NOBODY	   UINT32_MAX /* chown(2): leave it */
#define AT_CHANGES (AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)

struct change {
	unsigned set; /* WIRE_SET_*; 0: only see that it is there */
	int error;    /* with set 0: what is answered then */
	uint32_t mode, uid, gid;
	int64_t mtime_ns;
	bool touch; /* the time that is now */
};

/* attr: of a file that is open; NULL: what path leads to is asked about. */
static int allowed(const struct vpath *path, const struct wire_attr *attr, const struct change *c)
{
	const struct enforce_change change = {
		.set = c->set, .uid = c->uid, .gid = c->gid, .touch = c->touch};

	return rt.handoff.enforce ? enforce_change(path, attr, &change) : 0;
}

static long change_path(const struct vpath *path, const struct change *c)
{
	struct request rq = {
		.op = WIRE_SETATTR,
		.text = path->text,
		.text_len = (uint32_t)path->len,
		.flags = c->set | path_flags(path),
		.mode = c->mode,
		.uid = c->uid,
		.gid = c->gid,
		.mtime_ns = c->mtime_ns,
	};

	int ret = c->set ? allowed(path, NULL, c) : path_exists(path);

	if (!c->set)
		return ret ? ret : c->error;
	return ret ? ret : request_run(&rq);
}

static int vfile_allowed(const struct vfile *vf, int fd, const struct change *c)
{
	struct wire_attr attr;
	struct vpath path;

	if (!rt.handoff.enforce)
		return 0;
	path.len = vf->vn->path_len;
	path.must_be_dir = path.nofollow = false;
	memcpy(path.text, vnode_path(vf->vn), path.len + 1);
	vfile_attr(vf, fd, &attr);
	return allowed(&path, vf->vn->kind == VNODE_DIR ? NULL : &attr, c);
}

static long change_vfile(const struct vfile *vf, int fd, const struct change *c)
{
	struct request rq = {
		.op = WIRE_SETATTR,
		.data_dev = vf->dev,
		.data_ino = vf->ino,
		.flags = c->set,
		.mode = c->mode,
		.uid = c->uid,
		.gid = c->gid,
		.mtime_ns = c->mtime_ns,
	};

	int ret;

	if (!c->set)
		return c->error;
	ret = vfile_allowed(vf, fd, c);
	if (ret)
		return ret;
	if (vf->vn->kind == VNODE_DIR) {
		rq.text = vnode_path(vf->vn);
		rq.text_len = vf->vn->path_len;
	}
	return request_run(&rq);
}

static long change_fd(int fd, const struct change *c, bool path_descriptors)
{
	struct vfile *vf;
	long ret = cloudfd_get(fd, &vf);

	if (ret <= 0)
		return ret ? ret : SYS_PASS;
	if (!path_descriptors && sys3(__NR_fcntl, fd, F_GETFL, 0) & O_PATH)
		ret = -EBADF;
	else
		ret = change_vfile(vf, fd, c);
	vfile_put(vf);
	return ret;
}

static long change_name(struct sys_args *a, int dirfd_arg, int path_arg, unsigned at_flags,
			const struct change *c)
{
	struct thread *t = a->thread;
	int ret, fd;

	t->name[0] = '\0';
	ret = path_is_cloud(a, dirfd_arg, path_arg, 0,
			    at_flags & AT_SYMLINK_NOFOLLOW ? PATH_NOFOLLOW : 0);
	if (ret)
		return ret < 0 ? ret : change_path(&t->path[0], c);
	fd = at_flags & AT_SYMLINK_NOFOLLOW ? -1 : path_named_fd(t->name);
	if (at_flags & AT_EMPTY_PATH && !t->name[0] && dirfd_arg != PATH_NO_DIRFD)
		fd = (int)a->arg[dirfd_arg];
	if (fd >= 0) {
		long done = change_fd(fd, c, true);

		if (done != SYS_PASS)
			return done;
	}
	return SYS_PASS_PATH;
}

static struct change mode_change(uint64_t mode)
{
	return (struct change){.set = WIRE_SET_MODE, .mode = (uint32_t)mode & 07777};
}

long sys_chmod(struct sys_args *a)
{
	struct change c = mode_change(a->arg[1]);

	return change_name(a, PATH_NO_DIRFD, 0, 0, &c);
}

long sys_fchmodat(struct sys_args *a)
{
	struct change c = mode_change(a->arg[2]);

	return change_name(a, 0, 1, 0, &c);
}

long sys_fchmodat2(struct sys_args *a)
{
	struct change c = mode_change(a->arg[2]);

	if (a->arg[3] & ~(uint64_t)AT_CHANGES)
		return SYS_PASS; /* EINVAL */
	return change_name(a, 0, 1, (unsigned)a->arg[3], &c);
}

long sys_fchmod(struct sys_args *a)
{
	struct change c = mode_change(a->arg[1]);

	return change_fd((int)a->arg[0], &c, false);
}

/* Only root gives files away; to which groups of its own a user may, is not looked at. */
static struct change owner_change(uint64_t uid, uint64_t gid)
{
	struct change c = {
		.set = ((uint32_t)uid == NOBODY ? 0 : WIRE_SET_UID) |
		       ((uint32_t)gid == NOBODY ? 0 : WIRE_SET_GID),
		.uid = (uint32_t)uid,
		.gid = (uint32_t)gid,
	};

	if (c.set & WIRE_SET_UID && c.uid != ids_user() && ids_user() != 0)
		c = (struct change){.error = -EPERM};
	return c;
}

static long chown_name(struct sys_args *a, int dirfd_arg, int path_arg, unsigned at_flags)
{
	struct change c = owner_change(a->arg[path_arg + 1], a->arg[path_arg + 2]);

	return change_name(a, dirfd_arg, path_arg, at_flags, &c);
}

long sys_chown(struct sys_args *a)
{
	return chown_name(a, PATH_NO_DIRFD, 0, 0);
}

long sys_lchown(struct sys_args *a)
{
	return chown_name(a, PATH_NO_DIRFD, 0, AT_SYMLINK_NOFOLLOW);
}

long sys_fchownat(struct sys_args *a)
{
	if (a->arg[4] & ~(uint64_t)AT_CHANGES)
		return SYS_PASS; /* EINVAL */
	return chown_name(a, 0, 1, (unsigned)a->arg[4]);
}

long sys_fchown(struct sys_args *a)
{
	struct change c = owner_change(a->arg[1], a->arg[2]);

	return change_fd((int)a->arg[0], &c, false);
}

static int64_t now_ns(void)
{
	int64_t now[2] = {0, 0};

	sys2(__NR_clock_gettime, CLOCK_REALTIME, now);
	return now[0] * NS_PER_S + now[1];
}

/* A time of modification in seconds and units, of which a second has per_second. */
static struct change time_change(int64_t sec, int64_t part, int64_t per_second)
{
	if (part < 0 || part >= per_second)
		return (struct change){.error = -EINVAL};
	return (struct change){.set = WIRE_SET_MTIME,
			       .mtime_ns = sec * NS_PER_S + part * (NS_PER_S / per_second)};
}

static struct change time_now(void)
{
	return (struct change){.set = WIRE_SET_MTIME, .mtime_ns = now_ns(), .touch = true};
}

/* struct timespec times[2] of utimensat(2) at user; 0: now. */
static struct change read_timespecs(uint64_t user)
{
	int64_t times[4];

	if (!user)
		return time_now();
	if (user_read(times, (void *)user, sizeof(times)))
		return (struct change){.error = -EFAULT};
	if (times[1] != K_NOW && times[1] != K_OMIT && (times[1] < 0 || times[1] >= NS_PER_S))
		return (struct change){.error = -EINVAL};
	if (times[3] == K_NOW) {
		struct change now = time_now();

		now.touch = times[1] == K_NOW;
		return now;
	}
	if (times[3] == K_OMIT)
		return (struct change){.set = 0};
	return time_change(times[2], times[3], NS_PER_S);
}

/* struct timeval times[2] of utimes(2) at user; 0: now. */
static struct change read_timevals(uint64_t user)
{
	int64_t times[4];

	if (!user)
		return time_now();
	if (user_read(times, (void *)user, sizeof(times)))
		return (struct change){.error = -EFAULT};
	if (times[1] < 0 || times[1] >= US_PER_S)
		return (struct change){.error = -EINVAL};
	return time_change(times[2], times[3], US_PER_S);
}

/* struct utimbuf at user: two times in seconds. */
static struct change read_seconds(uint64_t user)
{
	int64_t times[2];

	if (!user)
		return time_now();
	if (user_read(times, (void *)user, sizeof(times)))
		return (struct change){.error = -EFAULT};
	return time_change(times[1], 0, NS_PER_S);
}

/* Neither time is to be another: the kernel does not even look at the name then. */
static bool omits_both(uint64_t user)
{
	int64_t times[4];

	return user && !user_read(times, (void *)user, sizeof(times)) && times[1] == K_OMIT &&
	       times[3] == K_OMIT;
}

/* utimensat; with a NULL name it is futimens. */
long sys_utimensat(struct sys_args *a)
{
	struct change c = read_timespecs(a->arg[2]);

	if (omits_both(a->arg[2]))
		return SYS_PASS; /* 0 */
	if (a->arg[3] & ~(uint64_t)AT_CHANGES)
		return SYS_PASS; /* EINVAL */
	if (!a->arg[1])
		return (int)a->arg[0] == AT_FDCWD ? SYS_PASS : change_fd((int)a->arg[0], &c, false);
	return change_name(a, 0, 1, (unsigned)a->arg[3], &c);
}

long sys_futimesat(struct sys_args *a)
{
	struct change c = read_timevals(a->arg[2]);

	if (!a->arg[1])
		return change_fd((int)a->arg[0], &c, false);
	return change_name(a, 0, 1, 0, &c);
}

long sys_utimes(struct sys_args *a)
{
	struct change c = read_timevals(a->arg[1]);

	return change_name(a, PATH_NO_DIRFD, 0, 0, &c);
}

long sys_utime(struct sys_args *a)
{
	struct change c = read_seconds(a->arg[1]);

	return change_name(a, PATH_NO_DIRFD, 0, 0, &c);
}
