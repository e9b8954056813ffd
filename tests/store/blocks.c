/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks: see blocks.h. */
#include "tests/store/blocks.h"

#include <stdlib.h>

struct blocks *blocks_new(size_t count)
{
	struct blocks *b = calloc(1, sizeof(*b) + count * sizeof(b->items[0]));

	if (b) {
		b->refs = 1;
		b->count = count;
	}
	return b;
}

struct blocks *blocks_get(struct blocks *blocks)
{
	if (blocks)
		atomic_fetch_add(&blocks->refs, 1);
	return blocks;
}

void blocks_put(struct blocks *blocks)
{
	if (!blocks || atomic_fetch_sub(&blocks->refs, 1) != 1)
		return;
	for (size_t i = 0; i < blocks->count; i++)
		content_put(blocks->items[i].content);
	free(blocks);
}

struct content *blocks_join(const struct blocks *blocks)
{
	struct content **parts = calloc(blocks->count + 1, sizeof(struct content *));
	struct content *whole;

	if (!parts)
		return NULL;
	for (size_t i = 0; i < blocks->count; i++)
		parts[i] = blocks->items[i].content;
	whole = blocks->count ? content_join(parts, blocks->count) : content_memory(NULL, 0);
	free(parts);
	return whole;
}
