/* SPDX-License-Identifier: Apache-2.0 */
/* Becoming a program under the runtime. */
#ifndef CORE_CLI_HANDOVER_H
#define CORE_CLI_HANDOVER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/wire.h"
#include "core/cli/program.h"
#include "core/cli/where.h"

/* What is wanted of the coverage, see core/base/handoff.h. */
struct coverage {
	bool strict;
	const char *report; /* "-", an absolute path, or NULL */
	bool io_uring;	    /* is served */
	int trace_fd;	    /* where the timeline goes, or -1 */
	bool stats;	    /* are told at the end, by a process that stays for that */
};

/* Registers this environment's credentials with the daemon, which is started if need be, and
 * executes the runtime in place of this process, or, with stats, of a child. Returns only on
 * failure, an exit status, after saying why, or when the child has ended: its own. */
int handover(const struct where *w, const struct program *p, const struct coverage *c);

/* Starts the daemon if need be and registers this environment's credentials; ctx: their id. Returns
 * 0, or an exit status after saying why not. */
int handover_context(const struct where *w, uint8_t ctx[WIRE_CTX_BYTES]);

#endif
