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
	const char *low = q->from && strcmp(q->from, q->prefix) > 0 ? q->from : q->prefix;
	size_t after_len = strlen(q->after);
	size_t skip = rolled_up(q->after, q);
	struct keyset_node *node = keyset_seek(set, q->after, after_len);

	if (skip)
		node = keyset_seek_past(set, q->after, skip);
	else if (node && after_len && node->key_len == after_len &&
		 !memcmp(node->key, q->after, after_len))
		node = keyset_next(node);
	if (node && strcmp(node->key, low) < 0)
		node = keyset_seek(set, low, strlen(low));
	return node;
}

static void take(struct list_entry *e, const struct keyset_node *node)
{
	e->object = node->value;
	atomic_fetch_add(&e->object->refs, 1);
}

/* Fills the page from node on; the lock is held. */
static int fill(const struct keyset *set, struct keyset_node *node, const struct list_query *q,
		struct list_page *page)
{
	size_t prefix_len = strlen(q->prefix);

	while (node && !strncmp(node->key, q->prefix, prefix_len)) {
		struct list_entry *e = &page->entries[page->count];
		size_t roll = rolled_up(node->key, q);

		if (q->until && strcmp(node->key, q->until) >= 0)
			return 0;
		if (page->count == q->max) {
			page->more = q->max > 0;
			return 0;
		}
		if (roll) {
			e->prefix = strndup(node->key, roll);
			if (!e->prefix)
				return -ENOMEM;
			if (q->with_markers && roll == node->key_len)
				take(e, node);
			node = keyset_seek_past(set, node->key, roll);
		} else {
			take(e, node);
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
