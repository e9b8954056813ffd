/* SPDX-License-Identifier: Apache-2.0 */
/* See uring_chain.h. */
#include "intercept/uring_chain.h"

#include <errno.h>
#include <linux/fcntl.h>
#include <string.h>

#include "intercept/cloudfd.h"
#include "intercept/fdtab.h"
#include "intercept/mapped.h"
#include "intercept/notes.h"
#include "intercept/uring_abi.h"

#define NO_CALL (-1L)

/* How the kernel names a registered file in file_index: its number plus one. */
static bool is_direct(const struct io_uring_sqe *e)
{
	return e->file_index && (e->opcode == IORING_OP_OPENAT || e->opcode == IORING_OP_OPENAT2 ||
				 e->opcode == IORING_OP_CLOSE);
}

static uint32_t direct_slot(const struct io_uring_sqe *e)
{
	return e->file_index - 1;
}

static int *opened_at(struct chain *ch, uint32_t slot)
{
	for (unsigned i = ch->opened_count; i > 0; i--)
		if (ch->opened[i - 1].slot == slot)
			return &ch->opened[i - 1].fd;
	return NULL;
}

static bool slot_is_cloud(struct chain *ch, uint32_t slot)
{
	return opened_at(ch, slot) || uring_slot(ch->r, slot);
}

static bool fd_is_cloud(int fd)
{
	struct vfile *vf = fd < 0 ? NULL : fdtab_get(fd);

	vfile_put(vf);
	return vf;
}

static bool splices_cloud(struct chain *ch, const struct io_uring_sqe *e)
{
	bool in = e->splice_flags & SPLICE_F_FD_IN_FIXED
			  ? slot_is_cloud(ch, (uint32_t)e->splice_fd_in)
			  : fd_is_cloud(e->splice_fd_in);

	return in || (e->flags & IOSQE_FIXED_FILE ? slot_is_cloud(ch, (uint32_t)e->fd)
						  : fd_is_cloud(e->fd));
}

bool chain_is_ours(struct chain *ch, const struct io_uring_sqe *e, struct uring_call *call)
{
	call->nr = NO_CALL;
	switch (e->opcode) {
	case IORING_OP_FILES_UPDATE:
		return uring_files_matter(ch->r, (uint32_t)e->off, e->addr, e->len);
	case K_OP_FIXED_FD_INSTALL:
		return slot_is_cloud(ch, (uint32_t)e->fd);
	case IORING_OP_MSG_RING:
		return e->addr == IORING_MSG_SEND_FD && slot_is_cloud(ch, (uint32_t)e->addr3);
	case IORING_OP_SPLICE:
		return splices_cloud(ch, e);
	default:
		break;
	}
	if (!uring_translate(e, call)) {
		call->nr = NO_CALL;
		return false;
	}
	if (e->opcode == IORING_OP_CLOSE && e->file_index)
		return slot_is_cloud(ch, direct_slot(e));
	/* at once, if it may be: then it is known that the number is free */
	if (e->opcode == IORING_OP_CLOSE && ch->first + 1 == ch->end &&
	    !(e->flags & (IOSQE_FIXED_FILE | IOSQE_IO_DRAIN)) && !uring_is_fd(e->fd))
		return true;
	if (!(e->flags & IOSQE_FIXED_FILE))
		return uring_is_ours(ch->t, call);
	return call->on_file && slot_is_cloud(ch, (uint32_t)e->fd);
}

void chain_plan(struct chain *ch, const struct io_uring_sqe *e)
{
	if (!is_direct(e) || e->opcode == IORING_OP_CLOSE || ch->opened_count == CHAIN_FILES_MAX)
		return;
	ch->opened[ch->opened_count].slot = direct_slot(e);
	ch->opened[ch->opened_count++].fd = -1;
}

bool chain_is_nothing(const struct io_uring_sqe *e)
{
	return e->opcode == IORING_OP_NOP || e->opcode == IORING_OP_LINK_TIMEOUT;
}

bool chain_is_prompt(const struct io_uring_sqe *e, const struct uring_call *call)
{
	return call->nr != NO_CALL && !is_direct(e) &&
	       !(e->flags & (IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT | IOSQE_IO_DRAIN)) &&
	       uring_is_prompt(call);
}

bool chain_is_for_kernel(const struct io_uring_sqe *e)
{
	return e->flags & IOSQE_BUFFER_SELECT || e->opcode == K_OP_READ_MULTISHOT ||
	       e->opcode == IORING_OP_SPLICE || e->opcode == IORING_OP_READ_FIXED ||
	       e->opcode == K_OP_READV_FIXED;
}

static void drop_fd(int fd)
{
	fdtab_forget(fd);
	sys1(__NR_close, fd);
	fdtab_forget(fd);
}

void chain_close(struct chain *ch)
{
	for (unsigned i = 0; i < ch->opened_count; i++)
		if (ch->opened[i].fd >= 0)
			drop_fd(ch->opened[i].fd);
	ch->opened_count = 0;
}

/* Opens as the entry says, and registers what it gets. */
static long open_direct(struct chain *ch, const struct io_uring_sqe *e,
			const struct uring_call *call)
{
	struct uring_slot *slot;
	long fd;
	int *kept, ret;

	if (e->file_index == IORING_FILE_INDEX_ALLOC)
		return -EOPNOTSUPP;
	if (e->opcode == IORING_OP_OPENAT && e->open_flags & O_CLOEXEC)
		return -EINVAL;
	fd = uring_make_call(ch->t, call);
	if (fd < 0)
		return fd;
	ret = uring_slot_set(ch->r, direct_slot(e), (int)fd);
	slot = uring_slot(ch->r, direct_slot(e));
	if (slot)
		slot->fd = -1;
	kept = ret ? NULL : opened_at(ch, direct_slot(e));
	if (kept && *kept < 0)
		*kept = (int)fd;
	else
		drop_fd((int)fd);
	return ret;
}

static long close_direct(struct chain *ch, const struct io_uring_sqe *e)
{
	struct uring_slot *slot = uring_slot(ch->r, direct_slot(e));
	int *fd = opened_at(ch, direct_slot(e)), gone;
	struct uring_call call = {.nr = __NR_close, .on_file = true};
	long ret = 0;

	if (fd && *fd >= 0) {
		call.arg[0] = (uint64_t)*fd;
		*fd = -1;
		ret = uring_make_call(ch->t, &call);
	} else if (slot && slot->writer) {
		mapped_count(slot->vf);
		ret = notes_close(slot->vf);
	}
	gone = uring_slot_set(ch->r, direct_slot(e), -1);
	return gone ? gone : ret;
}

/* Another descriptor of the file in a slot, by its name, if that still has it. -1: there is none */
static int open_again(struct thread *t, const struct uring_slot *slot)
{
	unsigned flags = slot->writer ? O_RDWR : O_RDONLY;
	const struct vnode_shm *vn = slot->vf->vn;
	struct vpath *path = &t->path[0];
	struct request rq;
	struct vfile *vf;
	int fd = -1;

	memcpy(path->text, vnode_path(vn), vn->path_len + 1);
	path->len = vn->path_len;
	path->must_be_dir = false;
	if (cloudfd_ask(path, flags, 0, &rq))
		return -1;
	vf = vfile_map(rq.fd[1]);
	if (vf == slot->vf)
		fd = (int)cloudfd_install(&rq, flags | O_CLOEXEC);
	else
		request_close_fds(&rq);
	vfile_put(vf);
	return fd;
}

/* The number it was registered by, if that is still the same file. */
static int still_open(const struct uring_slot *slot)
{
	bool writer;
	struct vfile *vf = slot->fd < 0 ? NULL : fdtab_get_for(slot->fd, &writer);

	vfile_put(vf);
	return vf == slot->vf && writer == slot->writer ? slot->fd : -1;
}

static long on_slot(struct chain *ch, const struct io_uring_sqe *e, struct uring_call *call)
{
	struct uring_slot *slot = uring_slot(ch->r, (uint32_t)e->fd);
	const int *opened = opened_at(ch, (uint32_t)e->fd);
	int fd = opened ? *opened : -1, again = -1;
	long ret;

	if (fd < 0 && !slot)
		return -EBADF;
	if (fd < 0 && !slot->vf->vn)
		return -EIO;
	if (fd < 0 && (e->opcode == IORING_OP_FSYNC || e->opcode == IORING_OP_SYNC_FILE_RANGE)) {
		mapped_count(slot->vf);
		return notes_flush(slot->vf);
	}
	if (fd < 0)
		fd = still_open(slot);
	if (fd < 0 && !slot->append && e->off != UINT64_MAX &&
	    (!uring_reads(e) || ch->end - ch->first > 1))
		fd = again = open_again(ch->t, slot);
	if (fd < 0)
		return CHAIN_KEEP;
	call->arg[0] = (uint64_t)fd;
	ret = uring_make_call(ch->t, call);
	if (again >= 0)
		drop_fd(again);
	return ret;
}

long chain_execute(struct chain *ch, const struct io_uring_sqe *e, struct uring_call *call)
{
	switch (e->opcode) {
	case IORING_OP_FILES_UPDATE:
		return (uint32_t)e->off == IORING_FILE_INDEX_ALLOC
			       ? -EOPNOTSUPP
			       : uring_files_update(ch->r, (uint32_t)e->off, e->addr, e->len);
	case K_OP_FIXED_FD_INSTALL: /* numbers that nobody would know of */
	case IORING_OP_MSG_RING:
		return -EOPNOTSUPP;
	default:
		break;
	}
	if (e->opcode == IORING_OP_CLOSE && e->file_index)
		return close_direct(ch, e);
	if (is_direct(e))
		return open_direct(ch, e, call);
	return e->flags & IOSQE_FIXED_FILE ? on_slot(ch, e, call) : uring_make_call(ch->t, call);
}

/* The file of an entry, with a reference, if it is a cloud file. */
static bool take_file(struct chain *ch, int fd, bool fixed, struct uring_slot *out)
{
	const struct uring_slot *slot = fixed ? uring_slot(ch->r, (uint32_t)fd) : NULL;

	*out = (struct uring_slot){.vf = NULL};
	if (slot)
		*out = *slot;
	if (slot)
		vfile_ref(out->vf);
	else if (!fixed && fd >= 0)
		out->vf = fdtab_get_for(fd, &out->writer);
	if (out->vf && !fixed)
		out->append = sys3(__NR_fcntl, fd, F_GETFL, 0) & O_APPEND;
	return out->vf;
}

static long keep_transfer(struct chain *ch, const struct io_uring_sqe *e)
{
	struct uring_slot is;
	long ret;

	if (!take_file(ch, e->fd, e->flags & IOSQE_FIXED_FILE, &is))
		return -EBADF;
	ret = uring_keep(ch->t, is.vf, is.writer, is.append, e);
	vfile_put(is.vf);
	return ret;
}

/* As a read from the one file and a write to the other. */
static long keep_splice(struct chain *ch, const struct io_uring_sqe *e)
{
	struct io_uring_sqe half = {.opcode = IORING_OP_READ, .len = e->len};
	struct uring_slot is;
	long ret = 0;

	half.off = e->splice_off_in;
	if (take_file(ch, e->splice_fd_in, e->splice_flags & SPLICE_F_FD_IN_FIXED, &is))
		ret = uring_keep(ch->t, is.vf, is.writer, is.append, &half);
	vfile_put(is.vf);
	half.opcode = IORING_OP_WRITE;
	half.off = e->off;
	if (!ret && take_file(ch, e->fd, e->flags & IOSQE_FIXED_FILE, &is)) {
		ret = uring_keep(ch->t, is.vf, is.writer, is.append, &half);
		vfile_put(is.vf);
	}
	return ret;
}

long chain_keep(struct chain *ch, const struct io_uring_sqe *e)
{
	if (uring_reads(e) || uring_writes(e))
		return keep_transfer(ch, e);
	if (e->opcode == IORING_OP_SPLICE)
		return keep_splice(ch, e);
	if (e->opcode == IORING_OP_FADVISE)
		return CHAIN_DONE;
	/* of a close: the daemon publishes what nobody has open any more */
	return e->opcode == IORING_OP_CLOSE && !e->file_index ? 0 : -EOPNOTSUPP;
}
