/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One struct fetch for each GET on its way. Its sink runs on the I/O thread: it writes to the cache
 * and signals, and waits for nothing.
 */
#include "fs/fetch.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/clock.h"
#include "cache/readahead.h"
#include "core/context.h"
#include "fs/meta.h"
#include "fs/show.h"
#include "fs/untold.h"

#define MADE_UP '\1' /* starts a version that is no ETag: no service sends control characters */

struct fetch {
	struct store_call call;
	struct cache_part *part; /* NULL: the bytes are not needed */
	char scheme[8], bucket[256];
	char etag[STORE_ETAG_BYTES]; /* if_match or if_none_match */
	struct store_object
		object;	  /* of a part: the version it is of; of an open: what was found */
	int64_t asked_ns; /* of a part */
	char key[WIRE_PATH_MAX];

	/* of an open only */
	pthread_mutex_t lock;
	pthread_cond_t known;
	unsigned refs;
	bool is_known; /* begun or done */
	int error;
	struct cache_file *file; /* a reference for the opener */
	struct meta_fact fact;
	char message[STORE_MESSAGE_BYTES];
	char path_text[WIRE_PATH_MAX];
	fetch_landed *landed; /* of one ahead: nobody waits */
	bool is_wanted;	      /* atomic: ... yet */
};

void fetch_version(const struct store_object *object, char out[STORE_ETAG_BYTES])
{
	if (object->etag[0] || !object->size)
		snprintf(out, STORE_ETAG_BYTES, "%s", object->etag);
	else
		snprintf(out, STORE_ETAG_BYTES, "%c%llx-%llx", MADE_UP,
			 (unsigned long long)object->mtime_ns, (unsigned long long)object->size);
}

/* May a request be conditional on this version? If-Match compares strongly (RFC 9110, 13.1.1), so a
 * weak one would never match. */
static bool can_match(const char *version)
{
	return *version && *version != MADE_UP && strncmp(version, "W/", 2) != 0;
}

/* --- parts of a version that is known --- */

static int part_begin(void *arg, const struct store_object *object)
{
	struct fetch *f = arg;
	char version[STORE_ETAG_BYTES];

	fetch_version(object, version);
	f->object.mtime_ns = object->mtime_ns;
	return object->size != f->object.size || strcmp(version, f->etag) != 0 ? -ESTALE : 0;
}

static int part_data(void *arg, uint64_t offset, const void *data, size_t bytes)
{
	struct fetch *f = arg;

	return cache_part_data(f->part, offset, data, bytes);
}

/* Has another version been made of it here, by publishing, since it was asked for, or has it lost
 * the name that it was asked for by? */
static bool is_superseded(const struct fetch *f)
{
	char object[CACHE_OBJECT_MAX], scheme[8], bucket[256];
	struct store_object now;

	cache_version(f->part->file, &now);
	cache_object(f->part->file, object);
	return strcmp(now.etag, f->etag) != 0 ||
	       strcmp(name_split(object, scheme, bucket), f->key) != 0;
}

static void part_done(struct store_call *call)
{
	struct fetch *f = call->arg;
	int error = call->error;
	char object[CACHE_OBJECT_MAX];

	if (error == -ENOENT)
		error = -ESTALE; /* it was there when it was opened */
	if (error == -ESTALE && is_superseded(f) && !fetch_part(f->part)) {
		store_call_reset(call);
		free(f);
		return;
	}
	if (error == -ESTALE) {
		cache_object(f->part->file, object);
		meta_forget(cache_ctx(f->part->file), object);
	} else if (!error) {
		snprintf(object, sizeof(object), "%s/%s/%s", f->scheme, f->bucket, f->key);
		meta_confirm(cache_ctx(f->part->file), object, &f->object, f->asked_ns);
	}
	cache_part_done(f->part, error, call->message);
	store_call_reset(call);
	free(f);
}

int fetch_part(struct cache_part *part)
{
	struct fetch *f = calloc(1, sizeof(*f));
	char object[CACHE_OBJECT_MAX];
	int ret;

	if (!f)
		return -ENOMEM;
	f->part = part;
	f->asked_ns = clock_ns();
	cache_version(part->file, &f->object);
	memcpy(f->etag, f->object.etag, sizeof(f->etag));
	cache_object(part->file, object);
	snprintf(f->key, sizeof(f->key), "%s", name_split(object, f->scheme, f->bucket));
	f->call = (struct store_call){
		.verb = STORE_GET,
		.ctx = context_find(cache_ctx(part->file)),
		.scheme = f->scheme,
		.bucket = f->bucket,
		.key = f->key,
		.offset = part->offset,
		.length = part->length,
		.is_ahead = part->is_ahead,
		.is_wanted = &part->is_wanted,
		.is_bulk = part->length >= READAHEAD_PART_MIN,
		.if_match = can_match(f->etag) ? f->etag : NULL,
		.sink = {part_begin, part_data, f},
		.done = part_done,
		.arg = f,
	};
	ret = f->call.ctx ? store_submit(&f->call) : -EIO;
	if (ret)
		free(f);
	return ret;
}

/* --- the GET of an open --- */

static void fetch_unref(struct fetch *f)
{
	bool last;

	pthread_mutex_lock(&f->lock);
	last = --f->refs == 0;
	pthread_mutex_unlock(&f->lock);
	if (!last)
		return;
	pthread_mutex_destroy(&f->lock);
	pthread_cond_destroy(&f->known);
	free(f);
}

static void make_known(struct fetch *f, int error)
{
	pthread_mutex_lock(&f->lock);
	if (!f->is_known)
		f->error = error;
	f->is_known = true;
	pthread_cond_signal(&f->known);
	pthread_mutex_unlock(&f->lock);
}

/* A retry began anew: it must be the same version still. */
static int open_begin_again(const struct fetch *f, const struct store_object *object)
{
	char before[STORE_ETAG_BYTES], now[STORE_ETAG_BYTES];

	fetch_version(&f->object, before);
	fetch_version(object, now);
	return object->size == f->object.size && !strcmp(now, before) ? 0 : -ESTALE;
}

static int open_begin(void *arg, const struct store_object *object)
{
	struct fetch *f = arg;
	char name[NAME_OBJECT_MAX], version[STORE_ETAG_BYTES];
	struct wire_attr attr;
	const struct cache_new what = {
		.ctx = context_id(f->call.ctx),
		.object = name,
		.etag = version,
		.path = f->path_text,
		.attr = &attr,
		.first_bytes = READAHEAD_OPEN_BYTES,
		.is_wanted = &f->is_wanted, /* also by who finds the file while its bytes come */
	};
	struct cache_file *file;
	int ret;

	if (f->is_known)
		return open_begin_again(f, object);
	snprintf(name, sizeof(name), "%s/%s/%s", f->scheme, f->bucket, f->key);
	lookup_file_fact(name, object, &f->call.user, &f->call.fields, &f->fact);
	untold_learn(name, &f->fact, NULL, lookup_xattr(&f->call.user));
	lookup_file_attr(name, &f->fact, &attr);
	fetch_version(object, version);
	ret = cache_create_with(&what, &file, &f->part);
	if (ret)
		return ret;
	cache_set_plain(file, !f->fact.has_foreign);
	f->file = file;
	f->object = *object;
	make_known(f, 0);
	return 0;
}

static int open_data(void *arg, uint64_t offset, const void *data, size_t bytes)
{
	struct fetch *f = arg;

	return f->part ? cache_part_data(f->part, offset, data, bytes) : 0;
}

static void open_done(struct store_call *call)
{
	struct fetch *f = call->arg;

	if (f->part)
		cache_part_done(f->part, call->error, call->message);
	f->part = NULL;
	if (!f->is_known)
		snprintf(f->message, sizeof(f->message), "%s", call->message);
	/* a success without begin() would be a driver's fault, and must not look like a file */
	make_known(f, call->error ? call->error : -EIO);
	store_call_reset(call);
	fetch_unref(f);
}

static struct fetch *open_new(struct lookup *q, const char *etag)
{
	struct fetch *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->known, NULL);
	f->refs = 1;
	memcpy(f->scheme, q->name.scheme, sizeof(f->scheme));
	memcpy(f->bucket, q->name.bucket, sizeof(f->bucket));
	memcpy(f->key, q->name.key, sizeof(f->key));
	memcpy(f->path_text, q->path, sizeof(f->path_text));
	snprintf(f->etag, sizeof(f->etag), "%s", etag ? etag : "");
	f->call = (struct store_call){
		.verb = STORE_GET,
		.ctx = q->ctx,
		.scheme = f->scheme,
		.bucket = f->bucket,
		.key = f->key,
		.length = READAHEAD_OPEN_BYTES,
		.if_none_match = f->etag[0] && f->etag[0] != MADE_UP ? f->etag : NULL,
		.sink = {open_begin, open_data, f},
		.done = open_done,
		.arg = f,
	};
	return f;
}

int fetch_open(struct lookup *q, const char *etag, struct cache_file **file_out,
	       struct meta_fact *fact_out)
{
	struct fetch *f = open_new(q, etag);
	int ret;

	if (!f)
		return -ENOMEM;
	f->refs++; /* done()'s */
	ret = store_submit(&f->call);
	if (ret) {
		f->refs--;
		fetch_unref(f);
		return ret;
	}
	pthread_mutex_lock(&f->lock);
	while (!f->is_known)
		pthread_cond_wait(&f->known, &f->lock);
	ret = f->error;
	pthread_mutex_unlock(&f->lock);

	if (ret) {
		memcpy(q->message, f->message, sizeof(q->message));
	} else {
		*file_out = f->file;
		*fact_out = f->fact;
	}
	fetch_unref(f);
	return ret;
}

/* --- the same, ahead --- */

static void name_of(const struct fetch *f, char out[NAME_OBJECT_MAX])
{
	snprintf(out, NAME_OBJECT_MAX, "%s/%s/%s", f->scheme, f->bucket, f->key);
}

static int ahead_begin(void *arg, const struct store_object *object)
{
	struct fetch *f = arg;
	char name[NAME_OBJECT_MAX];
	bool again = f->is_known;
	int ret = open_begin(f, object);

	if (ret || again)
		return ret;
	name_of(f, name);
	meta_leave_ahead(context_id(f->call.ctx), name, &f->fact);
	show_known(context_id(f->call.ctx), name, f->path_text);
	return 0;
}

static void ahead_done(struct store_call *call)
{
	struct fetch *f = call->arg;
	const uint8_t *ctx = context_id(call->ctx);
	char name[NAME_OBJECT_MAX];

	name_of(f, name);
	if (f->part)
		cache_part_done(f->part, call->error, call->message);
	if (!f->is_known)
		meta_leave_ahead(ctx, name, NULL);
	if (f->file)
		cache_put(f->file);
	f->landed(ctx, name, call->error);
	store_call_reset(call);
	fetch_unref(f);
}

int fetch_ahead(struct lookup *q, fetch_landed *landed)
{
	struct fetch *f = open_new(q, NULL);
	char name[NAME_OBJECT_MAX];
	int ret = f ? 0 : -ENOMEM;

	name_object(&q->name, name);
	if (f) {
		f->landed = landed;
		f->call.is_ahead = true;
		f->call.is_wanted = &f->is_wanted;
		meta_want_ahead(context_id(q->ctx), name, &f->is_wanted);
		f->call.sink.begin = ahead_begin;
		f->call.done = ahead_done;
		ret = store_submit(&f->call);
	}
	if (ret) {
		meta_leave_ahead(context_id(q->ctx), name, NULL);
		if (f)
			fetch_unref(f);
	}
	return ret;
}
