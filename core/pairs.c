// SPDX-License-Identifier: Apache-2.0
/* A short list of names and values. */
#include "core/pairs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/scope.h"

int pairs_add(struct store_pairs *pairs, const char *name, const char *value)
{
	SCOPE_FREE char *name_copy = strdup(name);
	SCOPE_FREE char *value_copy = strdup(value);
	struct store_pair *grown;

	if (pairs->count == STORE_PAIRS_MAX)
		return -EMSGSIZE;
	grown = reallocarray(pairs->pair, pairs->count + 1, sizeof(*grown));
	if (grown)
		pairs->pair = grown;
	if (!grown || !name_copy || !value_copy)
		return -ENOMEM;
	grown[pairs->count].name = take_ptr(&name_copy);
	grown[pairs->count].value = take_ptr(&value_copy);
	pairs->count++;
	return 0;
}

const char *pairs_get(const struct store_pairs *pairs, const char *name)
{
	for (size_t i = 0; i < pairs->count; i++) {
		if (!strcmp(pairs->pair[i].name, name))
			return pairs->pair[i].value;
	}
	return NULL;
}

bool pairs_hold(const struct store_pairs *kept, const struct store_pairs *sent)
{
	for (size_t i = 0; sent && i < sent->count; i++) {
		const char *value = pairs_get(kept, sent->pair[i].name);

		if (!value || strcmp(value, sent->pair[i].value) != 0)
			return false;
	}
	return true;
}

void pairs_remove(struct store_pairs *pairs, const char *name)
{
	size_t left = 0;

	for (size_t i = 0; i < pairs->count; i++) {
		if (strcmp(pairs->pair[i].name, name) != 0) {
			pairs->pair[left++] = pairs->pair[i];
			continue;
		}
		free(pairs->pair[i].name);
		free(pairs->pair[i].value);
	}
	pairs->count = left;
}

void pairs_free(struct store_pairs *pairs)
{
	for (size_t i = 0; i < pairs->count; i++) {
		free(pairs->pair[i].name);
		free(pairs->pair[i].value);
	}
	free(pairs->pair);
	*pairs = (struct store_pairs){0};
}
