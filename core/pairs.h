/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of names and values: struct store_pairs of core/store.h. */
#ifndef CORE_PAIRS_H
#define CORE_PAIRS_H

#include "core/store.h"

/* Appends copies. Returns 0, -EMSGSIZE (STORE_PAIRS_MAX) or -ENOMEM; the list is as before then. */
int pairs_add(struct store_pairs *pairs, const char *name, const char *value);

/* The value of that name, or NULL. */
const char *pairs_get(const struct store_pairs *pairs, const char *name);

/* Takes out what has that name, if anything has. */
void pairs_remove(struct store_pairs *pairs, const char *name);

/* Is each of sent (NULL: none) kept, with its value? */
bool pairs_hold(const struct store_pairs *kept, const struct store_pairs *sent);

/* Frees all and leaves the list empty. */
void pairs_free(struct store_pairs *pairs);

#endif
