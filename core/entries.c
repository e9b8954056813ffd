// SPDX-License-Identifier: Apache-2.0
#include "core/entries.h"

#include <stdlib.h>

void entries_free(struct store_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->entries[i].name);
		free(list->entries[i].upload);
	}
	free(list->entries);
	free(list->next_token);
	*list = (struct store_list){0};
}
