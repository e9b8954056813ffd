/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An ordered map from byte strings to values: a skip list, so that finding, inserting and, above
 * all, seeking past a whole common prefix cost O(log n). Order: bytewise, as S3 lists ("UTF-8
 * binary order"). No lock of its own. Neither keys nor values are owned: a key must live inside its
 * value.
 */
#ifndef STORE_KEYSET_H
#define STORE_KEYSET_H

#include <stddef.h>
#include <stdint.h>

#define KEYSET_LEVELS \
	20 /* good for about a million entries at one in two per level, more in practice */

struct keyset_node {
	void *value;
	const char *key;
	size_t key_len;
	struct keyset_node *next[];
};

struct keyset {
	struct keyset_node *head[KEYSET_LEVELS];
	uint64_t random;
	size_t count;
};

/* Sets the value of key. *old_out: the value it replaced, or NULL. Returns 0 or -ENOMEM. */
int keyset_put(struct keyset *set, const char *key, size_t key_len, void *value, void **old_out);

/* The value, or NULL. */
void *keyset_get(const struct keyset *set, const char *key, size_t key_len);

/* Removes key and returns its value, or NULL. */
void *keyset_remove(struct keyset *set, const char *key, size_t key_len);

/* The first entry whose key is not below the given one, or NULL. */
struct keyset_node *keyset_seek(const struct keyset *set, const char *key, size_t key_len);

/* The first entry behind all those that start with prefix, or NULL. */
struct keyset_node *keyset_seek_past(const struct keyset *set, const char *prefix, size_t len);

static inline struct keyset_node *keyset_next(const struct keyset_node *node)
{
	return node->next[0];
}

#endif
