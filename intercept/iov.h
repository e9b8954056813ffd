/* SPDX-License-Identifier: Apache-2.0 */
/* What readv and writev are given. */
#ifndef INTERCEPT_IOV_H
#define INTERCEPT_IOV_H

#include <stdint.h>

#include "intercept/thread.h"

#define IOV_BYTES_MAX 0x7ffff000ul /* MAX_RW_COUNT of the kernel */
#define IOV_CURRENT   UINT64_MAX   /* an offset: the descriptor's own */

struct kiov {
	uint64_t base, len;
};

/* Copies the program's array to t->iov, no more than IOV_BYTES_MAX in all. Its total bytes, or a
 * negative errno: -EINVAL, -EFAULT. */
long iov_read(struct thread *t, uint64_t user, uint64_t count);

#endif
