/* SPDX-License-Identifier: Apache-2.0 */
/* What the daemon tells of itself, for those subcommands that print it. */
#ifndef CORE_CLI_REPORT_H
#define CORE_CLI_REPORT_H

#include <jansson.h>
#include <stdint.h>

#include "core/base/wire.h"

/* Asks with op (WIRE_STATUS, WIRE_STATS), about a job or 0. Returns 0 and JSON to release; 1 when
 * no daemon runs; 2 when there is no such job; -1 after saying what went wrong. */
int report_get(enum wire_op op, uint32_t job, json_t **out);

/* Prints a JSON object as lines "name  value", names of inner objects as "outer.inner". Lists are
 * left out. */
void report_print(const json_t *object);

#endif
