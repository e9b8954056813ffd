/* SPDX-License-Identifier: Apache-2.0 */
/* Objects in their buckets: see objects.h. */
#include "tests/store/objects.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/store/blocks.h"
#include "tests/store/bucket.h"

#define CRC_KNOWN (1ull << 32) /* in crc32c: the rest of it is one */

struct object *object_new(const char *key, size_t key_len, struct content *content)
{
	struct object *o = calloc(1, sizeof(*o) + key_len + 1);

	if (!o) {
		content_put(content);
		return NULL;
	}
	o->refs = 1;
	o->content = content;
	o->mtime_s = time(NULL);
	o->key_len = key_len;
	memcpy(o->key, key, key_len);
	return o;
}

void object_put(struct object *o)
{
	if (!o || atomic_fetch_sub(&o->refs, 1) != 1)
		return;
	content_put(o->content);
	blocks_put(o->blocks);
	headers_free(&o->headers);
	free(o);
}

uint32_t object_crc32c(const struct object *o)
{
	unsigned long long known = o->crc32c;
	uint32_t crc;

	if (known & CRC_KNOWN)
		return (uint32_t)known;
	crc = content_crc32c(o->content);
	object_set_crc32c((struct object *)(uintptr_t)o, crc); /* as any other thread would */
	return crc;
}

void object_set_crc32c(struct object *o, uint32_t crc)
{
	o->crc32c = crc | CRC_KNOWN;
}

int objects_get(const char *bucket, const char *key, size_t key_len, struct object **out)
{
	struct bucket *b;
	struct object *o = NULL;

	bucket_lock_read();
	b = bucket_find(bucket);
	if (b)
		o = keyset_get(&b->objects, key, key_len);
	if (o)
		atomic_fetch_add(&o->refs, 1);
	bucket_unlock();
	if (!b)
		return -ENXIO;
	if (!o)
		return -ENOENT;
	*out = o;
	return 0;
}

/* The one condition on a version. */
static int check_version(const struct object *there, enum object_version which, uint64_t wanted)
{
	bool is_meta = which == OBJECT_METAGENERATION_MATCH ||
		       which == OBJECT_METAGENERATION_NOT_MATCH;
	bool negated = which == OBJECT_GENERATION_NOT_MATCH ||
		       which == OBJECT_METAGENERATION_NOT_MATCH;
	uint64_t have = 0;

	if (!there && (is_meta || (negated && wanted)))
		return -EEXIST;
	if (there)
		have = is_meta ? there->metageneration : there->generation;
	if (negated)
		return have == wanted ? -EALREADY : 0;
	return have == wanted ? 0 : -EEXIST;
}

int object_check(const struct object *there, const struct object_condition *condition)
{
	int err = 0;

	if (!condition)
		return 0;
	if (condition->if_there && !there)
		return -ENOENT;
	if (condition->if_absent && there)
		return -EEXIST;
	for (int i = 0; i < OBJECT_VERSIONS && !err; i++) {
		if (condition->versioned[i])
			err = check_version(there, (enum object_version)i, condition->version[i]);
	}
	if (err)
		return err;
	if (!condition->if_match)
		return 0;
	if (!there)
		return -ENOENT;
	if (strcmp(condition->if_match, "*") != 0 && strcmp(condition->if_match, there->etag) != 0)
		return -EEXIST;
	return 0;
}

/* The write lock is held. */
static void give_version(struct object *o)
{
	static uint64_t last;
	struct timespec now;
	uint64_t now_us;

	clock_gettime(CLOCK_REALTIME, &now);
	now_us = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
	if (!o->updated_us) /* imported and generated objects have times of their own */
		o->updated_us = llabs(o->mtime_s - now.tv_sec) <= 1 ? (int64_t)now_us
								    : o->mtime_s * 1000000;
	if (!o->created_us)
		o->created_us = o->updated_us;
	if (o->generation)
		return;
	last = now_us > last ? now_us : last + 1;
	o->generation = last;
	o->metageneration = 1;
}

int objects_store(const char *bucket, struct object *o, const struct object_condition *condition)
{
	struct bucket *b;
	void *old = NULL;
	int err;

	bucket_lock_write();
	b = bucket_find(bucket);
	err = b ? object_check(keyset_get(&b->objects, o->key, o->key_len), condition) : -ENXIO;
	if (!err)
		give_version(o);
	if (!err)
		err = keyset_put(&b->objects, o->key, o->key_len, o, &old);
	bucket_unlock();
	object_put(err ? o : old); /* outside the lock: freeing gigabytes takes a while */
	return err;
}

int objects_delete(const char *bucket, const char *key, size_t key_len,
		   const struct object_condition *condition)
{
	struct bucket *b;
	struct object *old = NULL;
	int err;

	bucket_lock_write();
	b = bucket_find(bucket);
	err = b ? object_check(keyset_get(&b->objects, key, key_len), condition) : -ENXIO;
	if (!err)
		old = keyset_remove(&b->objects, key, key_len);
	bucket_unlock();
	object_put(old);
	return err;
}
