/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Was a version stored after something was said here? Compared are two spans of time up to now, one
 * by the service's clock and one by ours: so it does not matter if the two differ.
 */
#ifndef FS_YOUNGER_H
#define FS_YOUNGER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/store.h"

#define YOUNGER_SLACK_S 2 /* a service cuts both of its times to whole seconds, and so may we */

/* age_s: of a store_call, when it was not known, it counts as younger. said_s: seconds since. What
 * was stored within YOUNGER_SLACK_S of that counts as older. */
static inline bool younger_than(int64_t age_s, int64_t said_s)
{
	return age_s == STORE_AGE_UNKNOWN || age_s < said_s - YOUNGER_SLACK_S;
}

#endif
