/* SPDX-License-Identifier: Apache-2.0 */
/* Opening what the cache has whole, without asking the daemon (core/base/opens.h). */
#ifndef INTERCEPT_WARMOPEN_H
#define INTERCEPT_WARMOPEN_H

#include "core/base/vpath.h"

/* open(2) for reading: the program's descriptor, or -EAGAIN: the daemon must be asked, as after any
 * error. On a private stack, with all signals blocked. */
long warmopen(const struct vpath *path, unsigned flags);

#endif
