/* SPDX-License-Identifier: Apache-2.0 */
/* See iov.h. */
#include "intercept/iov.h"

#include <errno.h>

#include "intercept/usercopy.h"

long iov_read(struct thread *t, uint64_t user, uint64_t count)
{
	struct kiov *iov = (struct kiov *)t->iov;
	uint64_t total = 0;

	if (count > THREAD_IOV_MAX)
		return -EINVAL;
	if (user_read(iov, (void *)user, count * sizeof(*iov)))
		return -EFAULT;
	for (uint64_t i = 0; i < count; i++) {
		if ((int64_t)iov[i].len < 0)
			return -EINVAL;
		if (iov[i].len > IOV_BYTES_MAX - total)
			iov[i].len = IOV_BYTES_MAX - total;
		total += iov[i].len;
	}
	return (long)total;
}
