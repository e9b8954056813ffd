/* SPDX-License-Identifier: Apache-2.0 */
/* What the daemon counts, as JSON. */
#ifndef FS_STATS_H
#define FS_STATS_H

#include <stdint.h>

#include "core/base/wire.h"

void stats_start(void);

void stats_context(const uint8_t *ctx); /* this context was registered, perhaps again */

/* JSON text, to free: of one job (wire_request.job), or 0: of all there is. Returns 0, -ENOENT (no
 * such job) or -ENOMEM. */
int stats_json(uint32_t job, char **text_out);

/* For `skyshim status`: pid, version, uptime, socket, cache directory. */
char *stats_status_json(const char *sock, const char *cache_dir);

#endif
