/* SPDX-License-Identifier: Apache-2.0 */
/* The monotonic clock as one integer. */
#ifndef CACHE_CLOCK_H
#define CACHE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define CLOCK_NS_PER_S	INT64_C(1000000000)
#define CLOCK_NS_PER_MS INT64_C(1000000)

static inline int64_t clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * CLOCK_NS_PER_S + ts.tv_nsec;
}

#endif
