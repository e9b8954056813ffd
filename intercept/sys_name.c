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

/* How the name ends that the program gave for this path: path_is_cloud() has just left it there. */
enum last { LAST_NAME, LAST_DOT, LAST_DOTDOT };

static enum last last_of(const struct thread *t)
{
	const char *name = t->name;
	size_t len = strlen(name), end;

	while (len && name[len - 1] == '/')
		len--;
	end = len;
	while (len && name[len - 1] != '/')
		len--;
	if (end - len == 1 && name[len] == '.')
		return LAST_DOT;
	return end - len == 2 && name[len] == '.' && name[len + 1] == '.' ? LAST_DOTDOT : LAST_NAME;
}

/* "." and ".." are there, and no names to be made or removed: what the kernel says to either, once
 * it knows that what they are in is there. 0: it is a name. */
static long refuse_dots(const struct vpath *path, enum last last, long dot, long dotdot)
{
	struct wire_attr attr;
	long ret;

	if (last == LAST_NAME)
		return 0;
	ret = path_stat(path, &attr);
	return ret ? ret : last == LAST_DOT ? dot : dotdot;
}

/* What is to be made is no directory, but has a slash behind its name. */
static long refuse_slash(struct vpath *path)
{
	struct wire_attr attr;
	long ret;

	if (!path->must_be_dir)
		return 0;
	path->must_be_dir = false;
	path->nofollow = true;
	ret = path_stat(path, &attr);
	return ret ? ret : -EEXIST;
}

/* A name for what is no directory: it is in slot, just decided. */
static long refuse_name(struct thread *t, int slot)
{
	long ret = refuse_dots(&t->path[slot], last_of(t), -EEXIST, -EEXIST);

	return ret ? ret : refuse_slash(&t->path[slot]);
}

static long make_dir(struct sys_args *a, int dirfd_arg, int path_arg)
{
	struct request rq;
	int ret = path_is_cloud(a, dirfd_arg, path_arg, 0, PATH_NOFOLLOW);

	if (ret <= 0)
		return ret ? ret : SYS_PASS_PATH;
	ret = (int)refuse_dots(&a->thread->path[0], last_of(a->thread), -EEXIST, -EEXIST);
	if (ret)
		return ret;
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

/* Is that a type of which mknod(2) knows: none, pipe, character and block device, directory, file,
 * socket? */
static bool is_node(unsigned type)
{
	const unsigned known = 1u << 0 | 1u << 1 | 1u << 2 | 1u << 4 | 1u << 6 | 1u << 8 | 1u << 12;

	return known >> (type >> 12) & 1;
}

static long make_node(struct sys_args *a, int dirfd_arg, int path_arg)
{
	unsigned mode = (unsigned)a->arg[path_arg + 1];
	int ret = path_is_cloud(a, dirfd_arg, path_arg, 0, PATH_NOFOLLOW);

	if (ret <= 0)
		return ret ? ret : SYS_PASS_PATH;
	if (!is_node(mode & S_IFMT))
		return -EINVAL;
	ret = (int)refuse_name(a->thread, 0);
	if (ret)
		return ret;
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
	ret = (int)refuse_name(t, 0);
	if (ret)
		return ret;
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
	if (flags & AT_REMOVEDIR)
		ret = (int)refuse_dots(&a->thread->path[0], last_of(a->thread), -EINVAL,
				       -ENOTEMPTY);
	else
		ret = (int)refuse_dots(&a->thread->path[0], last_of(a->thread), -EISDIR, -EISDIR);
	if (ret)
		return ret;
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

/* The kernel's one of two names, the other being in the clouds: is it a name at all? */
static int other_name(struct sys_args *a, int path_arg)
{
	long len = user_string(a->thread->name, (const char *)a->arg[path_arg],
			       sizeof(a->thread->name));

	return len < 0 ? (int)len : len ? -EXDEV : -ENOENT;
}

/* Both names, decided: 1 when both are in the clouds, 0 when neither is, -EXDEV. from_flags:
 * PATH_NOFOLLOW, or 0 when what a first name links to is meant. last: how either ends. */
static int two_names(struct sys_args *a, const int arg[4], unsigned from_flags, enum last last[2])
{
	int from = path_is_cloud(a, arg[0], arg[1], 0, from_flags), to;

	if (from < 0)
		return from;
	last[0] = last_of(a->thread);
	to = path_is_cloud(a, arg[2], arg[3], 1, PATH_NOFOLLOW);
	if (to < 0)
		return to;
	last[1] = last_of(a->thread);
	return from == to ? from : other_name(a, from ? arg[3] : arg[1]);
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

static long rename_names(struct sys_args *a, const int arg[4], unsigned flags)
{
	struct thread *t = a->thread;
	enum last last[2];
	long ret = two_names(a, arg, PATH_NOFOLLOW, last);

	if (ret <= 0)
		return ret ? ret : SYS_PASS_PATH;
	ret = refuse_dots(&t->path[0], last[0], -EBUSY, -EBUSY);
	if (!ret && flags & RENAME_NOREPLACE)
		ret = refuse_dots(&t->path[1], last[1], -EEXIST, -EEXIST);
	else if (!ret)
		ret = refuse_dots(&t->path[1], last[1], -EBUSY, -EBUSY);
	return ret ? ret : both_names(t, WIRE_RENAME, flags);
}

static const int plain_names[4] = {PATH_NO_DIRFD, 0, PATH_NO_DIRFD, 1};
static const int names_at[4] = {0, 1, 2, 3};

long sys_rename(struct sys_args *a)
{
	return rename_names(a, plain_names, 0);
}

/* renameat, renameat2 */
long sys_renameat(struct sys_args *a)
{
	return rename_names(a, names_at, a->nr == __NR_renameat2 ? (unsigned)a->arg[4] : 0);
}

static long link_names(struct sys_args *a, const int arg[4], unsigned from_flags)
{
	enum last last[2];
	long ret = two_names(a, arg, from_flags, last);

	if (ret <= 0)
		return ret ? ret : SYS_PASS_PATH;
	ret = refuse_dots(&a->thread->path[1], last[1], -EEXIST, -EEXIST);
	if (!ret)
		ret = refuse_slash(&a->thread->path[1]);
	return ret ? ret : both_names(a->thread, WIRE_LINK, 0);
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
	if (ret >= 0 && vf->vn->kind == VNODE_DIR) {
		ret = -EPERM;
	} else if (ret == 1) {
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
	return link_names(a, plain_names, PATH_NOFOLLOW);
}

long sys_linkat(struct sys_args *a)
{
	unsigned flags = (unsigned)a->arg[4];
	long done = -ENOSYS;

	if (flags & ~(unsigned)(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return SYS_PASS; /* EINVAL */
	if (flags & AT_EMPTY_PATH && !user_string(a->thread->name, (void *)a->arg[1], 1))
		done = link_unnamed(a, (int)a->arg[0], 2, 3);
	else if (flags & AT_SYMLINK_FOLLOW &&
		 user_string(a->thread->name, (void *)a->arg[1], sizeof(a->thread->name)) > 0)
		done = link_unnamed(a, path_named_fd(a->thread->name), 2, 3);
	if (done != -ENOSYS)
		return done;
	return link_names(a, names_at, flags & AT_SYMLINK_FOLLOW ? 0 : PATH_NOFOLLOW);
}
