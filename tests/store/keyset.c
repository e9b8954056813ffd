/* SPDX-License-Identifier: Apache-2.0 */
/* The skip list behind buckets, objects and uploads: see keyset.h. */
#include "tests/store/keyset.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static int compare(const struct keyset_node *node, const char *key, size_t key_len)
{
	size_t shorter = node->key_len < key_len ? node->key_len : key_len;
	int order = memcmp(node->key, key, shorter);

	if (order)
		return order;
	return (node->key_len > key_len) - (node->key_len < key_len);
}

static bool below(const struct keyset_node *node, const char *key, size_t key_len)
{
	return compare(node, key, key_len) < 0;
}

/* As below(), but a node that starts with the key counts as below it too. */
static bool below_or_inside(const struct keyset_node *node, const char *key, size_t key_len)
{
	size_t shorter = node->key_len < key_len ? node->key_len : key_len;

	return memcmp(node->key, key, shorter) <= 0;
}

typedef bool (*before_fn)(const struct keyset_node *node, const char *key, size_t key_len);

/* links_out[i]: the pointer on level i that leads over the position. */
static void find(const struct keyset *set, const char *key, size_t key_len, before_fn before,
		 struct keyset_node **links_out[KEYSET_LEVELS])
{
	struct keyset_node **links = (struct keyset_node **)set->head;

	for (int level = KEYSET_LEVELS - 1; level >= 0; level--) {
		while (links[level] && before(links[level], key, key_len))
			links = links[level]->next;
		links_out[level] = &links[level];
	}
}

/* One level in two on average, from xorshift64: cheap, and the same in every run. */
static int random_levels(struct keyset *set)
{
	uint64_t x = set->random ? set->random : 0x9E3779B97F4A7C15u;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	set->random = x;
	return 1 + __builtin_ctzll(x | 1ull << (KEYSET_LEVELS - 1));
}

int keyset_put(struct keyset *set, const char *key, size_t key_len, void *value, void **old_out)
{
	struct keyset_node **links[KEYSET_LEVELS];
	struct keyset_node *node;
	int levels;

	find(set, key, key_len, below, links);
	node = *links[0];
	if (node && !compare(node, key, key_len)) {
		*old_out = node->value;
		node->value = value;
		node->key = key;
		return 0;
	}

	levels = random_levels(set);
	node = malloc(sizeof(*node) + (size_t)levels * sizeof(void *));
	if (!node)
		return -ENOMEM;
	node->value = value;
	node->key = key;
	node->key_len = key_len;
	for (int i = 0; i < levels; i++) {
		node->next[i] = *links[i];
		*links[i] = node;
	}
	set->count++;
	*old_out = NULL;
	return 0;
}

void *keyset_get(const struct keyset *set, const char *key, size_t key_len)
{
	struct keyset_node *node = keyset_seek(set, key, key_len);

	return node && !compare(node, key, key_len) ? node->value : NULL;
}

void *keyset_remove(struct keyset *set, const char *key, size_t key_len)
{
	struct keyset_node **links[KEYSET_LEVELS];
	struct keyset_node *node;
	void *value;

	find(set, key, key_len, below, links);
	node = *links[0];
	if (!node || compare(node, key, key_len))
		return NULL;
	for (int i = 0; i < KEYSET_LEVELS && *links[i] == node; i++)
		*links[i] = node->next[i];
	value = node->value;
	free(node);
	set->count--;
	return value;
}

struct keyset_node *keyset_seek(const struct keyset *set, const char *key, size_t key_len)
{
	struct keyset_node **links[KEYSET_LEVELS];

	find(set, key, key_len, below, links);
	return *links[0];
}

struct keyset_node *keyset_seek_past(const struct keyset *set, const char *prefix, size_t len)
{
	struct keyset_node **links[KEYSET_LEVELS];

	find(set, prefix, len, below_or_inside, links);
	return *links[0];
}
