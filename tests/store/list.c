/* SPDX-License-Identifier: Apache-2.0 */
/* Listing: see list.h. Names have no NUL in them, so C strings do. */
#include "tests/store/list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/store/bucket.h"

/* The length of the common prefix that key falls under, or 0. */
static size_t rolled_up(const char *key, const struct list_query *q)
{
	const char *at;
	size_t prefix_len = strlen(q->prefix);

	if (!*q->delimiter || strncmp(key, q->prefix, prefix_len) != 0)
		return 0;
	at = strstr(key + prefix_len, q->delimiter);
	return at ? (size_t)(at - key) + strlen(q->delimiter) : 0;
}

/* The first entry of the answer, before any filtering by prefix at its end. */
static struct keyset_node *start(const struct keyset *set, const struct list_query *q)
{
	size_t after_len = strlen(q->after);
	struct keyset_node *node;
	size_t skip;

	if (strcmp(q->after, q->prefix) < 0)
		return keyset_seek(set, q->prefix, strlen(q->prefix));
	if (!after_len)
		return set->head[0];
	skip = rolled_up(q->after, q);
	if (skip)
		return keyset_seek_past(set, q->after, skip);
	node = keyset_seek(set, q->after, after_len);
	if (node && node->key_len == after_len && !memcmp(node->key, q->after, after_len))
		node = keyset_next(node);
	return node;
}

/* Fills the page from node on; the lock is held. */
static int fill(const struct keyset *set, struct keyset_node *node, const struct list_query *q,
		struct list_page *page)
{
	size_t prefix_len = strlen(q->prefix);

	while (node && !strncmp(node->key, q->prefix, prefix_len)) {
		struct list_entry *e = &page->entries[page->count];
		size_t roll = rolled_up(node->key, q);

		if (page->count == q->max) {
			page->more = q->max > 0;
			return 0;
		}
		if (roll) {
			e->prefix = strndup(node->key, roll);
			if (!e->prefix)
				return -ENOMEM;
			node = keyset_seek_past(set, node->key, roll);
		} else {
			e->object = node->value;
			atomic_fetch_add(&e->object->refs, 1);
			node = keyset_next(node);
		}
		page->count++;
	}
	return 0;
}

int list_walk(const char *bucket, const struct list_query *query, struct list_page *out)
{
	struct list_page page = {.entries = calloc(query->max + 1, sizeof(*page.entries))};
	struct bucket *b;
	int err;

	if (!page.entries)
		return -ENOMEM;
	bucket_lock_read();
	b = bucket_find(bucket);
	err = b ? fill(&b->objects, start(&b->objects, query), query, &page) : -ENXIO;
	bucket_unlock();
	if (err) {
		list_free(&page);
		return err;
	}
	*out = page;
	return 0;
}

const char *list_last(const struct list_page *page)
{
	const struct list_entry *e;

	if (!page->count)
		return NULL;
	e = &page->entries[page->count - 1];
	return e->object ? e->object->key : e->prefix;
}

void list_free(struct list_page *page)
{
	for (size_t i = 0; i < page->count; i++) {
		object_put(page->entries[i].object);
		free(page->entries[i].prefix);
	}
	free(page->entries);
	*page = (struct list_page){0};
}
