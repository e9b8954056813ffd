/* SPDX-License-Identifier: Apache-2.0 */
/* The entries of a page: struct store_list of core/store.h. */
#ifndef CORE_ENTRIES_H
#define CORE_ENTRIES_H

#include "core/store.h"

/* Counts what the list holds (core/memory.h), until it is freed; once, when it is whole. */
void entries_charge(struct store_list *list);

/* Frees all that the list owns and leaves it empty. */
void entries_free(struct store_list *list);

#endif
