/* SPDX-License-Identifier: Apache-2.0 */
/* Directories: getdents, the virtual working directory. */
#include <errno.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/stat.h>
#include <string.h>

#include "intercept/cloudfd.h"
#include "intercept/enforce.h"
#include "intercept/handlers.h"
#include "intercept/path.h"
#include "intercept/usercopy.h"

#define RECORDS_BYTES 16384u /* of the listing, read at a time */
#define DT_SHIFT      12     /* a mode's file type is its d_type, shifted */

/* The head of struct linux_dirent64 and of the older struct linux_dirent: its name follows. */
struct dirent64_head {
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
} __attribute__((packed));

struct dirent_head {
	uint64_t ino;
	uint64_t off;
	uint16_t reclen;
} __attribute__((packed));

struct dir_reader {
	bool wide; /* getdents64 */
	char *user;
	uint64_t room;
	uint64_t used;
};

/* Writes one entry to the program. 1, 0 when it does not fit, or -EFAULT. next: position behind it.
 */
static int emit(struct dir_reader *r, const struct vnode_dirent *d, uint64_t next)
{
	struct {
		union {
			struct dirent64_head wide;
			struct dirent_head old;
		} head;
		char name[256 + 8];
	} __attribute__((packed)) out;
	size_t head = r->wide ? sizeof(out.head.wide) : sizeof(out.head.old);
	size_t bytes = (head + d->name_len + 1u + !r->wide + 7) & ~(size_t)7;
	char *at = (char *)&out;

	if (r->used + bytes > r->room)
		return 0;
	memset(&out, 0, sizeof(out));
	if (r->wide)
		out.head.wide = (struct dirent64_head){d->ino, (int64_t)next, (uint16_t)bytes,
						       (uint8_t)(d->mode >> DT_SHIFT)};
	else
		out.head.old = (struct dirent_head){d->ino, next, (uint16_t)bytes};
	memcpy(at + head, d->name, d->name_len);
	if (!r->wide)
		at[bytes - 1] = (char)(d->mode >> DT_SHIFT);
	if (user_write(r->user + r->used, &out, bytes))
		return -EFAULT;
	r->used += bytes;
	return 1;
}

/* Emits the whole records in buf (n bytes, from position *pos on). 1 to go on, 0 when full,
 * -EFAULT. */
static int emit_records(struct dir_reader *r, const char *buf, uint64_t n, uint64_t *pos)
{
	uint64_t at = 0;
	int ret = 1;

	while (ret == 1 && at + sizeof(struct vnode_dirent) <= n) {
		const struct vnode_dirent *d = (const void *)(buf + at);

		if (d->reclen < sizeof(*d) || d->name_len > 255)
			return -EIO;
		if (at + d->reclen > n)
			break;
		ret = emit(r, d, *pos + d->reclen);
		if (ret == 1) {
			at += d->reclen;
			*pos += d->reclen;
		}
	}
	return at || ret != 1 ? ret : -EIO;
}

/* Bytes of finished records at pos, after asking for more if need be. 0 at the end. */
static long available(struct vfile *vf, uint64_t pos)
{
	uint64_t end = __atomic_load_n(&vf->vn->list_bytes, __ATOMIC_ACQUIRE);
	int ret;

	if (pos >= end && !(__atomic_load_n(&vf->vn->flags, __ATOMIC_ACQUIRE) & VNODE_COMPLETE)) {
		ret = vfile_ensure(vf, pos, 1, 0);
		if (ret)
			return ret;
	}
	/* the last page sets the length before the flag */
	end = __atomic_load_n(&vf->vn->list_bytes, __ATOMIC_ACQUIRE);
	return pos < end ? (long)(end - pos) : 0;
}

static long read_entries(struct vfile *vf, int fd, struct dir_reader *r)
{
	char buf[RECORDS_BYTES] __attribute__((aligned(8)));
	long start = sys3(__NR_lseek, fd, 0, SEEK_CUR);
	uint64_t pos = (uint64_t)start;
	int more = 1;

	if (start < 0)
		return start;
	while (more == 1) {
		long n = available(vf, pos);

		if (n <= 0) {
			more = (int)n;
			break;
		}
		if (n > (long)sizeof(buf))
			n = sizeof(buf);
		n = sys4(__NR_pread64, fd, buf, n, pos);
		more = n <= 0 ? -EIO : emit_records(r, buf, (uint64_t)n, &pos);
	}
	if (!r->used)
		return more == 0 && available(vf, pos) > 0 ? -EINVAL : more;
	sys3(__NR_lseek, fd, pos, SEEK_SET);
	return (long)r->used;
}

static long getdents(struct sys_args *a, bool wide)
{
	struct dir_reader r = {
		.wide = wide, .user = (char *)a->arg[1], .room = (unsigned)a->arg[2]};
	struct vfile *vf;
	long ret = cloudfd_get((int)a->arg[0], &vf);

	if (ret <= 0)
		return ret ? ret : SYS_PASS;
	ret = vf->vn->kind == VNODE_DIR ? read_entries(vf, (int)a->arg[0], &r) : -ENOTDIR;
	vfile_put(vf);
	return ret;
}

long sys_getdents64(struct sys_args *a)
{
	return getdents(a, true);
}

long sys_getdents(struct sys_args *a)
{
	return getdents(a, false);
}

static void enter_virtual(struct proc *p, const char *path)
{
	lock_take(&p->lock);
	memcpy(p->cwd, path, strlen(path) + 1);
	p->cwd_virtual = true;
	lock_drop(&p->lock);
}

static long leave_virtual(struct proc *p, long ret)
{
	if (!ret) {
		lock_take(&p->lock);
		p->cwd_virtual = false;
		lock_drop(&p->lock);
	}
	return ret;
}

/* A local chdir is made here, not in a gate: the note that the virtual directory was left must not
 * come apart from it. */
long sys_chdir(struct sys_args *a)
{
	struct thread *t = a->thread;
	struct wire_attr attr;
	int ret = path_is_cloud(a, PATH_NO_DIRFD, 0, 0, 0);

	if (ret < 0)
		return ret;
	if (!ret) {
		if (!t->proc->cwd_virtual)
			return SYS_PASS_PATH;
		return leave_virtual(t->proc, sys1(__NR_chdir, a->arg[0]));
	}
	ret = path_stat(&t->path[0], &attr);
	if (ret)
		return ret;
	if (!S_ISDIR(attr.mode))
		return -ENOTDIR;
	ret = enforce_use(&t->path[0], WHO_X);
	if (ret)
		return ret;
	enter_virtual(t->proc, t->path[0].text);
	return 0;
}

/* What vf is called. */
static const struct vpath *path_of(struct thread *t, const struct vfile *vf)
{
	struct vpath *path = &t->path[0];

	*path = (struct vpath){.len = vf->vn->path_len};
	memcpy(path->text, vnode_path(vf->vn), path->len + 1);
	return path;
}

long sys_fchdir(struct sys_args *a)
{
	struct thread *t = a->thread;
	struct vfile *vf;
	long ret = cloudfd_get((int)a->arg[0], &vf);

	if (ret < 0)
		return ret;
	if (!ret)
		return leave_virtual(t->proc, sys1(__NR_fchdir, a->arg[0]));
	ret = vf->vn->kind == VNODE_DIR ? enforce_use(path_of(t, vf), WHO_X) : -ENOTDIR;
	if (!ret)
		enter_virtual(t->proc, vnode_path(vf->vn));
	vfile_put(vf);
	return ret;
}

/* ROOT/path with its NUL at out (room for both). Its length with NUL. */
size_t dir_absolute(const char *path, char *out)
{
	size_t root = strlen(rt.handoff.root), len = strlen(path);

	memcpy(out, rt.handoff.root, root);
	if (len)
		out[root++] = '/';
	memcpy(out + root, path, len + 1);
	return root + len + 1;
}

long sys_getcwd(struct sys_args *a)
{
	struct thread *t = a->thread;
	char *out = (char *)t->iov;
	size_t len = 0;

	lock_take(&t->proc->lock);
	if (t->proc->cwd_virtual)
		len = dir_absolute(t->proc->cwd, out);
	lock_drop(&t->proc->lock);
	if (!len)
		return SYS_PASS;
	if (len > a->arg[1])
		return -ERANGE;
	return user_write((void *)a->arg[0], out, len) ? -EFAULT : (long)len;
}
