/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that make, remove and change names: mkdir, mknod, unlink, rename. Links cannot be. */
#include <errno.h>
#include <linux/fcntl.h>
#include <linux/stat.h>
#include <string.h>

#include "intercept/cloudfd.h"
#include "intercept/handlers.h"
#include "intercept/notes.h"
#include "intercept/path.h"
#include "intercept/umask.h"

static struct request about(enum wire_op op, const struct vpath *path, unsigned flags)
{
	return (struct request){
		.op = op,
		.text = path->text,
		.text_len = (uint32_t)path->len,
		.flags = flags | (path->must_be_dir ? WIRE_MUST_BE_DIR : 0),
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
	return request_run(&rq);
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
	int ret = cloudfd_ask(path, O_WRONLY | O_CREAT | O_EXCL, mode, &rq);

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

static long make_symlink(struct sys_args *a, int dirfd_arg, int path_arg)
{
	int ret = path_is_cloud(a, dirfd_arg, path_arg, 0, PATH_NOFOLLOW);

	if (ret <= 0)
		return ret ? ret : SYS_PASS_PATH;
	return refuse_new(&a->thread->path[0], -EPERM);
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
	rq = about(WIRE_UNLINK, &a->thread->path[0], flags);
	return request_run(&rq);
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

/* Both names, decided: 1 when both are in the clouds, 0 when neither is, -EXDEV. */
static int two_names(struct sys_args *a, int dirfd1, int path1, int dirfd2, int path2)
{
	int from = path_is_cloud(a, dirfd1, path1, 0, PATH_NOFOLLOW);
	int to = from < 0 ? 0 : path_is_cloud(a, dirfd2, path2, 1, PATH_NOFOLLOW);

	if (from < 0 || to < 0)
		return from < 0 ? from : to;
	return from == to ? from : -EXDEV;
}

/* The text of the request is built in iov, which holds no name any more. */
static long rename_names(struct thread *t, unsigned flags)
{
	struct request rq = about(WIRE_RENAME, &t->path[0], flags);
	char *text = (char *)t->iov;

	_Static_assert(sizeof(t->iov) >= 2 * WIRE_PATH_MAX, "room for both names");
	memcpy(text, t->path[0].text, t->path[0].len + 1);
	memcpy(text + t->path[0].len + 1, t->path[1].text, t->path[1].len);
	rq.text = text;
	rq.text_len = (uint32_t)(t->path[0].len + 1 + t->path[1].len);
	if (t->path[1].must_be_dir)
		rq.flags |= WIRE_MUST_BE_DIR;
	return request_run(&rq);
}

long sys_rename(struct sys_args *a)
{
	int ret = two_names(a, PATH_NO_DIRFD, 0, PATH_NO_DIRFD, 1);

	return ret <= 0 ? (ret ? ret : SYS_PASS_PATH) : rename_names(a->thread, 0);
}

/* renameat, renameat2 */
long sys_renameat(struct sys_args *a)
{
	unsigned flags = a->nr == __NR_renameat2 ? (unsigned)a->arg[4] : 0;
	int ret = two_names(a, 0, 1, 2, 3);

	return ret <= 0 ? (ret ? ret : SYS_PASS_PATH) : rename_names(a->thread, flags);
}

/* The old name must exist, the new one must not; then there are no links. */
static long refuse_link(struct thread *t)
{
	struct wire_attr attr;
	int ret = path_stat(&t->path[0], &attr);

	return ret ? ret : refuse_new(&t->path[1], -EPERM);
}

long sys_link(struct sys_args *a)
{
	int ret = two_names(a, PATH_NO_DIRFD, 0, PATH_NO_DIRFD, 1);

	return ret <= 0 ? (ret ? ret : SYS_PASS_PATH) : refuse_link(a->thread);
}

long sys_linkat(struct sys_args *a)
{
	int ret = two_names(a, 0, 1, 2, 3);

	return ret <= 0 ? (ret ? ret : SYS_PASS_PATH) : refuse_link(a->thread);
}
