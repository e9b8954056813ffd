/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a listing does not tell of its files (mode, owner, time, that one is a symbolic link), asked
 * of each by a HEAD, HEADPAGE_PARALLEL at a time, before the names are shown: SKYSHIM_METADATA=full
 * in the environment of the daemon. A file of which that is known, in this version, costs nothing.
 */
#ifndef FS_HEADPAGE_H
#define FS_HEADPAGE_H

#include <stdbool.h>

#include "fs/pages.h"

#define HEADPAGE_PARALLEL 64

/* Is that wanted? */
bool headpage_wanted(void);

/* Asks, and puts what is told into the metadata cache; what cannot be asked about stays as a
 * listing has it. Waits; not on the I/O thread. */
void headpage_ask(const struct listing *l, const struct store_list *page);

#endif
