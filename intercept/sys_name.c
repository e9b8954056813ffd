/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that make, remove and change names: mkdir, mknod, symlink, unlink, rename, link. */
#include <errno.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/stat.h>
#include <string.h>

#include "intercept/cloudfd.h"
#include "intercept/enforce.h"
#include "intercept/handlers.h"
#include "intercept/notes.h"
#include "intercept/path.h"
#include "intercept/umask.h"
#include "intercept/usercopy.h"

static struct request about(enum wire_op op, const struct vpath *path, unsigned flags)
{
	return (struct request){
		.op = op,
		.text = path->text,
		.text_len = (uint32_t)path->len,
		.flags = flags | path_flags(path),
	};
}

static long make_dir(struct sys_args *a, int dirfd_arg, int path_arg)
{
	struct request rq;
	int ret = path_is_cloud(a, dirfd_arg, path_arg, 0, PATH_NOFOLLOW);

	if (ret <= 0)
		return ret ? ret : SYS_PASS_PATH;
	rq = about(WIRE_MKDIR, &a->thread->path[0], 0);
	rq.mode = (unsigned)a->arg[path_arg + 1] & 01777 & ~umask_now();
	ret = enforce_make(&a->thread->path[0]);
	return ret ? ret : request_run(&rq);
}

long sys_mkdir(struct sys_args *a)
{
	return make_dir(a, PATH_NO_DIRFD, 0);
}

long sys_mkdirat(struct sys_args *a)
{
	return make_dir(a, 0, 1);
}

/* The name must not exist: EEXIST comes before what else is wrong. */
static long refuse_new(const struct vpath *path, long error)
{
	struct wire_attr attr;
	int ret = path_stat(path, &attr);

	if (!ret)
		return -EEXIST;
	return ret == -ENOENT ? error : ret;
}

/* An empty file, in the bucket at once. */
static long make_file(const struct vpath *path, unsigned mode)
{
	struct request rq;
	struct vfile *vf;
	int ret = enforce_make(path);

	if (!ret)
		ret = cloudfd_ask(path, O_WRONLY | O_CREAT | O_EXCL, mode, &rq);
	if (ret)
		return ret;
	vf = vfile_map(rq.fd[1]);
	ret = vf ? notes_attach(vf, rq.fd[2]) : -ENOMEM;
	if (!ret)
		ret = notes_flush(vf);
	request_close_fds(&rq);
	vfile_put(vf);
	return ret;
}

static long make_node(struct sys_args *a, int dirfd_arg, int path_arg)
{
	unsigned mode = (unsigned)a->arg[path_arg + 1];
	int ret = path_is_cloud(a, dirfd_arg, path_arg, 0, PATH_NOFOLLOW);

	if (ret <= 0)
		return ret ? ret : SYS_PASS_PATH;
	if (!(mode & S_IFMT) || (mode & S_IFMT) == S_IFREG)
		return make_file(&a->thread->path[0], mode & 07777);
	return refuse_new(&a->thread->path[0], -EPERM);
}

long sys_mknod(struct sys_args *a)
{
	return make_node(a, PATH_NO_DIRFD, 0);
}

long sys_mknodat(struct sys_args *a)
{
	return make_node(a, 0, 1);
}

/* The target is what the program says, unlooked at. The request is built in iov, which holds no
 * name any more. */
static long make_symlink(struct sys_args *a, int dirfd_arg, int path_arg)
{
	struct thread *t = a->thread;
	char *text = (char *)t->iov;
	struct request rq;
	long len;
	int ret = path_is_cloud(a, dirfd_arg, path_arg, 0, PATH_NOFOLLOW);

	if (ret <= 0)
		return ret ? ret : SYS_PASS_PATH;
	len = user_string(text, (const char *)a->arg[0], WIRE_PATH_MAX);
	if (len <= 0)
		return len ? len : -ENOENT;
	ret = enforce_make(&t->path[0]);
	if (ret)
		return ret;
	rq = about(WIRE_SYMLINK, &t->path[0], 0);
	memcpy(text + len + 1, t->path[0].text, t->path[0].len);
	rq.text = text;
	rq.text_len = (uint32_t)((size_t)len + 1 + t->path[0].len);
	return request_run(&rq);
}

long sys_symlink(struct sys_args *a)
{
	return make_symlink(a, PATH_NO_DIRFD, 1);
}

long sys_symlinkat(struct sys_args *a)
{
	return make_symlink(a, 1, 2);
}

static long remove_name(struct sys_args *a, int dirfd_arg, int path_arg, unsigned flags)
{
	struct request rq;
	int ret = path_is_cloud(a, dirfd_arg, path_arg, 0, PATH_NOFOLLOW);

	if (ret <= 0)
		return ret ? ret : SYS_PASS_PATH;
	ret = enforce_remove(&a->thread->path[0]);
	if (ret)
		return ret;
	if (!(flags & AT_REMOVEDIR) && notes_may_remove_later(a->thread, a->thread->path[0].text))
		flags |= WIRE_UNLINK_LATER;
	rq = about(WIRE_UNLINK, &a->thread->path[0], flags);
	ret = request_run(&rq);
	if (!ret && flags & WIRE_UNLINK_LATER && rq.attr.size)
		notes_removed_later();
	return ret;
}

long sys_unlink(struct sys_args *a)
{
	return remove_name(a, PATH_NO_DIRFD, 0, 0);
}

long sys_rmdir(struct sys_args *a)
{
	return remove_name(a, PATH_NO_DIRFD, 0, AT_REMOVEDIR);
}

long sys_unlinkat(struct sys_args *a)
{
	if (a->arg[2] & ~(uint64_t)AT_REMOVEDIR)
		return SYS_PASS; /* EINVAL */
	return remove_name(a, 0, 1, (unsigned)a->arg[2]);
}

/* Both names, decided: 1 when both are in the clouds, 0 when neither is, -EXDEV. from_flags:
 * PATH_NOFOLLOW, or 0 when what a first name links to is meant. */
static int two_names(struct sys_args *a, int dirfd1, int path1, int dirfd2, int path2,
		     unsigned from_flags)
{
	int from = path_is_cloud(a, dirfd1, path1, 0, from_flags);
	int to = from < 0 ? 0 : path_is_cloud(a, dirfd2, path2, 1, PATH_NOFOLLOW);

	if (from < 0 || to < 0)
		return from < 0 ? from : to;
	return from == to ? from : -EXDEV;
}

/* The text of the request is built in iov, which holds no name any more. */
static long both_names(struct thread *t, enum wire_op op, unsigned flags)
{
	struct request rq = about(op, &t->path[0], flags);
	char *text = (char *)t->iov;
	int ret = op == WIRE_RENAME ? enforce_rename(&t->path[0], &t->path[1], flags)
				    : enforce_make(&t->path[1]);

	if (ret)
		return ret;
	_Static_assert(sizeof(t->iov) >= 2 * WIRE_PATH_MAX, "room for both names");
	memcpy(text, t->path[0].text, t->path[0].len + 1);
	memcpy(text + t->path[0].len + 1, t->path[1].text, t->path[1].len);
	rq.text = text;
	rq.text_len = (uint32_t)(t->path[0].len + 1 + t->path[1].len);
	if (t->path[1].must_be_dir)
		rq.flags |= WIRE_MUST_BE_DIR;
	if (op == WIRE_RENAME && flags & RENAME_EXCHANGE) {
		rq.mode = t->path[0].must_be_dir | (unsigned)t->path[1].must_be_dir << 1;
		sys3(__NR_getrandom, &rq.offset, sizeof(rq.offset), 0);
	}
	return request_run(&rq);
}

long sys_rename(struct sys_args *a)
{
	int ret = two_names(a, PATH_NO_DIRFD, 0, PATH_NO_DIRFD, 1, PATH_NOFOLLOW);

	return ret <= 0 ? (ret ? ret : SYS_PASS_PATH) : both_names(a->thread, WIRE_RENAME, 0);
}

/* renameat, renameat2 */
long sys_renameat(struct sys_args *a)
{
	unsigned flags = a->nr == __NR_renameat2 ? (unsigned)a->arg[4] : 0;
	int ret = two_names(a, 0, 1, 2, 3, PATH_NOFOLLOW);

	return ret <= 0 ? (ret ? ret : SYS_PASS_PATH) : both_names(a->thread, WIRE_RENAME, flags);
}

/* The first name of what was opened without one: fd, or -1. -ENOSYS: it is no cloud file. */
static long link_unnamed(struct sys_args *a, int fd, int dirfd, int path)
{
	struct request rq;
	struct vfile *vf;
	int ret = fd < 0 ? 0 : cloudfd_get(fd, &vf);

	if (ret <= 0)
		return ret ? ret : -ENOSYS;
	ret = path_is_cloud(a, dirfd, path, 1, PATH_NOFOLLOW);
	if (ret == 1) {
		rq = about(WIRE_LINK, &a->thread->path[1], 0);
		rq.data_dev = vf->dev;
		rq.data_ino = vf->ino;
		ret = enforce_make(&a->thread->path[1]);
		if (!ret)
			ret = request_run(&rq);
	} else if (!ret) {
		ret = -EXDEV;
	}
	vfile_put(vf);
	return ret;
}

long sys_link(struct sys_args *a)
{
	int ret = two_names(a, PATH_NO_DIRFD, 0, PATH_NO_DIRFD, 1, PATH_NOFOLLOW);

	return ret <= 0 ? (ret ? ret : SYS_PASS_PATH) : both_names(a->thread, WIRE_LINK, 0);
}

long sys_linkat(struct sys_args *a)
{
	unsigned flags = (unsigned)a->arg[4];
	long done = -ENOSYS;
	int ret;

	if (flags & AT_EMPTY_PATH && !user_string(a->thread->name, (void *)a->arg[1], 1))
		done = link_unnamed(a, (int)a->arg[0], 2, 3);
	else if (flags & AT_SYMLINK_FOLLOW &&
		 user_string(a->thread->name, (void *)a->arg[1], sizeof(a->thread->name)) > 0)
		done = link_unnamed(a, path_named_fd(a->thread->name), 2, 3);
	if (done != -ENOSYS)
		return done;
	ret = two_names(a, 0, 1, 2, 3, flags & AT_SYMLINK_FOLLOW ? 0 : PATH_NOFOLLOW);
	return ret <= 0 ? (ret ? ret : SYS_PASS_PATH) : both_names(a->thread, WIRE_LINK, 0);
}
