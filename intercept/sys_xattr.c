/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extended attributes. Files in the clouds have those of "user."; of the others there are none, and
 * none can be set, as on a file system that does not know them.
 */
#include <errno.h>
#include <linux/fcntl.h>
#include <linux/limits.h>
#include <linux/xattr.h>
#include <string.h>

#include "intercept/cloudfd.h"
#include "intercept/enforce.h"
#include "intercept/handlers.h"
#include "intercept/path.h"
#include "intercept/usercopy.h"

#define NAME_BYTES  (XATTR_NAME_MAX + 1)
#define VALUE_BYTES 2048u /* more than S3 keeps */

/* Whose: a path in the clouds, or an open file. */
struct whose {
	bool is_open;
	const struct vpath *path;
	struct vfile *vf;
	int fd;
};

/* A request about it, whose text begins at text, which has room for all. text_len: so far. */
static struct request about(enum wire_op op, const struct whose *w, const char *name, char *text)
{
	struct request rq = {.op = op, .text = text};
	size_t name_len = strlen(name);

	if (w->is_open && w->vf->vn->kind == VNODE_DIR) {
		rq.text_len = w->vf->vn->path_len + 1;
		memcpy(text, vnode_path(w->vf->vn), rq.text_len);
	} else if (w->is_open) {
		rq.data_dev = w->vf->dev;
		rq.data_ino = w->vf->ino;
		text[0] = '\0';
		rq.text_len = 1;
	} else {
		rq.flags = path_flags(w->path);
		memcpy(text, w->path->text, w->path->len);
		text[w->path->len] = '\0';
		rq.text_len = (uint32_t)w->path->len + 1;
	}
	memcpy(text + rq.text_len, name, name_len);
	rq.text_len += (uint32_t)name_len;
	return rq;
}

/* May its attributes be used? */
static long allowed(const struct whose *w, bool changes)
{
	struct vpath name;
	struct wire_attr attr;

	if (!rt.handoff.enforce)
		return 0;
	if (!w->is_open)
		return changes ? enforce_set_xattr(w->path, NULL) : enforce_use(w->path, WHO_R);
	name.len = w->vf->vn->path_len;
	name.must_be_dir = name.nofollow = false;
	memcpy(name.text, vnode_path(w->vf->vn), name.len + 1);
	vfile_attr(w->vf, w->fd, &attr);
	return changes ? enforce_set_xattr(&name, &attr) : enforce_attr(&name, &attr, WHO_R, false);
}

/* Is there such a file at all? */
static long exists(const struct whose *w)
{
	return w->is_open ? 0 : path_exists(w->path);
}

/* The name of the call, checked as the kernel does: 1 a user's, 0 another's, or an errno. */
static long read_name(uint64_t user, char name[NAME_BYTES])
{
	static const char prefix[] = "user.";
	long len = user_string(name, (const char *)user, NAME_BYTES);

	if (len == -EFAULT)
		return len;
	if (len <= 0)
		return -ERANGE;
	if (strncmp(name, prefix, sizeof(prefix) - 1) != 0)
		return 0;
	return name[sizeof(prefix) - 1] ? 1 : -EINVAL;
}

static bool is_systems(const char *name)
{
	return !strncmp(name, "security.", 9) || !strncmp(name, "system.", 7) ||
	       !strncmp(name, "trusted.", 8);
}

/* The value, or with an empty name all names, to the program. */
static long ask(struct thread *t, const struct whose *w, const char *name, uint64_t user,
		uint64_t room)
{
	char *text = (char *)t->iov, *answer = text + WIRE_PATH_MAX + NAME_BYTES;
	struct request rq = about(WIRE_GETXATTR, w, name, text);
	long ret;

	_Static_assert(sizeof(t->iov) >= 2 * WIRE_PATH_MAX + NAME_BYTES, "room for the answer");
	rq.answer = answer;
	ret = request_run(&rq);
	if (ret || !room)
		return ret ? ret : (long)rq.answer_len;
	if (rq.answer_len > room)
		return -ERANGE;
	return user_write((void *)user, answer, rq.answer_len) ? -EFAULT : (long)rq.answer_len;
}

static long get(struct sys_args *a, const struct whose *w)
{
	char name[NAME_BYTES];
	long ret = read_name(a->arg[1], name);

	if (ret == 1) {
		ret = allowed(w, false);
		return ret ? ret : ask(a->thread, w, name, a->arg[2], a->arg[3]);
	}
	if (ret)
		return ret;
	ret = exists(w);
	if (ret)
		return ret;
	return is_systems(name) ? -ENODATA : -EOPNOTSUPP;
}

static long list(struct sys_args *a, const struct whose *w)
{
	return ask(a->thread, w, "", a->arg[1], a->arg[2]);
}

/* setxattr and removexattr */
static long set(struct sys_args *a, const struct whose *w)
{
	bool removes = a->nr == __NR_removexattr || a->nr == __NR_lremovexattr ||
		       a->nr == __NR_fremovexattr;
	char *text = (char *)a->thread->iov, name[NAME_BYTES];
	uint64_t bytes = removes ? 0 : a->arg[3];
	struct request rq;
	long ret;

	if (!removes && a->arg[4] & ~(uint64_t)(XATTR_CREATE | XATTR_REPLACE))
		return -EINVAL;
	ret = read_name(a->arg[1], name);
	if (ret < 0)
		return ret;
	if (bytes > XATTR_SIZE_MAX)
		return -E2BIG;
	if (!ret) {
		ret = exists(w);
		return ret ? ret : -EOPNOTSUPP;
	}
	ret = allowed(w, true);
	if (ret)
		return ret;
	rq = about(WIRE_SETXATTR, w, name, text);
	if (removes) {
		rq.flags |= WIRE_XATTR_REMOVE;
		return request_run(&rq);
	}
	text[rq.text_len++] = '\0';
	if (bytes > VALUE_BYTES) {
		ret = exists(w);
		return ret ? ret : -ENOSPC;
	}
	if (user_read(text + rq.text_len, (void *)a->arg[2], bytes))
		return -EFAULT;
	rq.text_len += (uint32_t)bytes;
	rq.flags |= (unsigned)a->arg[4];
	return request_run(&rq);
}

typedef long act(struct sys_args *a, const struct whose *w);

static long by_name(struct sys_args *a, unsigned flags, act *does)
{
	int ret = path_is_cloud(a, PATH_NO_DIRFD, 0, 0, flags);

	if (ret <= 0)
		return ret ? ret : SYS_PASS_PATH;
	return does(a, &(struct whose){.path = &a->thread->path[0]});
}

static long by_fd(struct sys_args *a, act *does)
{
	int fd = (int)a->arg[0];
	struct vfile *vf;
	long ret = cloudfd_get(fd, &vf);

	if (ret <= 0)
		return ret ? ret : SYS_PASS;
	if (sys3(__NR_fcntl, fd, F_GETFL, 0) & O_PATH)
		ret = -EBADF;
	else
		ret = does(a, &(struct whose){.is_open = true, .vf = vf, .fd = fd});
	vfile_put(vf);
	return ret;
}

long sys_getxattr(struct sys_args *a)
{
	return by_name(a, 0, get);
}

long sys_lgetxattr(struct sys_args *a)
{
	return by_name(a, PATH_NOFOLLOW, get);
}

long sys_fgetxattr(struct sys_args *a)
{
	return by_fd(a, get);
}

long sys_listxattr(struct sys_args *a)
{
	return by_name(a, 0, list);
}

long sys_llistxattr(struct sys_args *a)
{
	return by_name(a, PATH_NOFOLLOW, list);
}

long sys_flistxattr(struct sys_args *a)
{
	return by_fd(a, list);
}

/* setxattr, removexattr */
long sys_setxattr(struct sys_args *a)
{
	return by_name(a, 0, set);
}

long sys_lsetxattr(struct sys_args *a)
{
	return by_name(a, PATH_NOFOLLOW, set);
}

/* fsetxattr, fremovexattr */
long sys_fsetxattr(struct sys_args *a)
{
	return by_fd(a, set);
}
