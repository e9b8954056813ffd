/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies by the service of objects that are too large for one request: an upload in parts of which
 * each is copied (fs/begun.h sees to it that none is left).
 */
#ifndef FS_COPYPARTS_H
#define FS_COPYPARTS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/store.h"

/* What a service copies in one request, in bytes: 5 GiB, or anything; of the former
 * SKYSHIM_COPY_MAX, for tests, makes it less, down to the least part that they take (5 MiB). */
uint64_t copyparts_limit(const char *scheme);

/* call: a STORE_COPY with set_user and set_fields, of size bytes, which is not submitted but done
 * in parts; its results are as of store_run(). Waits: not on the I/O thread. */
int copyparts_run(struct store_call *call, uint64_t size);

#endif
