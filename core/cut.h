/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that the daemon has mapped and can do without, should somebody cut them while it runs
 * (truncate(1), a tool that clears caches): touching what is not there any more is a SIGBUS
 * (mmap(2)). Of those that are watched the page reads as zeros from then on, and is this process's
 * alone. Of any other map a line says what happened before the signal ends the daemon, as a kill
 * would: the next one finds files that make no sense, and keeps what was written to.
 */
#ifndef CORE_CUT_H
#define CORE_CUT_H

#include <stdbool.h>
#include <stddef.h>

#define CUT_WATCHED_MAX 4u

/* bytes at `at` are watched; *is_cut becomes true, atomically, at the first page that is missing.
 * -ENOSPC: too many. Any thread, one at a time. */
int cut_watch(void *at, size_t bytes, bool *is_cut);

/* Before it is unmapped; what is not watched is let be. */
void cut_unwatch(void *at);

#endif
