/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registered files: which of them are cloud files. Everything by which one gets among them goes
 * through here or is refused (uring_submit.c). A file that the kernel alone has put there, or taken
 * from there, was the kernel's.
 */
#include <errno.h>
#include <linux/fcntl.h>
#include <linux/mman.h>

#include "intercept/fdtab.h"
#include "intercept/uring.h"
#include "intercept/uring_abi.h"
#include "intercept/usercopy.h"

#define FILES_MAX (1u << 20) /* of one ring; the kernel has a limit by RLIMIT_NOFILE */

static long do_register(const struct uring *r, unsigned what, const void *arg, unsigned n)
{
	return sys4(__NR_io_uring_register, r->fd_now, what, arg, n);
}

static bool room(struct uring *r)
{
	long at;

	if (r->slots || !r->slot_count)
		return r->slots;
	at = sys6(__NR_mmap, 0, SYS_ARG(r->slot_count * sizeof(*r->slots)), PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!sys_failed(at))
		r->slots = (struct uring_slot *)at;
	return r->slots;
}

void uring_files_forget(struct uring *r)
{
	if (r->slots) {
		for (uint32_t i = 0; i < r->slot_count; i++)
			vfile_put(r->slots[i].vf);
		sys2(__NR_munmap, r->slots, r->slot_count * sizeof(*r->slots));
	}
	r->slots = NULL;
	r->slot_count = 0;
}

struct uring_slot *uring_slot(struct uring *r, uint32_t slot)
{
	return r->slots && slot < r->slot_count && r->slots[slot].vf ? &r->slots[slot] : NULL;
}

static bool is_cloud(int fd)
{
	struct vfile *vf = fd < 0 ? NULL : fdtab_get(fd);

	vfile_put(vf);
	return vf;
}

/* Slot i is, for the kernel, fd now. */
static void note(struct uring *r, uint32_t i, int fd)
{
	struct uring_slot is = {.fd = fd};

	if (fd >= 0)
		is.vf = fdtab_get_for(fd, &is.writer);
	if (is.vf)
		is.append = sys3(__NR_fcntl, fd, F_GETFL, 0) & O_APPEND;
	vfile_put(r->slots[i].vf);
	r->slots[i] = is;
}

/* 0 with *fd_out, -1 as well where there is none, or -EFAULT. */
static int fd_at(uint64_t user_fds, uint32_t i, int *fd_out)
{
	if (user_fds)
		return user_read(fd_out, (void *)(user_fds + i * sizeof(*fd_out)), sizeof(*fd_out));
	*fd_out = -1;
	return 0;
}

bool uring_files_matter(struct uring *r, uint32_t first, uint64_t user_fds, uint32_t count)
{
	int fd;

	for (uint32_t i = 0; i < count && !fd_at(user_fds, i, &fd); i++)
		if (uring_slot(r, first + i) || is_cloud(fd))
			return true;
	return false;
}

/* What the kernel has done with count descriptors. */
static void note_all(struct uring *r, uint32_t first, uint64_t user_fds, uint32_t count)
{
	int fd;

	for (uint32_t i = 0; i < count && !fd_at(user_fds, i, &fd); i++)
		if (r->slots && fd != IORING_REGISTER_FILES_SKIP && first + i < r->slot_count)
			note(r, first + i, fd);
}

static long refuse_files(struct uring *r, uint32_t first, uint64_t user_fds, uint32_t count)
{
	return uring_files_matter(r, first, user_fds, count) && !room(r) ? -ENOMEM : 0;
}

long uring_files_update(struct uring *r, uint32_t first, uint64_t user_fds, uint32_t count)
{
	struct io_uring_files_update u = {.offset = first, .fds = user_fds};
	long ret = refuse_files(r, first, user_fds, count);

	if (!ret)
		ret = do_register(r, IORING_REGISTER_FILES_UPDATE, &u, count);
	if (ret > 0)
		note_all(r, first, user_fds, (uint32_t)ret);
	return ret;
}

int uring_slot_set(struct uring *r, uint32_t slot, int fd)
{
	long ret = uring_files_update(r, slot, (uint64_t)&fd, 1);

	return ret == 1 ? 0 : ret < 0 ? (int)ret : -EBADF;
}

/* The first registration, of count files. */
static long register_all(struct uring *r, const struct sys_args *a, uint64_t user_fds,
			 uint32_t count)
{
	long ret;

	if (count > FILES_MAX)
		return -EMFILE;
	ret = do_register(r, (unsigned)a->arg[1], (void *)a->arg[2], (unsigned)a->arg[3]);
	if (ret < 0)
		return ret;
	uring_files_forget(r);
	r->slot_count = count;
	if (refuse_files(r, 0, user_fds, count)) {
		do_register(r, IORING_UNREGISTER_FILES, NULL, 0);
		return -ENOMEM;
	}
	note_all(r, 0, user_fds, count);
	return ret;
}

long uring_files_register(struct uring *r, const struct sys_args *a)
{
	struct io_uring_rsrc_register all;
	struct io_uring_rsrc_update2 some;
	struct io_uring_files_update u;
	const void *arg = (void *)a->arg[2];
	long ret;

	switch ((unsigned)a->arg[1]) {
	case IORING_REGISTER_FILES:
		return register_all(r, a, a->arg[2], (uint32_t)a->arg[3]);
	case IORING_REGISTER_FILES2:
		if (user_read(&all, arg, sizeof(all)))
			return -EFAULT;
		return register_all(r, a, all.data, all.nr);
	case IORING_REGISTER_FILES_UPDATE:
		if (user_read(&u, arg, sizeof(u)))
			return -EFAULT;
		return u.resv ? -EINVAL
			      : uring_files_update(r, u.offset, u.fds, (uint32_t)a->arg[3]);
	case IORING_REGISTER_FILES_UPDATE2:
		if (user_read(&some, arg, sizeof(some)))
			return -EFAULT;
		ret = refuse_files(r, some.offset, some.data, some.nr);
		if (!ret)
			ret = do_register(r, (unsigned)a->arg[1], arg, (unsigned)a->arg[3]);
		if (ret > 0)
			note_all(r, some.offset, some.data, (uint32_t)ret);
		return ret;
	default:
		ret = do_register(r, (unsigned)a->arg[1], arg, (unsigned)a->arg[3]);
		if (!ret)
			uring_files_forget(r);
		return ret;
	}
}
