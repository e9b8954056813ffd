/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store in memory behind core/store.h, for tests of fs/ and cache/ that must not depend on a
 * network. Include it once in a test: its functions stand for those of core/driver.c, which is not
 * linked then. One thread answers all calls in order, like the driver's I/O thread.
 */
#ifndef TESTS_UNIT_FAKE_STORE_H
#define TESTS_UNIT_FAKE_STORE_H

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/backend.h"
#include "core/entries.h"
#include "core/identify.h"
#include "core/pairs.h"
#include "core/store.h"

#define FAKE_OBJECTS_MAX 4096
#define FAKE_CHUNK	 50000 /* bytes of one call of the sink: no multiple of a block */

struct fake_object {
	char bucket[64];
	char *key;
	uint64_t size;
	unsigned version; /* part of the ETag and of every byte */
	char *content;	  /* of one that was written by STORE_PUT; NULL: made up */
	struct store_pairs user;
	int64_t made_s; /* when, for store_call.age_s: since 1970 */
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	pthread_t thread;
	struct store_call *queue[1024];
	unsigned queued;
	bool running, stop;
	struct fake_object objects[FAKE_OBJECTS_MAX];
	unsigned count;
	struct store_counters counters;
	bool writing; /* a PUT is reading its source */
	/* knobs */
	void (*while_writing)(void); /* called when a PUT has read its source, before it counts */
	void (*after_copy)(void);    /* called when a copy is made, before its answer */
	void (*after_head)(void);    /* called when an object was looked at, before the answer */
	void (*after_begin)(const struct store_call *get); /* called before its first byte */
	unsigned delay_us;				   /* before each answer */
	int fail;					   /* every call ends with this */
	int lose; /* a PUT is carried out, and ends with this */
	bool lose_once;
	int fail_delete, fail_copy, fail_head; /* such calls end with this */
	unsigned copies_first;		       /* so many copies do not */
	bool copy_is_lost;		       /* the next copy is made, and ends with -EIO */
	bool is_mortal;		/* so many copies and deletions are made, then nothing is: */
	unsigned changes_left;	/* all ends with -ECANCELED, as when a daemon leaves */
	bool loses_last;	/* the last of them does too */
	int fail_after_begin;	/* GETs end with this after one chunk */
	enum store_names names; /* of all its buckets; UNKNOWN: flat */
	bool has_no_etags;
	bool missing_is_other;	  /* to the deletion of many, as to Azurite */
	bool changes_midway;	  /* the next GET begins anew, with another version */
	unsigned cannot_name;	  /* keys of a STORE_DELETE_MANY, its last ones */
	unsigned page;		  /* entries of a page, 0: as asked */
	const char *fail_behind;  /* listings behind a name end so, with status 400 */
	unsigned behind;	  /* seen: such listings */
	uint64_t longest_get;	  /* seen: bytes */
	unsigned deleted_in_vain; /* seen: keys that were not there */
	unsigned most_queued;	  /* seen */
} fake = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};

static inline char fake_byte(unsigned version, uint64_t offset)
{
	return (char)(offset * 2654435761u >> 13 ^ offset >> 7 ^ version * 77);
}

static inline struct fake_object *fake_find(const char *bucket, const char *key)
{
	for (unsigned i = 0; i < fake.count; i++) {
		if (!strcmp(fake.objects[i].bucket, bucket) && !strcmp(fake.objects[i].key, key))
			return &fake.objects[i];
	}
	return NULL;
}

static inline void fake_put(const char *bucket, const char *key, uint64_t size)
{
	struct fake_object *o;

	pthread_mutex_lock(&fake.lock);
	o = fake_find(bucket, key);
	if (!o) {
		o = &fake.objects[fake.count++];
		*o = (struct fake_object){.key = strdup(key)};
		snprintf(o->bucket, sizeof(o->bucket), "%s", bucket);
	}
	o->size = size;
	o->version++;
	free(o->content);
	o->content = NULL;
	pthread_mutex_unlock(&fake.lock);
}

static inline void fake_describe(const struct fake_object *o, struct store_object *out)
{
	out->size = o->size;
	out->mtime_ns = INT64_C(1600000000000000000) + o->version;
	snprintf(out->etag, sizeof(out->etag), "\"v%u-%llu\"", o->version,
		 (unsigned long long)o->size);
	if (fake.has_no_etags)
		out->etag[0] = '\0';
}

static inline int fake_get(struct store_call *call, const struct fake_object *o)
{
	uint64_t at = call->offset, end = call->length ? at + call->length : o->size;
	unsigned version = o->version;
	char chunk[FAKE_CHUNK];
	int ret = call->sink.begin(call->sink.arg, &call->object);

	if (fake.after_begin)
		fake.after_begin(call);
	if (end > o->size)
		end = o->size;
	pthread_mutex_lock(&fake.lock);
	if (end > at && end - at > fake.longest_get)
		fake.longest_get = end - at;
	pthread_mutex_unlock(&fake.lock);
	while (!ret && at < end) {
		size_t n = end - at < sizeof(chunk) ? end - at : sizeof(chunk);

		for (size_t i = 0; i < n; i++)
			chunk[i] = o->content ? o->content[at + i] : fake_byte(version, at + i);
		__atomic_add_fetch(&fake.counters.bytes_in, n, __ATOMIC_RELAXED);
		ret = call->sink.data(call->sink.arg, at, chunk, n);
		at += n;
		if (!ret && fake.fail_after_begin)
			ret = fake.fail_after_begin;
		if (!ret && fake.changes_midway) {
			fake.changes_midway = false;
			fake_put(call->bucket, call->key, o->size);
			fake_describe(fake_find(call->bucket, call->key), &call->object);
			version++;
			at = call->offset;
			ret = call->sink.begin(call->sink.arg, &call->object);
		}
	}
	return ret;
}

static inline int fake_by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The token is the last name of the page before. */
static inline int fake_list(struct store_call *call)
{
	unsigned max = fake.page ? fake.page : STORE_LIST_MAX;
	const char *names[FAKE_OBJECTS_MAX];
	size_t n = 0, prefix = strlen(call->key);
	char last[4096] = "";
	bool bucket = false;

	for (unsigned i = 0; i < fake.count; i++) {
		if (strcmp(fake.objects[i].bucket, call->bucket) != 0)
			continue;
		bucket = true;
		if (!strncmp(fake.objects[i].key, call->key, prefix))
			names[n++] = fake.objects[i].key;
	}
	if (!bucket)
		return -ENOENT;
	fake.behind += call->after != NULL;
	if (call->after && fake.fail_behind) {
		call->status = 400;
		snprintf(call->code, sizeof(call->code), "%s", fake.fail_behind);
		return -EIO;
	}
	qsort(names, n, sizeof(names[0]), fake_by_name);
	call->list.entries = calloc(max, sizeof(struct store_entry));
	for (size_t i = 0; i < n; i++) {
		const char *slash = call->delimiter ? strchr(names[i] + prefix, call->delimiter)
						    : NULL;
		char name[4096];
		struct store_entry *e;

		snprintf(name, sizeof(name), "%.*s",
			 slash ? (int)(slash + 1 - names[i]) : (int)strlen(names[i]), names[i]);
		if ((call->token && strcmp(name, call->token) <= 0) || !strcmp(name, last) ||
		    (call->after && strcmp(name, call->after) <= 0))
			continue;
		if (call->list.count == max) {
			call->list.next_token = strdup(last);
			break;
		}
		memcpy(last, name, sizeof(last));
		e = &call->list.entries[call->list.count++];
		e->name = strdup(name);
		e->is_prefix = slash != NULL;
		if (!slash)
			fake_describe(fake_find(call->bucket, name), &e->object);
	}
	entries_charge(&call->list);
	return 0;
}

static inline int fake_buckets(struct store_call *call)
{
	call->list.entries = calloc(FAKE_OBJECTS_MAX, sizeof(struct store_entry));
	for (unsigned i = 0; i < fake.count; i++) {
		bool known = false;

		for (size_t j = 0; j < call->list.count; j++)
			known |= !strcmp(call->list.entries[j].name, fake.objects[i].bucket);
		if (!known)
			call->list.entries[call->list.count++].name =
				strdup(fake.objects[i].bucket);
	}
	return 0;
}

/* With the lock. *ret: what the change ends with; false: it is not made. */
static inline bool fake_lives(int *ret)
{
	*ret = 0;
	if (!fake.is_mortal)
		return true;
	if (!fake.changes_left || (fake.changes_left == 1 && fake.loses_last))
		*ret = -ECANCELED;
	if (!fake.changes_left)
		return false;
	fake.changes_left--;
	return true;
}

static inline int fake_set_user(struct fake_object *o, const struct store_pairs *user)
{
	int ret = 0;

	pairs_free(&o->user);
	o->user = (struct store_pairs){0};
	for (size_t i = 0; user && i < user->count && !ret; i++)
		ret = pairs_add(&o->user, user->pair[i].name, user->pair[i].value);
	return ret;
}

/* With the lock. A place for bucket/key. */
static inline struct fake_object *fake_place(struct store_call *call)
{
	struct fake_object *o = fake_find(call->bucket, call->key);

	if (!o) {
		o = &fake.objects[fake.count++];
		*o = (struct fake_object){.key = strdup(call->key)};
		snprintf(o->bucket, sizeof(o->bucket), "%s", call->bucket);
	}
	return o;
}

/* With the lock. */
static inline int fake_delete_key(const char *bucket, const char *key)
{
	struct fake_object *o = fake_find(bucket, key);
	int ret;

	if (fake.fail_delete)
		return fake.fail_delete;
	fake.deleted_in_vain += !o;
	if (!fake_lives(&ret) || !o)
		return ret;
	free(o->key);
	free(o->content);
	pairs_free(&o->user);
	*o = fake.objects[--fake.count];
	return ret;
}

/* With the lock. Does a condition on that version fail? */
static inline bool fake_is_other(const char *bucket, const char *key, const char *etag)
{
	struct fake_object *o = fake_find(bucket, key);
	struct store_object there;

	if (!etag)
		return false;
	if (!o)
		return fake.missing_is_other;
	fake_describe(o, &there);
	return strcmp(there.etag, etag) != 0;
}

/* With the lock. */
static inline int fake_delete(struct store_call *call)
{
	int ret = 0;

	if (call->verb == STORE_DELETE)
		return fake_delete_key(call->bucket, call->key);
	call->key_errors = calloc(call->key_count, sizeof(int));
	for (size_t i = 0; i < call->key_count; i++) {
		const char *etag = call->key_etags ? call->key_etags[i] : NULL;

		call->key_errors[i] = i + fake.cannot_name >= call->key_count ? -EINVAL
				      : fake_is_other(call->bucket, call->keys[i], etag)
					      ? -ESTALE
					      : fake_delete_key(call->bucket, call->keys[i]);
		ret = ret ? ret : call->key_errors[i];
	}
	return ret;
}

/* With the lock. */
static inline int fake_copy(struct store_call *call)
{
	struct fake_object *from = fake_find(call->from_bucket, call->from_key), *to;
	struct store_object version;
	int ret;

	if (fake.fail_copy && !fake.copies_first)
		return fake.fail_copy;
	if (!fake_lives(&ret))
		return ret;
	fake.copies_first -= fake.copies_first > 0;
	if (!from)
		return -ENOENT;
	fake_describe(from, &version);
	if (call->from_etag && strcmp(call->from_etag, version.etag) != 0)
		return -ESTALE;
	to = fake_find(call->bucket, call->key);
	if (call->if_none_match && to)
		return -ESTALE;
	if (call->if_match) {
		if (to)
			fake_describe(to, &version);
		if (!to || strcmp(call->if_match, version.etag) != 0)
			return -ESTALE;
	}
	to = fake_place(call);
	from = fake_find(call->from_bucket, call->from_key);
	if (to != from) {
		free(to->content);
		to->content = NULL;
		if (from->content) {
			to->content = malloc(from->size + 1);
			memcpy(to->content, from->content, from->size);
		}
		to->size = from->size;
		if (!call->set_user)
			fake_set_user(to, &from->user);
	}
	to->version = from->version + 1;
	if (call->set_user)
		fake_set_user(to, call->set_user);
	fake_describe(to, &call->object);
	if (fake.copy_is_lost)
		ret = -EIO;
	fake.copy_is_lost = false;
	return ret;
}

/* With the lock. */
static inline int fake_write(struct store_call *call)
{
	struct fake_object *o = fake_find(call->bucket, call->key);
	char etag[STORE_ETAG_BYTES] = "";
	char *content = malloc(call->source.bytes + 1);
	int ret;

	if (o) {
		fake_describe(o, &call->object);
		memcpy(etag, call->object.etag, sizeof(etag));
	}
	if ((call->if_match && strcmp(call->if_match, etag) != 0) || (call->if_none_match && o)) {
		free(content);
		return -ESTALE;
	}
	fake.writing = true;
	pthread_mutex_unlock(&fake.lock);
	ret = call->source.read(call->source.arg, 0, content, call->source.bytes);
	if (fake.while_writing)
		fake.while_writing();
	pthread_mutex_lock(&fake.lock);
	fake.writing = false;
	if (ret) {
		free(content);
		return ret;
	}
	o = fake_place(call);
	free(o->content);
	o->content = content;
	o->size = call->source.bytes;
	o->version++;
	fake_set_user(o, call->set_user);
	fake_describe(o, &call->object);
	ret = fake.lose;
	if (fake.lose_once)
		fake.lose = 0;
	return ret;
}

static inline int fake_answer(struct store_call *call)
{
	struct fake_object *o;
	struct fake_object copy;

	pthread_mutex_lock(&fake.lock);
	fake.counters.requests[call->verb]++;
	if (fake.fail) {
		snprintf(call->message, sizeof(call->message), "the fake store fails");
		pthread_mutex_unlock(&fake.lock);
		return fake.fail;
	}
	if (call->verb == STORE_PUT || call->verb == STORE_DELETE || call->verb == STORE_COPY ||
	    call->verb == STORE_DELETE_MANY) {
		int ret = call->verb == STORE_PUT    ? fake_write(call)
			  : call->verb == STORE_COPY ? fake_copy(call)
						     : fake_delete(call);

		pthread_mutex_unlock(&fake.lock);
		if (call->verb == STORE_COPY && fake.after_copy)
			fake.after_copy();
		return ret;
	}
	if (call->verb == STORE_LIST || call->verb == STORE_BUCKETS) {
		int ret = call->verb == STORE_LIST ? fake_list(call) : fake_buckets(call);

		pthread_mutex_unlock(&fake.lock);
		return ret;
	}
	o = fake_find(call->bucket, call->key);
	if (!o || (call->verb == STORE_HEAD && fake.fail_head)) {
		int ret = call->verb == STORE_HEAD && fake.fail_head ? fake.fail_head : -ENOENT;

		pthread_mutex_unlock(&fake.lock);
		return ret;
	}
	copy = *o;
	call->age_s = time(NULL) - copy.made_s;
	for (size_t i = 0; i < o->user.count; i++)
		pairs_add(&call->user, o->user.pair[i].name, o->user.pair[i].value);
	pthread_mutex_unlock(&fake.lock);
	fake_describe(&copy, &call->object);
	if (call->verb == STORE_HEAD && fake.after_head)
		fake.after_head();
	if (call->if_match && strcmp(call->if_match, call->object.etag) != 0)
		return -ESTALE;
	if (call->if_none_match && !strcmp(call->if_none_match, call->object.etag))
		return -EALREADY;
	return call->verb == STORE_GET ? fake_get(call, &copy) : 0;
}

static inline void *fake_thread(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&fake.lock);
	while (!fake.stop || fake.queued) {
		struct store_call *call;

		if (!fake.queued) {
			pthread_cond_wait(&fake.wake, &fake.lock);
			continue;
		}
		call = fake.queue[0];
		memmove(fake.queue, fake.queue + 1, --fake.queued * sizeof(call));
		pthread_mutex_unlock(&fake.lock);
		if (fake.delay_us)
			usleep(fake.delay_us);
		call->error = fake.stop ? -ECANCELED : fake_answer(call);
		call->names = fake.names ? fake.names : STORE_NAMES_FLAT;
		call->done(call);
		pthread_mutex_lock(&fake.lock);
	}
	pthread_mutex_unlock(&fake.lock);
	return NULL;
}

int store_submit(struct store_call *call)
{
	pthread_mutex_lock(&fake.lock);
	if (!fake.running) {
		fake.running = true;
		fake.stop = false;
		pthread_create(&fake.thread, NULL, fake_thread, NULL);
	}
	fake.queue[fake.queued++] = call;
	if (fake.queued > fake.most_queued)
		fake.most_queued = fake.queued;
	pthread_cond_signal(&fake.wake);
	pthread_mutex_unlock(&fake.lock);
	return 0;
}

static inline void fake_run_done(struct store_call *call)
{
	if (write((int)(intptr_t)call->arg, "", 1) != 1)
		abort();
}

int store_run(struct store_call *call)
{
	char byte;
	int fd[2];

	if (pipe(fd))
		return -errno;
	call->arg = (void *)(intptr_t)fd[1];
	call->done = fake_run_done;
	store_submit(call);
	if (read(fd[0], &byte, 1) != 1)
		abort();
	close(fd[0]);
	close(fd[1]);
	return call->error;
}

void store_call_reset(struct store_call *call)
{
	entries_free(&call->list);
	pairs_free(&call->user);
	free(call->key_errors);
	call->key_errors = NULL;
}

int store_register(const struct store_ops *ops)
{
	(void)ops;
	return 0;
}

int store_start(unsigned io_threads)
{
	(void)io_threads;
	return 0;
}

void store_stop(void)
{
	pthread_mutex_lock(&fake.lock);
	fake.stop = true;
	pthread_cond_signal(&fake.wake);
	pthread_mutex_unlock(&fake.lock);
	if (fake.running)
		pthread_join(fake.thread, NULL);
	fake.running = false;
}

int store_identify(struct context *ctx, const char *scheme, const char *bucket,
		   struct store_identity *out)
{
	(void)ctx;
	if (strcmp(scheme, "s3") != 0)
		return -EINVAL;
	memset(out, 0, sizeof(*out));
	snprintf(out->site.origin, sizeof(out->site.origin), "https://%s", bucket ? bucket : "all");
	strcpy(out->creds.source, "fake (key AK...)");
	strcpy(out->creds.secret, "never-told");
	strcpy(out->creds.tried, "one\tnothing\ntwo\tused\n");
	return 0;
}

enum store_names store_names(struct context *ctx, const char *scheme, const char *bucket)
{
	(void)ctx, (void)scheme, (void)bucket;
	return fake.names ? fake.names : STORE_NAMES_FLAT;
}

void store_counters(struct store_counters *out)
{
	pthread_mutex_lock(&fake.lock);
	*out = fake.counters;
	pthread_mutex_unlock(&fake.lock);
}

/* Requests since the last time: "head get list buckets". */
static inline const char *fake_requests(void)
{
	static char text[64];

	pthread_mutex_lock(&fake.lock);
	snprintf(text, sizeof(text), "%llu %llu %llu %llu",
		 (unsigned long long)fake.counters.requests[STORE_HEAD],
		 (unsigned long long)fake.counters.requests[STORE_GET],
		 (unsigned long long)fake.counters.requests[STORE_LIST],
		 (unsigned long long)fake.counters.requests[STORE_BUCKETS]);
	memset(fake.counters.requests, 0, sizeof(fake.counters.requests));
	pthread_mutex_unlock(&fake.lock);
	return text;
}

#endif
