/* SPDX-License-Identifier: Apache-2.0 */
/* Buckets and the lock: see bucket.h. */
#include "tests/store/bucket.h"

#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static struct keyset buckets; /* struct bucket by name; under lock */

void bucket_lock_read(void)
{
	pthread_rwlock_rdlock(&lock);
}

void bucket_lock_write(void)
{
	pthread_rwlock_wrlock(&lock);
}

void bucket_unlock(void)
{
	pthread_rwlock_unlock(&lock);
}

struct bucket *bucket_find(const char *name)
{
	return keyset_get(&buckets, name, strlen(name));
}

int bucket_name_valid(const char *name)
{
	size_t len = strlen(name);

	if (len < 3 || len >= BUCKET_NAME_BYTES)
		return 0;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)name[i];

		if (!islower(c) && !isdigit(c) && c != '-' && c != '.')
			return 0;
	}
	return isalnum((unsigned char)name[0]) && isalnum((unsigned char)name[len - 1]);
}

int bucket_create(const char *name, const char *region)
{
	struct bucket *b;
	void *old;
	int err = 0;

	if (!bucket_name_valid(name) || strlen(region) >= BUCKET_REGION_BYTES)
		return -EINVAL;
	b = calloc(1, sizeof(*b));
	if (!b)
		return -ENOMEM;
	snprintf(b->name, sizeof(b->name), "%s", name);
	snprintf(b->region, sizeof(b->region), "%s", region);
	b->created_s = time(NULL);

	bucket_lock_write();
	if (bucket_find(name))
		err = -EEXIST;
	else if (buckets.count >= BUCKETS_MAX)
		err = -EMFILE;
	else
		err = keyset_put(&buckets, b->name, strlen(b->name), b, &old);
	bucket_unlock();
	if (err)
		free(b);
	return err;
}

int bucket_delete(const char *name)
{
	struct bucket *b;
	int err = 0;

	bucket_lock_write();
	b = bucket_find(name);
	if (!b)
		err = -ENXIO;
	else if (b->objects.count || b->uploads.count)
		err = -ENOTEMPTY;
	else
		free(keyset_remove(&buckets, name, strlen(name)));
	bucket_unlock();
	return err;
}

static struct bucket_info info_of(const struct bucket *b)
{
	struct bucket_info info = {.created_s = b->created_s};

	memcpy(info.name, b->name, sizeof(info.name));
	memcpy(info.region, b->region, sizeof(info.region));
	return info;
}

int bucket_lookup(const char *name, struct bucket_info *out)
{
	struct bucket *b;

	bucket_lock_read();
	b = bucket_find(name);
	if (b)
		*out = info_of(b);
	bucket_unlock();
	return b ? 0 : -ENXIO;
}

long bucket_list(struct bucket_info **list_out)
{
	struct bucket_info *list;
	long count = 0;

	bucket_lock_read();
	list = calloc(buckets.count + 1, sizeof(*list));
	if (list) {
		for (struct keyset_node *n = buckets.head[0]; n; n = keyset_next(n))
			list[count++] = info_of(n->value);
	}
	bucket_unlock();
	if (!list)
		return -ENOMEM;
	*list_out = list;
	return count;
}
