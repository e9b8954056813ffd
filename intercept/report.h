/* SPDX-License-Identifier: Apache-2.0 */
/* What of this process was covered, and how: `skyshim run --report-coverage`. */
#ifndef INTERCEPT_REPORT_H
#define INTERCEPT_REPORT_H

#include <stdint.h>

/* For each time a reason comes up why code is watched by the trap, or is not covered at all. what
 * lives for ever. */
void report_reason(const char *what, int covered);
#define REPORT_REFUSED 2 /* covered: it was asked for, and did not come about */
/* The instruction at site trapped; atomic, also in signal handlers. */
void report_trap(uint64_t site);

/* At the end of this program (exit_group, execve): writes the report where the handoff says. */
void report_write(void);

#endif
