/* SPDX-License-Identifier: Apache-2.0 */
/* A hash table with a list in order of age, under one lock. */
#include "fs/foreign.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/pairs.h"
#include "fs/metadata.h"
#include "fs/names.h"
#include "fs/xattrs.h"

#define BUCKETS	     1024
#define NAME_CHARS   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."
#define DEFAULT_TYPE "binary/octet-stream" /* S3's word for none */

struct item {
	struct item *hash_next;
	struct item *older, *newer;
	uint64_t hash;
	char etag[STORE_ETAG_BYTES];
	struct foreign what;
	char object[]; /* NUL-terminated */
};

static struct {
	pthread_mutex_t lock;
	struct item *slot[BUCKETS];
	struct item *oldest, *newest;
	unsigned count;
} kept = {.lock = PTHREAD_MUTEX_INITIALIZER};

void foreign_free(struct foreign *f)
{
	pairs_free(&f->user);
	pairs_free(&f->fields);
}

bool foreign_is(const struct foreign *f)
{
	return f->user.count || f->fields.count;
}

static int add_all(const struct store_pairs *from, struct store_pairs *out)
{
	int ret = 0;

	for (size_t i = 0; i < from->count && !ret; i++)
		ret = pairs_add(out, from->pair[i].name, from->pair[i].value);
	return ret;
}

int foreign_copy(const struct foreign *from, struct foreign *out)
{
	int ret;

	*out = (struct foreign){0};
	ret = add_all(&from->user, &out->user);
	if (!ret)
		ret = add_all(&from->fields, &out->fields);
	if (ret)
		foreign_free(out);
	return ret;
}

/* --- what is known --- */

static uint64_t hash_of(const char *object)
{
	return name_ino(object, strlen(object), false);
}

/* With the lock: the one of that version, or the end of its chain. */
static struct item **find(const char *object, const char *etag)
{
	uint64_t hash = hash_of(object);
	struct item **at = &kept.slot[hash % BUCKETS];

	while (*at && ((*at)->hash != hash || strcmp((*at)->object, object) != 0 ||
		       strcmp((*at)->etag, etag) != 0))
		at = &(*at)->hash_next;
	return at;
}

static void drop(struct item **at)
{
	struct item *l = *at;

	if (!l)
		return;
	*at = l->hash_next;
	*(l->older ? &l->older->newer : &kept.oldest) = l->newer;
	*(l->newer ? &l->newer->older : &kept.newest) = l->older;
	kept.count--;
	foreign_free(&l->what);
	free(l);
}

/* Takes what over. */
static void insert(const char *object, const char *etag, struct foreign *what)
{
	size_t len = strlen(object) + 1;
	struct item *l = calloc(1, sizeof(*l) + len);

	if (!l) {
		foreign_free(what);
		return;
	}
	memcpy(l->object, object, len);
	memcpy(l->etag, etag, strlen(etag) + 1);
	l->what = *what;
	l->hash = hash_of(object);
	l->hash_next = kept.slot[l->hash % BUCKETS];
	kept.slot[l->hash % BUCKETS] = l;
	l->older = kept.newest;
	*(kept.newest ? &kept.newest->newer : &kept.oldest) = l;
	kept.newest = l;
	if (++kept.count > FOREIGN_MAX)
		drop(find(kept.oldest->object, kept.oldest->etag));
}

void foreign_forget(void)
{
	pthread_mutex_lock(&kept.lock);
	while (kept.oldest)
		drop(find(kept.oldest->object, kept.oldest->etag));
	pthread_mutex_unlock(&kept.lock);
}

unsigned foreign_count(void)
{
	unsigned n;

	pthread_mutex_lock(&kept.lock);
	n = kept.count;
	pthread_mutex_unlock(&kept.lock);
	return n;
}

/* Can it be sent? Blanks at the ends would be lost, the rest be refused. */
static bool can_go(const struct store_pair *pair)
{
	const char *value = pair->value;
	size_t len = strlen(value);

	if (pair->name[strspn(pair->name, NAME_CHARS)])
		return false;
	if (len && (value[0] == ' ' || value[len - 1] == ' '))
		return false;
	for (; *value; value++) {
		if (*value < ' ' || *value > '~')
			return false;
	}
	return true;
}

static int take(const struct store_pairs *user, const struct store_pairs *fields,
		struct foreign *out)
{
	int ret = 0;

	*out = (struct foreign){0};
	for (size_t i = 0; i < user->count && !ret; i++) {
		const struct store_pair *p = &user->pair[i];

		if (!metadata_is_ours(p->name) && strcmp(p->name, XATTRS_KEY) != 0 && can_go(p))
			ret = pairs_add(&out->user, p->name, p->value);
	}
	for (size_t i = 0; i < fields->count && !ret; i++) {
		const struct store_pair *p = &fields->pair[i];

		if (strcmp(p->value, DEFAULT_TYPE) != 0 && can_go(p))
			ret = pairs_add(&out->fields, p->name, p->value);
	}
	return ret;
}

static size_t bytes_of(const struct store_pairs *pairs)
{
	size_t bytes = 0;

	for (size_t i = 0; i < pairs->count; i++)
		bytes += strlen(pairs->pair[i].name) + strlen(pairs->pair[i].value);
	return bytes;
}

bool foreign_learn(const char *object, const char *etag, const struct store_pairs *user,
		   const struct store_pairs *fields)
{
	struct foreign what;
	bool is_whole = !take(user, fields, &what);
	bool is = foreign_is(&what) || !is_whole;

	pthread_mutex_lock(&kept.lock);
	drop(find(object, etag));
	if (is && is_whole && *etag &&
	    bytes_of(&what.user) + bytes_of(&what.fields) <= FOREIGN_BYTES_MAX)
		insert(object, etag, &what);
	else
		foreign_free(&what);
	pthread_mutex_unlock(&kept.lock);
	return is;
}

/* --- what goes along --- */

/* Of that version, if it is there still. */
static int ask(struct context *ctx, const char *object, const char *etag, struct foreign *out,
	       char *message)
{
	char scheme[8], bucket[256];
	struct store_call head = {
		.verb = STORE_HEAD,
		.ctx = ctx,
		.scheme = scheme,
		.bucket = bucket,
		.key = name_split(object, scheme, bucket),
	};
	int ret = store_run(&head);

	if (!ret) {
		foreign_learn(object, head.object.etag, &head.user, &head.fields);
		if (!strcmp(head.object.etag, etag))
			ret = take(&head.user, &head.fields, out);
		if (ret)
			foreign_free(out);
	} else if (ret == -ENOENT || ret == -EACCES) {
		ret = 0; /* the upload finds out; who may write need not be one who may look */
	} else {
		memcpy(message, head.message, STORE_MESSAGE_BYTES);
	}
	store_call_reset(&head);
	return ret;
}

int foreign_of(struct context *ctx, const struct cache_file *file, struct foreign *out,
	       char message[STORE_MESSAGE_BYTES])
{
	char object[CACHE_OBJECT_MAX];
	struct store_object version;
	struct item *l;
	int ret = 0;

	*out = (struct foreign){0};
	cache_object(file, object);
	cache_version(file, &version);
	pthread_mutex_lock(&kept.lock);
	l = *find(object, version.etag);
	if (l)
		ret = foreign_copy(&l->what, out);
	pthread_mutex_unlock(&kept.lock);
	if (l || !*version.etag || cache_is_plain(file))
		return ret;
	return ask(ctx, object, version.etag, out, message);
}
