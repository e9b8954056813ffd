/* SPDX-License-Identifier: Apache-2.0 */
/* `run --stats`: somebody stays beside the program, to tell at its end what it has cost. */
#ifndef CORE_CLI_ATTEND_H
#define CORE_CLI_ATTEND_H

#include <stdbool.h>
#include <stdint.h>

/* Forks. False: this is the child, which becomes the program, or it could not be forked, which was
 * said. True: this is the parent, the child has ended, its job's counters are on stderr, which the
 * program at the path daemon, skyshim-daemon, has told, and *status is its exit status. If a signal
 * has ended it, that ends this process, too. */
bool attend(const char *daemon, uint32_t job, int *status);

#endif
