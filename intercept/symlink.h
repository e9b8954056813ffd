/* SPDX-License-Identifier: Apache-2.0 */
/* Local symbolic links that lead into the clouds. */
#ifndef INTERCEPT_SYMLINK_H
#define INTERCEPT_SYMLINK_H

#include <stdbool.h>

#include "core/base/vpath.h"

/* The kernel found nothing at name (relative to dirfd): does it lead into the clouds through
 * symbolic links? Returns 1 and fills out, or 0. nofollow: a final link is not followed. Uses the
 * calling thread's iov as memory; name may be changed. */
int symlink_leads_to_cloud(int dirfd, char *name, bool nofollow, struct vpath *out);

#endif
