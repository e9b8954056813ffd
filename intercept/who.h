/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who the program is, and what the permission bits of a file let such a one do: path_resolution(7).
 * Asked of the kernel each time, as it may have changed; groups and capabilities only when the
 * plain bits do not do. On a private stack.
 */
#ifndef INTERCEPT_WHO_H
#define INTERCEPT_WHO_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/wire.h"

#define WHO_X 1u /* the bits of access(2), and of a mode */
#define WHO_W 2u
#define WHO_R 4u

struct who {
	uint32_t uid, gid;
	bool real; /* as access(2) looks at it */
};

/* By the file system IDs, which are mostly the effective ones; and by the real ones. */
struct who who_effective(void);
struct who who_real(void);

/* The owner and group that the program sees. */
uint32_t who_owner(const struct wire_attr *attr);
uint32_t who_group(const struct wire_attr *attr);

bool who_in_group(const struct who *who, uint32_t gid);

/* Has it the capability CAP_*? */
bool who_can(const struct who *who, unsigned cap);

/* want: WHO_*, all of which it wants. */
bool who_may(const struct who *who, const struct wire_attr *attr, unsigned want);

/* Is it the owner's, or passes as such? */
bool who_owns(const struct who *who, const struct wire_attr *attr);

#endif
