/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes from the daemon's shared table (core/base/attrs.h): without asking, without the
 * kernel. */
#ifndef INTERCEPT_WARM_H
#define INTERCEPT_WARM_H

#include "core/base/vpath.h"

/* 0 with *out, -ENOENT, or -EAGAIN: the daemon must be asked. On a private stack, with all signals
 * blocked. */
int warm_stat(const struct vpath *path, struct wire_attr *out);

#endif
