/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the program's entries to the kernel's. What is about a cloud file is carried out here, in
 * the order of the entries, and its entry becomes one that has that result. In a chain of linked
 * entries that goes for what stands before it, too, unless that may wait for somebody else (a
 * socket, a timeout): then a cloud file's reads and writes are left to the kernel (uring_keep.c),
 * and what cannot be is answered EOPNOTSUPP.
 */
#include <errno.h>
#include <string.h>

#include "intercept/fdtab.h"
#include "intercept/uring_abi.h"
#include "intercept/uring_chain.h"

#define LINKS	      (IOSQE_IO_LINK | IOSQE_IO_HARDLINK)
#define ANSWERS_FLAGS (LINKS | IOSQE_IO_DRAIN | IOSQE_CQE_SKIP_SUCCESS)

/* The place of entry seq, or -1: one that the kernel drops. */
static long index_of(const struct uring *r, uint32_t seq)
{
	uint32_t i = seq & (r->entries - 1);

	if (r->array)
		i = __atomic_load_n(&r->array[i], __ATOMIC_RELAXED);
	return i < r->entries ? (long)i : -1;
}

/* What a call of memcpy costs is more than this. */
static void copy_entry(struct io_uring_sqe *to, const struct io_uring_sqe *from)
{
	const volatile uint64_t *f = (const volatile uint64_t *)from;
	volatile uint64_t *t = (volatile uint64_t *)to;

	for (size_t i = 0; i < sizeof(*to) / sizeof(*f); i++)
		t[i] = f[i];
}

static bool entry_at(const struct uring *r, uint32_t seq, struct io_uring_sqe *e)
{
	long i = index_of(r, seq);

	if (i < 0)
		return false;
	if (r->programs_own)
		return !user_read(e, r->programs + ((size_t)i << r->entry_shift), sizeof(*e));
	copy_entry(e, (const void *)(r->programs + ((size_t)i << r->entry_shift)));
	return true;
}

static struct io_uring_sqe *kernels_at(const struct uring *r, uint32_t seq)
{
	return (struct io_uring_sqe *)(r->kernels + ((size_t)index_of(r, seq) << r->entry_shift));
}

static void as_it_is(const struct chain *ch, uint32_t seq, const struct io_uring_sqe *e)
{
	const struct uring *r = ch->r;
	size_t bytes = (size_t)1 << r->entry_shift, head = sizeof(*e);
	char *to = (char *)kernels_at(r, seq);

	copy_entry((struct io_uring_sqe *)to, e);
	uring_expect(ch->r, e);
	if (e->opcode == IORING_OP_CLOSE && !e->file_index)
		fdtab_unsure(e->fd);
	if (bytes > head &&
	    user_read(to + head, r->programs + ((size_t)index_of(r, seq) << r->entry_shift) + head,
		      bytes - head))
		memset(to + head, 0, bytes - head);
}

/* Was less done than was asked for? That breaks a chain. */
static bool failed(struct chain *ch, const struct io_uring_sqe *e, long result)
{
	if (result < 0)
		return true;
	return (uring_reads(e) || uring_writes(e)) &&
	       (uint64_t)result != uring_transfer_bytes(ch->t, e);
}

static void answer(struct chain *ch, uint32_t seq, const struct io_uring_sqe *e, long result)
{
	struct io_uring_sqe *to = kernels_at(ch->r, seq);
	bool told = result && !(result > 0 && e->flags & IOSQE_CQE_SKIP_SUCCESS);

	memset(to, 0, (size_t)1 << ch->r->entry_shift);
	ch->r->expected += told || !(e->flags & IOSQE_CQE_SKIP_SUCCESS);
	to->opcode = IORING_OP_NOP;
	to->flags = e->flags & ANSWERS_FLAGS;
	to->user_data = e->user_data;
	if (told && ch->r->answer == URING_ANSWER_NOP) {
		to->rw_flags = K_NOP_INJECT_RESULT;
		to->len = (uint32_t)result;
	} else if (told) {
		to->opcode = IORING_OP_MSG_RING;
		to->flags |= IOSQE_CQE_SKIP_SUCCESS;
		to->fd = ch->r->fd_now;
		to->off = e->user_data;
		to->len = (uint32_t)result;
	}
	if (e->flags & IOSQE_IO_LINK && !(e->flags & IOSQE_IO_HARDLINK) && failed(ch, e, result))
		ch->severed = true;
}

/* e is ours, but must wait for what the kernel does before, or has buffers that only it knows. */
static void keep(struct chain *ch, uint32_t seq, const struct io_uring_sqe *e)
{
	long ret = chain_keep(ch, e);

	if (ret) {
		answer(ch, seq, e, ret == CHAIN_DONE ? 0 : ret);
		return;
	}
	as_it_is(ch, seq, e);
	if ((int32_t)(ch->behind - (seq + 1)) > 0)
		ch->behind = seq + 1;
}

static void handle(struct chain *ch, uint32_t seq, const struct io_uring_sqe *e)
{
	struct uring_call call = {.nr = -1};
	bool behind = (int32_t)(seq - ch->behind) >= 0;
	bool ours = (int32_t)(seq - ch->ours_end) < 0 && chain_is_ours(ch, e, &call);
	long ret;

	if (ch->severed) {
		answer(ch, seq, e, -ECANCELED);
	} else if (ours && (behind || ch->unsettled || chain_is_for_kernel(e))) {
		keep(ch, seq, e);
	} else if (ours) {
		ret = chain_execute(ch, e, &call);
		if (ret == CHAIN_KEEP)
			keep(ch, seq, e);
		else
			answer(ch, seq, e, ret);
	} else if ((int32_t)(seq + 1 - ch->ours_end) < 0 && !behind && chain_is_prompt(e, &call)) {
		answer(ch, seq, e, uring_make_call(ch->t, &call));
	} else {
		as_it_is(ch, seq, e);
	}
}

/* Is it to wait for all that was submitted before it, though not by the kernel? */
static bool must_settle(struct chain *ch)
{
	struct io_uring_sqe e;
	struct uring_call call;
	bool drains = false, ours = false;

	for (uint32_t seq = ch->first; seq != ch->end; seq++)
		drains |= entry_at(ch->r, seq, &e) && e.flags & IOSQE_IO_DRAIN;
	for (uint32_t seq = ch->first; drains && !ours && seq != ch->end; seq++)
		ours = entry_at(ch->r, seq, &e) && chain_is_ours(ch, &e, &call);
	return drains && ours;
}

/* Where the last entry is that is ours, and the first that the rest has to wait for. */
static void survey(struct chain *ch)
{
	struct io_uring_sqe e;
	struct uring_call call;

	ch->ours_end = ch->behind = ch->end;
	if (ch->first + 1 == ch->end) /* not linked: handle() sees */
		return;
	ch->ours_end = ch->first;
	for (uint32_t seq = ch->first; seq != ch->end; seq++) {
		if (!entry_at(ch->r, seq, &e))
			continue;
		if (chain_is_ours(ch, &e, &call)) {
			ch->ours_end = seq + 1;
			chain_plan(ch, &e);
		} else if (ch->behind == ch->end && !chain_is_nothing(&e) &&
			   !chain_is_prompt(&e, &call)) {
			ch->behind = seq + 1;
		}
	}
}

static uint32_t chain_end(const struct uring *r, uint32_t first, uint32_t end)
{
	struct io_uring_sqe e;

	while (first != end)
		if (!entry_at(r, first++, &e) || !(e.flags & LINKS))
			break;
	return first;
}

/* The fetches of all that will be read are begun before the first is waited for. */
static void fetch_ahead(struct thread *t, struct uring *r, uint32_t first, uint32_t end)
{
	struct io_uring_sqe e;
	struct vfile *vf;

	for (; first != end; first++) {
		if (!entry_at(r, first, &e) || !uring_reads(&e) || (int64_t)e.off < 0 ||
		    e.flags & (IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT))
			continue;
		vf = fdtab_get(e.fd);
		if (vf && vf->vn && vf->vn->kind == VNODE_FILE) {
			uint64_t bytes = uring_transfer_bytes(t, &e);

			if (bytes && !vnode_present(vf->vn, e.off, bytes))
				vfile_advise(vf, e.off, bytes, WIRE_ENSURE_WANT);
		}
		vfile_put(vf);
	}
}

/* False: the kernel does not take any more for now. */
static bool prepare(struct thread *t, struct uring *r, uint32_t first, uint32_t end)
{
	struct io_uring_sqe e;
	struct chain ch;

	if (end - first > 1)
		fetch_ahead(t, r, first, end);
	for (; first != end; first = ch.end) {
		ch = (struct chain){
			.t = t, .r = r, .first = first, .end = chain_end(r, first, end)};
		if (must_settle(&ch)) {
			ch.unsettled = !uring_settle(r, first);
			if (__atomic_load_n(r->sq_head, __ATOMIC_ACQUIRE) != first)
				return false;
		}
		survey(&ch);
		for (uint32_t seq = first; seq != ch.end; seq++)
			if (entry_at(r, seq, &e))
				handle(&ch, seq, &e);
			else if (index_of(r, seq) >= 0) /* memory that is not there */
				memset(kernels_at(r, seq), 0xff, (size_t)1 << r->entry_shift);
		chain_close(&ch);
		r->prepared = ch.end;
	}
	return true;
}

/* Entries that have been looked at, but were not taken, are so the next time, as they are. */
long uring_submit(struct thread *t, struct uring *r, uint32_t count)
{
	uint32_t head = __atomic_load_n(r->sq_head, __ATOMIC_ACQUIRE);
	uint32_t n = __atomic_load_n(r->sq_tail, __ATOMIC_ACQUIRE) - head;
	long ret;

	if (n > r->entries)
		n = r->entries;
	if (n > count)
		n = count;
	if ((int32_t)(r->prepared - head) < 0)
		r->prepared = head;
	r->given = 0;
	if ((int32_t)(head + n - r->prepared) > 0 && !prepare(t, r, r->prepared, head + n))
		return r->given ? (long)r->given : -EAGAIN;
	ret = uring_give(r, head + n);
	return r->given ? (long)r->given : ret;
}
