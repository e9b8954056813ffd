/* SPDX-License-Identifier: Apache-2.0 */
/* Contexts as numbers, two bytes each of an entry. Numbers are never given to another. All under
 * metaentry_lock. */
#ifndef FS_METACTX_H
#define FS_METACTX_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/wire.h"

#define METACTX_NONE (-1)

/* METACTX_NONE: it has none, or there are CONTEXTS_MAX already and nothing can be known of it. */
int metactx_find(const uint8_t id[WIRE_CTX_BYTES]);
int metactx_get(const uint8_t id[WIRE_CTX_BYTES]);

const uint8_t *metactx_id(unsigned number);

#endif
