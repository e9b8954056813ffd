/* SPDX-License-Identifier: Apache-2.0 */
/* Lookups under way, inside of fs/meta*.c only: under metaentry_lock. Those who lead and wait use
 * fs/meta.h. */
#ifndef FS_METALOOKUP_H
#define FS_METALOOKUP_H

#include "fs/metapack.h"

bool metalookup_is_under_way(const struct metakey *key);

/* Names below that prefix have changed now: what those find out who look for one is not believed.
 */
void metalookup_below(const char *prefix);

#endif
