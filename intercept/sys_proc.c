/* SPDX-License-Identifier: Apache-2.0 */
/* Links that would show the runtime or the cache: /proc/self/exe, cwd and fd/N; links in the
 * clouds. */
#include <asm/stat.h>
#include <errno.h>
#include <linux/stat.h>
#include <string.h>

#include "intercept/cloudfd.h"
#include "intercept/exename.h"
#include "intercept/handlers.h"
#include "intercept/path.h"
#include "intercept/procmaps.h"
#include "intercept/request.h"
#include "intercept/usercopy.h"
#include "intercept/vname.h"

static long put_link(const char *text, size_t len, uint64_t user, uint64_t room)
{
	if ((int64_t)room <= 0)
		return -EINVAL;
	if (len > room)
		len = room;
	return user_write((void *)user, text, len) ? -EFAULT : (long)len;
}

/* The link /proc/self/what. SYS_PASS when the kernel's answer is right. */
static long own_link(struct thread *t, const char *what, uint64_t user, uint64_t room)
{
	char *out = (char *)t->iov;
	struct vfile *vf;
	size_t len = 0;

	if (!strcmp(what, "exe"))
		return put_link(exename(), strlen(exename()), user, room);
	if (!strcmp(what, "cwd")) {
		lock_take(&t->proc->lock);
		if (t->proc->cwd_virtual)
			len = dir_absolute(t->proc->cwd, out);
		lock_drop(&t->proc->lock);
	} else if (!strncmp(what, "fd/", 3) && cloudfd_get(path_number(what + 3), &vf) == 1) {
		len = vname_shown(vf, out) + 1;
		vfile_put(vf);
	}
	return len ? put_link(out, len - 1, user, room) : SYS_PASS;
}

/* A descriptor of another process, /proc/PID/fd/N, that is a cloud file's: its name. */
static long others_link(const char *name, char *out, uint64_t user, uint64_t room)
{
	static const char folder[] = "/proc/";
	const char *fd = strrchr(name, '/');
	struct vfile *vf;
	struct stat st;
	size_t len = 0;

	if (strncmp(name, folder, sizeof(folder) - 1) != 0 || !fd || fd - name < 4 ||
	    memcmp(fd - 3, "/fd", 3) != 0 || sys2(__NR_stat, name, &st) || !S_ISREG(st.st_mode) ||
	    (st.st_mode & 07777) != VNODE_DATA_MODE)
		return SYS_PASS;
	vf = vfile_find(st.st_dev, st.st_ino);
	if (!vf)
		vf = vfile_identify(st.st_dev, st.st_ino);
	if (vf && vf->vn)
		len = vname_shown(vf, out) + 1;
	vfile_put(vf);
	return len ? put_link(out, len - 1, user, room) : SYS_PASS;
}

/* What the link in the clouds says. */
static long cloud_link(struct thread *t, const struct vpath *path, uint64_t user, uint64_t room)
{
	struct request rq = {
		.op = WIRE_READLINK,
		.text = path->text,
		.text_len = (uint32_t)path->len,
		.flags = path_flags(path),
		.answer = (char *)t->iov,
	};
	struct wire_attr attr;
	int ret;

	if ((int64_t)room <= 0)
		return -EINVAL;
	if (path->must_be_dir) { /* what has a slash behind it is followed */
		ret = path_stat(path, &attr);
		return ret ? ret : -EINVAL;
	}
	ret = request_run(&rq);
	return ret ? ret : put_link(rq.answer, strlen(rq.answer), user, room);
}

/* readlinkat(fd, ""): fd may be a link that was opened with O_PATH and O_NOFOLLOW. */
static long link_of_fd(struct sys_args *a, int dirfd_arg, int path_arg)
{
	struct vpath *path = &a->thread->path[0];
	struct vfile *vf;
	long ret = (int)a->arg[dirfd_arg] < 0 ? 0 : cloudfd_get((int)a->arg[dirfd_arg], &vf);

	if (ret <= 0)
		return ret ? ret : SYS_PASS;
	memcpy(path->text, vnode_path(vf->vn), vf->vn->path_len + 1);
	path->len = vf->vn->path_len;
	path->must_be_dir = false;
	path->nofollow = true;
	ret = S_ISLNK(vf->vn->attr.mode)
		      ? cloud_link(a->thread, path, a->arg[path_arg + 1], a->arg[path_arg + 2])
		      : -ENOENT;
	vfile_put(vf);
	return ret;
}

static long readlink_at(struct sys_args *a, int dirfd_arg, int path_arg)
{
	struct thread *t = a->thread;
	const char *self;
	size_t len;
	int ret = path_is_cloud(a, dirfd_arg, path_arg, 0, PATH_NOFOLLOW);

	if (ret < 0)
		return ret;
	if (ret)
		return cloud_link(t, &t->path[0], a->arg[path_arg + 1], a->arg[path_arg + 2]);
	if (!t->name[0] && dirfd_arg != PATH_NO_DIRFD)
		return link_of_fd(a, dirfd_arg, path_arg);
	self = path_proc_self(t->name);
	if (self) {
		ret = (int)own_link(t, self, a->arg[path_arg + 1], a->arg[path_arg + 2]);
	} else {
		len = procmaps_exe(t->name, (char *)t->iov);
		ret = len ? (int)put_link((char *)t->iov, len, a->arg[path_arg + 1],
					  a->arg[path_arg + 2])
			  : (int)others_link(t->name, (char *)t->iov, a->arg[path_arg + 1],
					     a->arg[path_arg + 2]);
	}
	return ret == SYS_PASS ? SYS_PASS_PATH : ret;
}

long sys_readlink(struct sys_args *a)
{
	return readlink_at(a, PATH_NO_DIRFD, 0);
}

long sys_readlinkat(struct sys_args *a)
{
	return readlink_at(a, 0, 1);
}
