/* SPDX-License-Identifier: Apache-2.0 */
/* Multipart uploads: see uploads.h. All state is under the lock of bucket.h. */
#include "tests/store/uploads.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>

#include "tests/store/bucket.h"
#include "tests/store/scope.h"

#define FINISHED_MAX 1024u /* uploads remembered after their end */
#define MD5_BYTES    16u

struct part {
	struct upload_part info;
	struct content *content;
};

struct upload {
	char id[UPLOAD_ID_BYTES];
	int64_t started_s;
	struct headers headers;
	struct part *parts; /* ascending by number */
	size_t count;
	size_t key_len;
	size_t name_len;
	char name[]; /* key, NUL, id: its place in the keyset */
};

struct finished {
	char id[UPLOAD_ID_BYTES];
	char etag[OBJECT_ETAG_BYTES];
};

static struct finished finished[FINISHED_MAX];
static uint64_t finished_count;
static uint64_t upload_count;

static void upload_free(struct upload *u)
{
	if (!u)
		return;
	for (size_t i = 0; i < u->count; i++)
		content_put(u->parts[i].content);
	free(u->parts);
	headers_free(&u->headers);
	free(u);
}

/* *u_out: the upload; the lock is held. */
static int find(const char *bucket, const char *key, const char *id, struct bucket **b_out,
		struct upload **u_out)
{
	struct bucket *b = bucket_find(bucket);
	char name[OBJECT_KEY_MAX + 1 + UPLOAD_ID_BYTES];
	size_t key_len = strlen(key);
	size_t id_len = strlen(id);
	struct upload *u;

	if (!b)
		return -ENXIO;
	if (key_len > OBJECT_KEY_MAX || id_len >= UPLOAD_ID_BYTES)
		return -ENOENT;
	memcpy(name, key, key_len + 1);
	memcpy(name + key_len + 1, id, id_len + 1);
	u = keyset_get(&b->uploads, name, key_len + 1 + id_len);
	if (!u)
		return -ENOENT;
	*b_out = b;
	*u_out = u;
	return 0;
}

int uploads_create(const char *bucket, const char *key, struct headers *headers,
		   char id_out[UPLOAD_ID_BYTES])
{
	size_t key_len = strlen(key);
	struct upload *u = calloc(1, sizeof(*u) + key_len + 1 + UPLOAD_ID_BYTES);
	struct bucket *b;
	void *old;
	int err = 0;

	if (!u) {
		headers_free(headers);
		return -ENOMEM;
	}
	u->headers = *headers;
	*headers = (struct headers){0};
	u->started_s = time(NULL);
	u->key_len = key_len;

	bucket_lock_write();
	snprintf(u->id, sizeof(u->id), "%016llx%016llx", (unsigned long long)u->started_s,
		 (unsigned long long)++upload_count);
	memcpy(u->name, key, key_len + 1);
	memcpy(u->name + key_len + 1, u->id, UPLOAD_ID_BYTES);
	u->name_len = key_len + 1 + strlen(u->id);
	b = bucket_find(bucket);
	if (!b)
		err = -ENXIO;
	else if (b->uploads.count >= UPLOADS_MAX)
		err = -EMFILE;
	else
		err = keyset_put(&b->uploads, u->name, u->name_len, u, &old);
	if (!err)
		memcpy(id_out, u->id, UPLOAD_ID_BYTES);
	bucket_unlock();
	if (err)
		upload_free(u);
	return err;
}

/* Where number stands, or would stand. */
static size_t part_index(const struct upload *u, unsigned number)
{
	size_t low = 0, high = u->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (u->parts[mid].info.number < number)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* Sets *old_out to a content to put after the lock is gone. */
static int set_part(struct upload *u, const struct part *part, struct content **old_out)
{
	size_t at = part_index(u, part->info.number);
	struct part *parts;

	if (at < u->count && u->parts[at].info.number == part->info.number) {
		*old_out = u->parts[at].content;
		u->parts[at] = *part;
		return 0;
	}
	parts = realloc(u->parts, (u->count + 1) * sizeof(*parts));
	if (!parts)
		return -ENOMEM;
	u->parts = parts;
	memmove(parts + at + 1, parts + at, (u->count - at) * sizeof(*parts));
	parts[at] = *part;
	u->count++;
	return 0;
}

int uploads_put_part(const char *bucket, const char *key, const char *id, unsigned number,
		     struct content *content, const char *etag)
{
	struct part part = {
		.info = {.number = number, .mtime_s = time(NULL), .bytes = content_bytes(content)},
		.content = content};
	struct content *old = NULL;
	struct bucket *b;
	struct upload *u;
	int err;

	snprintf(part.info.etag, sizeof(part.info.etag), "%s", etag);
	bucket_lock_write();
	err = find(bucket, key, id, &b, &u);
	if (!err)
		err = set_part(u, &part, &old);
	bucket_unlock();
	content_put(err ? content : old);
	return err;
}

long uploads_parts(const char *bucket, const char *key, const char *id,
		   struct upload_part **parts_out)
{
	struct upload_part *parts = NULL;
	struct bucket *b;
	struct upload *u;
	long ret;

	bucket_lock_read();
	ret = find(bucket, key, id, &b, &u);
	if (!ret) {
		ret = (long)u->count;
		parts = calloc(u->count + 1, sizeof(*parts));
		for (size_t i = 0; parts && i < u->count; i++)
			parts[i] = u->parts[i].info;
		if (!parts)
			ret = -ENOMEM;
	}
	bucket_unlock();
	if (ret >= 0)
		*parts_out = parts;
	return ret;
}

void uploads_list_free(struct upload_info *list, long count)
{
	for (long i = 0; i < count; i++)
		free(list[i].key);
	free(list);
}

long uploads_list(const char *bucket, struct upload_info **list_out)
{
	struct upload_info *list = NULL;
	struct bucket *b;
	long count = 0;

	bucket_lock_read();
	b = bucket_find(bucket);
	if (b)
		list = calloc(b->uploads.count + 1, sizeof(*list));
	for (struct keyset_node *n = list ? b->uploads.head[0] : NULL; n; n = keyset_next(n)) {
		const struct upload *u = n->value;

		list[count].key = strdup(u->name);
		if (!list[count].key)
			break;
		memcpy(list[count].id, u->id, UPLOAD_ID_BYTES);
		list[count++].started_s = u->started_s;
	}
	bucket_unlock();
	if (!b)
		return -ENXIO;
	if (!list)
		return -ENOMEM;
	*list_out = list;
	return count;
}

static int hex_pair(const char *at)
{
	unsigned byte;

	return sscanf(at, "%2x", &byte) == 1 ? (int)byte : -1;
}

/* The ETag of a joined object. */
static int joined_etag(const struct upload_complete *how, char etag_out[OBJECT_ETAG_BYTES])
{
	SCOPE_FREE unsigned char *all = malloc(how->count * MD5_BYTES);
	unsigned char sum[EVP_MAX_MD_SIZE];
	size_t len = 0;

	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < how->count; i++) {
		for (size_t j = 0; j < MD5_BYTES; j++)
			all[i * MD5_BYTES + j] =
				(unsigned char)hex_pair(how->parts[i].etag + 2 * j);
	}
	if (!EVP_Q_digest(NULL, "MD5", NULL, all, how->count * MD5_BYTES, sum, &len))
		return -ENOMEM;
	for (size_t i = 0; i < MD5_BYTES; i++)
		snprintf(etag_out + 2 * i, 3, "%02x", sum[i]);
	snprintf(etag_out + 2 * (size_t)MD5_BYTES, OBJECT_ETAG_BYTES - 2 * MD5_BYTES, "-%zu",
		 how->count);
	return 0;
}

/* Checks the wanted parts against those there and joins them. */
static int join(const struct upload *u, const struct upload_complete *how,
		struct content **content_out)
{
	SCOPE_FREE struct content **items = calloc(how->count + 1, sizeof(void *));
	struct content *content;

	if (!items)
		return -ENOMEM;
	for (size_t i = 0; i < how->count; i++) {
		size_t at = part_index(u, how->parts[i].number);
		const struct part *p = &u->parts[at];

		if (at == u->count || p->info.number != how->parts[i].number ||
		    strcmp(p->info.etag, how->parts[i].etag) != 0)
			return -EINVAL;
		if (i + 1 < how->count && p->info.bytes < how->part_bytes_min)
			return -ERANGE;
		items[i] = p->content;
	}
	content = content_join(items, how->count);
	if (!content)
		return -ENOMEM;
	*content_out = content;
	return 0;
}

/* The object that the upload becomes, with a reference. The lock is held. */
static int build(struct upload *u, const struct upload_complete *how, struct object **out)
{
	struct content *content;
	struct object *o;
	int err = join(u, how, &content);

	if (err)
		return err;
	o = object_new(u->name, u->key_len, content);
	if (!o)
		return -ENOMEM;
	err = joined_etag(how, o->etag);
	if (!err)
		err = headers_copy(&o->headers, &u->headers);
	if (err)
		object_put(o);
	else
		*out = o;
	return err;
}

static int was_finished(const char *id, char etag_out[OBJECT_ETAG_BYTES])
{
	int err = -ENOENT;

	bucket_lock_read();
	for (size_t i = 0; i < FINISHED_MAX; i++) {
		if (finished[i].id[0] && !strcmp(finished[i].id, id)) {
			memcpy(etag_out, finished[i].etag, OBJECT_ETAG_BYTES);
			err = 0;
		}
	}
	bucket_unlock();
	return err;
}

/* Forgets an upload; with an ETag, as one that became an object. */
static int forget(const char *bucket, const char *key, const char *id, const char *etag)
{
	struct bucket *b;
	struct upload *u = NULL;
	int err;

	bucket_lock_write();
	err = find(bucket, key, id, &b, &u);
	if (!err)
		keyset_remove(&b->uploads, u->name, u->name_len);
	if (!err && etag) {
		struct finished *f = &finished[finished_count++ % FINISHED_MAX];

		memcpy(f->id, u->id, sizeof(f->id));
		snprintf(f->etag, sizeof(f->etag), "%s", etag);
	}
	bucket_unlock();
	if (!err)
		upload_free(u);
	return err;
}

int uploads_complete(const char *bucket, const char *key, const char *id,
		     const struct upload_complete *how, char etag_out[OBJECT_ETAG_BYTES])
{
	struct object *o;
	struct bucket *b;
	struct upload *u;
	char etag[OBJECT_ETAG_BYTES];
	int err;

	bucket_lock_read();
	err = find(bucket, key, id, &b, &u);
	if (!err)
		err = build(u, how, &o);
	else if (err == -ENOENT)
		err = 1; /* look among the finished ones, without the lock */
	bucket_unlock();
	if (err == 1)
		return was_finished(id, etag_out);
	if (err)
		return err;

	memcpy(etag, o->etag, sizeof(etag));
	err = objects_store(bucket, o, &how->condition);
	if (err)
		return err == -ENOENT ? -ESRCH : err;
	forget(bucket, key, id, etag);
	memcpy(etag_out, etag, OBJECT_ETAG_BYTES);
	return 0;
}

int uploads_abort(const char *bucket, const char *key, const char *id)
{
	return forget(bucket, key, id, NULL);
}
