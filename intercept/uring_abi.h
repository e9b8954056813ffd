/* SPDX-License-Identifier: Apache-2.0 */
/* What linux/io_uring.h of Linux 6.1 does not have yet (include/uapi/linux/io_uring.h of 6.18). */
#ifndef INTERCEPT_URING_ABI_H
#define INTERCEPT_URING_ABI_H

#include <linux/io_uring.h>

#include "intercept/uring.h"

#define K_SETUP_NO_MMAP	      (1u << 14)
#define K_SETUP_NO_SQARRAY    (1u << 16)
#define K_SETUP_HYBRID_IOPOLL (1u << 17)
#define K_SETUP_CQE_MIXED     (1u << 18)

#define K_OP_READ_MULTISHOT   49
#define K_OP_FIXED_FD_INSTALL 54
#define K_OP_FTRUNCATE	      55
#define K_OP_READV_FIXED      60
#define K_OP_WRITEV_FIXED     61

#define K_NOP_INJECT_RESULT 1u

#define K_REGISTER_RESIZE_RINGS	  33
#define K_REGISTER_USE_REGISTERED (1u << 31)

#define K_ENTER_EXT_ARG_REG (1u << 6)

/* user_addr, the last of both structures: memory that the program brings, with NO_MMAP. */
static inline uint64_t *sq_memory(struct io_uring_params *p)
{
	return (uint64_t *)(&p->sq_off + 1) - 1;
}

static inline uint64_t *cq_memory(struct io_uring_params *p)
{
	return (uint64_t *)(&p->cq_off + 1) - 1;
}

/* How this kernel can be told a result; found out once. */
enum uring_answer uring_answer(void);

#endif
