/* SPDX-License-Identifier: Apache-2.0 */
/* The entries of a page: struct store_list of core/store.h. */
#ifndef CORE_ENTRIES_H
#define CORE_ENTRIES_H

#include "core/store.h"

/* Frees all that the list owns and leaves it empty. */
void entries_free(struct store_list *list);

#endif
