/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When is the kernel done with all entries it has got? An entry with IOSQE_IO_DRAIN has to wait for
 * that, and one that is carried out here cannot wait in the kernel. Completions are counted: as
 * long as each entry has just one.
 */
#include <errno.h>
#include <linux/time_types.h>

#include "intercept/uring_abi.h"
#include "intercept/uring_entry.h"

#define WAIT_NS	  10000000ll /* at a time: somebody else may take completions */
#define WAITS_MAX 200u	     /* 2 s: then it may be waiting for this very thread */

long uring_give(struct uring *r, uint32_t end)
{
	uint32_t n = end - __atomic_load_n(r->sq_head, __ATOMIC_ACQUIRE);
	long ret = sys6(__NR_io_uring_enter, r->fd_now, n, 0, 0, 0, 0);

	if (ret > 0)
		r->given += (uint32_t)ret;
	return ret;
}

static bool has_one_completion(const struct io_uring_sqe *e)
{
	struct uring_call call;

	switch (e->opcode) {
	case IORING_OP_NOP:
	case IORING_OP_LINK_TIMEOUT:
	case IORING_OP_FILES_UPDATE:
	case IORING_OP_PROVIDE_BUFFERS:
	case IORING_OP_REMOVE_BUFFERS:
	case IORING_OP_SPLICE:
	case IORING_OP_TEE:
		return true;
	case K_OP_READ_MULTISHOT:
		return false;
	default:
		return uring_translate(e, &call);
	}
}

void uring_expect(struct uring *r, const struct io_uring_sqe *e)
{
	r->expected++;
	if (e->flags & IOSQE_CQE_SKIP_SUCCESS || !has_one_completion(e))
		r->uncertain = true;
}

/* For completions up to the last that is expected. An errno: not yet. */
static long wait_for(const struct uring *r, uint32_t count)
{
	struct __kernel_timespec time = {.tv_nsec = WAIT_NS};
	struct io_uring_getevents_arg arg = {.ts = (uint64_t)&time};

	return sys6(__NR_io_uring_enter, r->fd_now, 0, count,
		    IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, SYS_ARG(&arg), sizeof(arg));
}

bool uring_settle(struct uring *r, uint32_t end)
{
	if (uring_give(r, end) < 0 || __atomic_load_n(r->sq_head, __ATOMIC_ACQUIRE) != end)
		return false;
	for (unsigned i = 0; i < WAITS_MAX && !r->uncertain; i++) {
		int32_t left =
			(int32_t)(r->expected - __atomic_load_n(r->cq_tail, __ATOMIC_ACQUIRE));
		uint32_t count = r->expected - __atomic_load_n(r->cq_head, __ATOMIC_ACQUIRE);

		if (!left)
			return true;
		if (left < 0 || count > r->cq_entries) /* others' completions; more than fit */
			r->uncertain = true;
		else
			wait_for(r, count);
	}
	return false;
}
