/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A futex lock for the threads of one process. Taken only on a private stack, where signals
 * are put off (signals.h), or in a handler that has found no call under way; never held across
 * anything that waits. Lock order: proc, then threads, fdtab, mapped, vfiles, windows,
 * images.
 */
#ifndef INTERCEPT_LOCK_H
#define INTERCEPT_LOCK_H

#include <stdint.h>

#include "intercept/kernel.h"

struct lock {
	uint32_t word; /* 0 free, 1 held, 2 held with waiters */
};

static inline void lock_take(struct lock *l)
{
	uint32_t seen = 0;

	if (__atomic_compare_exchange_n(&l->word, &seen, 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return;
	while (__atomic_exchange_n(&l->word, 2, __ATOMIC_ACQUIRE) != 0)
		sys4(__NR_futex, &l->word, K_FUTEX_WAIT_PRIVATE, 2, 0);
}

static inline void lock_drop(struct lock *l)
{
	if (__atomic_exchange_n(&l->word, 0, __ATOMIC_RELEASE) == 2)
		sys3(__NR_futex, &l->word, K_FUTEX_WAKE_PRIVATE, 1);
}

#endif
