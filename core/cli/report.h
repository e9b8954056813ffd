/* SPDX-License-Identifier: Apache-2.0 */
/* What the daemon tells of itself, for those subcommands that print it. */
#ifndef CORE_CLI_REPORT_H
#define CORE_CLI_REPORT_H

#include "core/base/wire.h"

/* Asks with op (WIRE_STATUS, WIRE_STATS). Returns 0 and JSON text to free; 1 when no daemon runs;
 * -1 after saying what went wrong. */
int report_get(enum wire_op op, char **text_out);

/* Prints a JSON object as lines "name  value", names of inner objects as "outer.inner". */
int report_print(const char *text);

#endif
