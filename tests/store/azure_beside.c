/* SPDX-License-Identifier: Apache-2.0 */
/* What a blob has beside itself: see azure_beside.h. */
#include "tests/store/azure_beside.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct keyset all; /* struct azure_beside by name; under the mutex */

void azure_lock(void)
{
	pthread_mutex_lock(&mutex);
}

void azure_unlock(void)
{
	pthread_mutex_unlock(&mutex);
}

struct azure_beside *azure_beside(const char *container, const char *blob, bool make)
{
	size_t len = strlen(container) + 1 + strlen(blob);
	struct azure_beside *b = calloc(1, sizeof(*b) + len + 1), *found;
	void *old;

	if (!b)
		return NULL;
	snprintf(b->name, len + 1, "%s/%s", container, blob);
	found = keyset_get(&all, b->name, len);
	if (found || !make || keyset_put(&all, b->name, len, b, &old)) {
		free(b);
		return found;
	}
	return b;
}

void azure_stage_drop(struct azure_beside *b)
{
	while (b && b->staged.head[0]) {
		struct block *block = b->staged.head[0]->value;

		keyset_remove(&b->staged, block->id, strlen(block->id));
		content_put(block->content);
		free(block);
	}
}

void azure_snapshots_drop(struct azure_beside *b)
{
	for (size_t i = 0; i < b->snapshot_count; i++)
		object_put(b->snapshots[i].object);
	free(b->snapshots);
	b->snapshots = NULL;
	b->snapshot_count = 0;
}

static void forget(struct azure_beside *b)
{
	keyset_remove(&all, b->name, strlen(b->name));
	azure_stage_drop(b);
	azure_snapshots_drop(b);
	free(b);
}

void azure_beside_drop(const char *container, const char *blob)
{
	struct azure_beside *b = azure_beside(container, blob, false);

	if (b)
		forget(b);
}

static bool is_in(const struct azure_beside *b, const char *container)
{
	size_t len = strlen(container);

	return !strncmp(b->name, container, len) && b->name[len] == '/';
}

/* The first of a container that is not below from. */
static struct azure_beside *seek(const char *container, const char *from)
{
	size_t len = strlen(container) + 1 + strlen(from);
	char *name = malloc(len + 1);
	struct keyset_node *node;
	struct azure_beside *b;

	if (!name)
		return NULL;
	snprintf(name, len + 1, "%s/%s", container, from);
	node = keyset_seek(&all, name, len);
	free(name);
	b = node ? node->value : NULL;
	return b && is_in(b, container) ? b : NULL;
}

void azure_beside_drop_all(const char *container)
{
	struct azure_beside *b;

	while ((b = seek(container, "")))
		forget(b);
}

const char *azure_staged_from(const char *container, const char *from)
{
	struct azure_beside *b = seek(container, from);
	struct keyset_node *node = b ? keyset_seek(&all, b->name, strlen(b->name)) : NULL;
	size_t len = strlen(container);

	for (; node; node = keyset_next(node)) {
		b = node->value;
		if (!is_in(b, container))
			return NULL;
		if (b->staged.count)
			return b->name + len + 1;
	}
	return NULL;
}

int azure_stage(struct azure_beside *b, const char *id, struct content *content)
{
	struct block *block = calloc(1, sizeof(*block));
	const struct block *first = b->staged.head[0] ? b->staged.head[0]->value : NULL;
	void *old = NULL;
	int err = block ? 0 : -ENOMEM;

	if (first && strlen(first->id) != strlen(id))
		err = -EINVAL;
	else if (b->staged.count >= BLOCKS_STAGED_MAX)
		err = -E2BIG;
	if (!err) {
		snprintf(block->id, sizeof(block->id), "%s", id);
		block->content = content;
		err = keyset_put(&b->staged, block->id, strlen(block->id), block, &old);
	}
	if (err) {
		content_put(content);
		free(block);
		return err;
	}
	if (old)
		content_put(((struct block *)old)->content);
	free(old);
	return 0;
}

/* No two snapshots of a blob have the same time. */
static void stamp(const struct azure_beside *b, char out[AZURE_SNAPSHOT_BYTES])
{
	const char *last = b->snapshot_count ? b->snapshots[b->snapshot_count - 1].time : "";
	struct timespec now;
	struct tm tm;
	char second[24];
	long ticks;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(second, sizeof(second), "%Y-%m-%dT%H:%M:%S", &tm);
	ticks = now.tv_nsec / 100;
	do {
		snprintf(out, AZURE_SNAPSHOT_BYTES, "%.19s.%07ldZ", second, ticks++ % 10000000);
	} while (!strcmp(out, last));
}

int azure_snapshot_add(struct azure_beside *b, struct object *o)
{
	struct azure_snapshot_of *grown;

	if (b->snapshot_count == AZURE_SNAPSHOTS_MAX)
		return -EMFILE;
	grown = reallocarray(b->snapshots, b->snapshot_count + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	b->snapshots = grown;
	stamp(b, grown[b->snapshot_count].time);
	atomic_fetch_add(&o->refs, 1);
	grown[b->snapshot_count++].object = o;
	return 0;
}
