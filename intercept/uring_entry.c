/* SPDX-License-Identifier: Apache-2.0 */
/* See uring_entry.h. */
#include "intercept/uring_entry.h"

#include <asm/stat.h>
#include <errno.h>
#include <linux/fcntl.h>
#include <linux/stat.h>
#include <string.h>

#include "intercept/cloudfd.h"
#include "intercept/fdtab.h"
#include "intercept/path.h"
#include "intercept/procmaps.h"
#include "intercept/uring_abi.h"

/* entry, call: arguments of calls on a file */
static void on_file(struct uring_call *c, long nr, uint64_t fd, uint64_t b, uint64_t d, uint64_t e,
		    uint64_t f)
{
	*c = (struct uring_call){.nr = nr, .arg = {(uint64_t)(int)fd, b, d, e, f}, .on_file = true};
}

static void by_name(struct uring_call *c, long nr, uint64_t dir, uint64_t name, uint64_t d,
		    uint64_t e)
{
	*c = (struct uring_call){
		.nr = nr, .arg = {(uint64_t)(int)dir, name, d, e}, .names = 1, .name = {1}};
}

static void transfer(const struct io_uring_sqe *e, struct uring_call *c, bool vector, bool writes)
{
	const bool current = e->off == UINT64_MAX;
	long nr;

	if (e->rw_flags) {
		uint64_t at = e->addr, n = e->len;

		on_file(c, writes ? __NR_pwritev2 : __NR_preadv2, (uint64_t)e->fd, 0, 0, e->off, 0);
		if (!vector) {
			c->one = (struct kiov){e->addr, e->len};
			at = (uint64_t)&c->one;
			n = 1;
		}
		c->arg[1] = at;
		c->arg[2] = n;
		c->arg[5] = (uint32_t)e->rw_flags;
	} else {
		if (vector && current)
			nr = writes ? __NR_writev : __NR_readv;
		else if (vector)
			nr = writes ? __NR_pwritev : __NR_preadv;
		else if (current)
			nr = writes ? __NR_write : __NR_read;
		else
			nr = writes ? __NR_pwrite64 : __NR_pread64;
		on_file(c, nr, (uint64_t)e->fd, e->addr, e->len, current ? 0 : e->off, 0);
	}
	c->transfers = true;
}

bool uring_reads(const struct io_uring_sqe *e)
{
	return e->opcode == IORING_OP_READ || e->opcode == IORING_OP_READV ||
	       e->opcode == IORING_OP_READ_FIXED || e->opcode == K_OP_READV_FIXED ||
	       e->opcode == K_OP_READ_MULTISHOT;
}

bool uring_writes(const struct io_uring_sqe *e)
{
	return e->opcode == IORING_OP_WRITE || e->opcode == IORING_OP_WRITEV ||
	       e->opcode == IORING_OP_WRITE_FIXED || e->opcode == K_OP_WRITEV_FIXED;
}

static bool has_vector(const struct io_uring_sqe *e)
{
	return e->opcode == IORING_OP_READV || e->opcode == IORING_OP_WRITEV ||
	       e->opcode == K_OP_READV_FIXED || e->opcode == K_OP_WRITEV_FIXED;
}

uint64_t uring_transfer_bytes(struct thread *t, const struct io_uring_sqe *e)
{
	long n;

	if (e->flags & IOSQE_BUFFER_SELECT || e->opcode == K_OP_READ_MULTISHOT)
		return UINT64_MAX;
	if (!has_vector(e))
		return e->len;
	n = iov_read(t, e->addr, e->len);
	return n < 0 ? 0 : (uint64_t)n; /* the kernel finds what is wrong, too */
}

static bool translate_file(const struct io_uring_sqe *e, struct uring_call *c)
{
	const uint64_t fd = (uint64_t)e->fd;

	switch (e->opcode) {
	case IORING_OP_FSYNC:
		if (e->fsync_flags & ~IORING_FSYNC_DATASYNC)
			return false;
		on_file(c, e->fsync_flags ? __NR_fdatasync : __NR_fsync, fd, 0, 0, 0, 0);
		return true;
	case IORING_OP_SYNC_FILE_RANGE:
		on_file(c, __NR_sync_file_range, fd, e->off, e->len, e->sync_range_flags, 0);
		return true;
	case IORING_OP_FALLOCATE:
		on_file(c, __NR_fallocate, fd, e->len, e->off, e->addr, 0);
		return true;
	case K_OP_FTRUNCATE:
		on_file(c, __NR_ftruncate, fd, e->off, 0, 0, 0);
		return true;
	case IORING_OP_FADVISE:
		on_file(c, __NR_fadvise64, fd, e->off, e->addr ? e->addr : e->len,
			e->fadvise_advice, 0);
		return true;
	case IORING_OP_CLOSE:
		on_file(c, __NR_close, fd, 0, 0, 0, 0);
		return true;
	case IORING_OP_FSETXATTR:
		on_file(c, __NR_fsetxattr, fd, e->addr, e->addr2, e->len, e->xattr_flags);
		return true;
	case IORING_OP_FGETXATTR:
		on_file(c, __NR_fgetxattr, fd, e->addr, e->addr2, e->len, 0);
		return true;
	default:
		if (!uring_reads(e) && !uring_writes(e))
			return false;
		transfer(e, c, has_vector(e), uring_writes(e));
		return true;
	}
}

static void two_names(struct uring_call *c, const struct io_uring_sqe *e, long nr, uint32_t flags)
{
	by_name(c, nr, (uint64_t)e->fd, e->addr, (uint64_t)(int)e->len, e->addr2);
	c->arg[4] = flags;
	c->names = 2;
	c->name[1] = 3;
	c->nofollow = true;
}

static void xattr(struct uring_call *c, const struct io_uring_sqe *e, long nr)
{
	*c = (struct uring_call){.nr = nr, .arg = {e->addr3, e->addr, e->addr2, e->len}};
	if (nr == __NR_setxattr)
		c->arg[4] = e->xattr_flags;
	c->names = 1;
	c->name[0] = 0;
}

bool uring_translate(const struct io_uring_sqe *e, struct uring_call *c)
{
	const uint64_t dir = (uint64_t)e->fd;

	switch (e->opcode) {
	case IORING_OP_OPENAT:
		by_name(c, __NR_openat, dir, e->addr, e->open_flags, e->len);
		c->nofollow = e->open_flags & O_NOFOLLOW;
		return true;
	case IORING_OP_OPENAT2:
		by_name(c, __NR_openat2, dir, e->addr, e->addr2, e->len);
		return true;
	case IORING_OP_STATX:
		by_name(c, __NR_statx, dir, e->addr, e->statx_flags, e->len);
		c->arg[4] = e->addr2;
		c->nofollow = e->statx_flags & AT_SYMLINK_NOFOLLOW;
		return true;
	case IORING_OP_UNLINKAT:
		by_name(c, __NR_unlinkat, dir, e->addr, e->unlink_flags, 0);
		c->nofollow = true;
		return true;
	case IORING_OP_MKDIRAT:
		by_name(c, __NR_mkdirat, dir, e->addr, e->len, 0);
		c->nofollow = true;
		return true;
	case IORING_OP_SYMLINKAT:
		*c = (struct uring_call){.nr = __NR_symlinkat,
					 .arg = {e->addr, (uint64_t)e->fd, e->addr2},
					 .names = 1,
					 .name = {2},
					 .nofollow = true};
		return true;
	case IORING_OP_RENAMEAT:
		two_names(c, e, __NR_renameat2, e->rename_flags);
		return true;
	case IORING_OP_LINKAT:
		two_names(c, e, __NR_linkat, e->hardlink_flags);
		return true;
	case IORING_OP_SETXATTR:
		xattr(c, e, __NR_setxattr);
		return true;
	case IORING_OP_GETXATTR:
		xattr(c, e, __NR_getxattr);
		return true;
	default:
		return translate_file(e, c);
	}
}

static struct sys_args args_of(struct thread *t, const struct uring_call *c, struct kregs *regs)
{
	struct sys_args a = {.thread = t, .regs = regs, .nr = c->nr};

	memcpy(a.arg, c->arg, sizeof(a.arg));
	*regs = (struct kregs){.di = c->arg[0],
			       .si = c->arg[1],
			       .dx = c->arg[2],
			       .r10 = c->arg[3],
			       .r8 = c->arg[4],
			       .r9 = c->arg[5],
			       .ax = (uint64_t)c->nr};
	return a;
}

static long by_kernel(const struct sys_args *a)
{
	return sys6(a->nr, SYS_ARG(a->arg[0]), SYS_ARG(a->arg[1]), SYS_ARG(a->arg[2]),
		    SYS_ARG(a->arg[3]), SYS_ARG(a->arg[4]), SYS_ARG(a->arg[5]));
}

/* A file's limit is a signal to who calls; of a ring it is one to a thread of the kernel's. */
static long without_signal(struct thread *t, struct sys_args *a)
{
	uint64_t set = SIGBIT(K_SIGXFSZ), old = 0;
	int64_t at_once[2] = {0};
	long ret;

	if (a->nr != __NR_fallocate && a->nr != __NR_ftruncate)
		return dispatch_follow(a);
	sys4(__NR_rt_sigprocmask, K_SIG_BLOCK, &set, &old, 8);
	ret = dispatch_follow(a);
	if (old & set)
		return ret;
	if (ret == -EFBIG)
		sys4(__NR_rt_sigtimedwait, &set, 0, at_once, 8);
	if (t->deferred) /* one was put off meanwhile: this is what comes back */
		t->deferred_mask &= ~set;
	else
		sys4(__NR_rt_sigprocmask, K_SIG_UNBLOCK, &set, 0, 8);
	return ret;
}

long uring_make_call(struct thread *t, const struct uring_call *c)
{
	struct kregs regs;
	struct sys_args a = args_of(t, c, &regs);
	long ret = without_signal(t, &a), how = ret;

	if (ret > SYS_PASS || ret < SYS_PASS_LAST)
		return ret;
	ret = by_kernel(&a);
	if (how == SYS_PASS_AFTER)
		dispatch_answered(t, c->nr, &regs, ret);
	if (how != SYS_PASS_PATH || ret != -ENOENT)
		return ret;
	a = args_of(t, c, &regs);
	t->retry = RETRY_LINK;
	ret = dispatch_follow(&a);
	t->retry = RETRY_NO;
	if (ret > SYS_PASS || ret < SYS_PASS_LAST)
		return ret;
	return a.replaced ? by_kernel(&a) : -ENOENT; /* a link back out of the clouds */
}

static bool is_cloud(int fd)
{
	struct vfile *vf = fd < 0 ? NULL : fdtab_get(fd);

	vfile_put(vf);
	return vf;
}

/* What the runtime has to say about the name that stands in t->name. */
static bool is_special(const char *name)
{
	const char *self = path_proc_self(name);

	if (self && (procmaps_shown_by(self) || !strcmp(self, "mem")))
		return true;
	return is_cloud(path_named_fd(name));
}

/* A name that the kernel does not find may be that of a link into the clouds. */
static bool links_to_cloud(struct thread *t, struct sys_args *a, int dirfd_arg, int arg,
			   unsigned flags)
{
	struct stat st;
	int dirfd = dirfd_arg < 0 ? AT_FDCWD : (int)a->arg[dirfd_arg], ret;

	if (sys4(__NR_newfstatat, dirfd, a->arg[arg], &st, flags ? AT_SYMLINK_NOFOLLOW : 0) !=
	    -ENOENT)
		return false;
	t->retry = RETRY_LINK;
	ret = path_is_cloud(a, dirfd_arg, arg, 0, flags);
	t->retry = RETRY_NO;
	return ret != 0;
}

static bool name_is_ours(struct thread *t, const struct uring_call *c, unsigned i)
{
	const int arg = (int)c->name[i], dirfd_arg = arg ? arg - 1 : PATH_NO_DIRFD;
	const unsigned flags = c->nofollow ? PATH_NOFOLLOW : 0;
	struct kregs regs;
	struct sys_args a = args_of(t, c, &regs);

	if (path_is_cloud(&a, dirfd_arg, arg, 0, flags) || a.replaced)
		return true;
	if (!t->name[0])
		return dirfd_arg >= 0 && is_cloud((int)a.arg[dirfd_arg]);
	return is_special(t->name) || links_to_cloud(t, &a, dirfd_arg, arg, flags);
}

bool uring_is_ours(struct thread *t, const struct uring_call *c)
{
	if (c->on_file)
		return is_cloud((int)c->arg[0]);
	for (unsigned i = 0; i < c->names; i++)
		if (name_is_ours(t, c, i))
			return true;
	return false;
}

bool uring_is_prompt(const struct uring_call *c)
{
	struct stat st;

	if (c->nr == __NR_openat || c->nr == __NR_openat2) /* a pipe's name waits for others */
		return sys4(__NR_newfstatat, c->arg[0], c->arg[1], &st, 0) || S_ISREG(st.st_mode) ||
		       S_ISDIR(st.st_mode);
	if (!c->on_file)
		return true;
	return !sys2(__NR_fstat, (int)c->arg[0], &st) &&
	       (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode));
}
