// SPDX-License-Identifier: Apache-2.0
#include "core/entries.h"

#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

#define BLOCK_BYTES 16 /* what the allocator adds to a block */

static size_t text_bytes(const char *text)
{
	return text ? strlen(text) + 1 + BLOCK_BYTES : 0;
}

void entries_charge(struct store_list *list)
{
	list->charged = list->count * sizeof(*list->entries) + text_bytes(list->next_token);
	for (size_t i = 0; i < list->count; i++)
		list->charged +=
			text_bytes(list->entries[i].name) + text_bytes(list->entries[i].upload);
	memory_add(MEMORY_LISTINGS, (int64_t)list->charged);
}

void entries_free(struct store_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->entries[i].name);
		free(list->entries[i].upload);
	}
	free(list->entries);
	free(list->next_token);
	memory_add(MEMORY_LISTINGS, -(int64_t)list->charged);
	*list = (struct store_list){0};
}
