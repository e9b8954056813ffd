/* SPDX-License-Identifier: Apache-2.0 */
/* Objects in their buckets: see objects.h. */
#include "tests/store/objects.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/store/bucket.h"

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
	headers_free(&o->headers);
	free(o);
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

static int check(const struct object *there, const struct object_condition *condition)
{
	if (!condition)
		return 0;
	if (condition->if_absent && there)
		return -EEXIST;
	if (!condition->if_match)
		return 0;
	if (!there)
		return -ENOENT;
	if (strcmp(condition->if_match, "*") != 0 && strcmp(condition->if_match, there->etag) != 0)
		return -EEXIST;
	return 0;
}

int objects_store(const char *bucket, struct object *o, const struct object_condition *condition)
{
	struct bucket *b;
	void *old = NULL;
	int err;

	bucket_lock_write();
	b = bucket_find(bucket);
	err = b ? check(keyset_get(&b->objects, o->key, o->key_len), condition) : -ENXIO;
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
	err = b ? check(keyset_get(&b->objects, key, key_len), condition) : -ENXIO;
	if (!err)
		old = keyset_remove(&b->objects, key, key_len);
	bucket_unlock();
	object_put(old);
	return err;
}
