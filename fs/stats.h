/* SPDX-License-Identifier: Apache-2.0 */
/* What the daemon counts, as JSON. */
#ifndef FS_STATS_H
#define FS_STATS_H

#include <stdint.h>

#include "core/base/wire.h"

void stats_start(void);

/* One request of a runtime was answered. op: enum wire_op. */
void stats_served(unsigned op);
void stats_context(const uint8_t *ctx); /* this context was registered, perhaps again */

/* JSON text, to free; NULL without memory. */
char *stats_json(void);

/* For `skyshim status`: pid, version, uptime, socket, cache directory. */
char *stats_status_json(const char *sock, const char *cache_dir);

#endif
