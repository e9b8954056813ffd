/* SPDX-License-Identifier: Apache-2.0 */
/* See dirattr.h: a table of marks. */
#include "fs/dirattr.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "cache/clock.h"
#include "core/context.h"

#define SAME_SECOND_NS (2 * CLOCK_NS_PER_S) /* within which two states may have one time */

struct known {
	struct known *next;
	uint64_t hash; /* of prefix */
	uint8_t ctx[WIRE_CTX_BYTES];
	struct metadata meta;
	int64_t mark_ns; /* that state of the mark; 0: another look is due */
	bool is_own;	 /* written here: a listing without a mark is older */
	bool is_all;	 /* it says nothing else */
	char prefix[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct known *buckets[DIRATTR_BUCKETS]; /* newest first */

static bool is_it(const struct known *k, const uint8_t *ctx, const char *prefix, uint64_t hash)
{
	return k->hash == hash && !memcmp(k->ctx, ctx, WIRE_CTX_BYTES) &&
	       !strcmp(k->prefix, prefix);
}

/* With the lock, as all that follow. */
static struct known *find(const uint8_t *ctx, const char *prefix)
{
	uint64_t hash = name_ino(prefix, strlen(prefix), true);
	struct known *k = buckets[hash % DIRATTR_BUCKETS];

	while (k && !is_it(k, ctx, prefix, hash))
		k = k->next;
	return k;
}

static void drop(struct known **at)
{
	struct known *k = *at;

	*at = k->next;
	free(k);
}

static void drop_oldest(struct known **bucket)
{
	unsigned count = 0;

	while (*bucket && ++count <= DIRATTR_BUCKET_MAX)
		bucket = &(*bucket)->next;
	if (*bucket)
		drop(bucket);
}

static void put(const uint8_t *ctx, const char *prefix, const struct known *what)
{
	struct known *k = find(ctx, prefix), **bucket;
	size_t len = strlen(prefix);

	if (!k) {
		k = calloc(1, sizeof(*k) + len + 1);
		if (!k)
			return; /* then it is merely not known */
		memcpy(k->ctx, ctx, WIRE_CTX_BYTES);
		memcpy(k->prefix, prefix, len + 1);
		k->hash = name_ino(prefix, len, true);
		bucket = &buckets[k->hash % DIRATTR_BUCKETS];
		k->next = *bucket;
		*bucket = k;
		drop_oldest(bucket);
	}
	k->meta = what->meta;
	k->mark_ns = what->mark_ns;
	k->is_own = what->is_own;
	k->is_all = what->is_all;
}

/* Is what is known the state that was seen? Without a mark nothing is to be known. */
static bool is_current(const uint8_t *ctx, const char *prefix, const struct dirattr_seen *seen)
{
	struct known *k = find(ctx, prefix);

	if (!seen->has_mark && k && !k->is_own)
		k->meta = (struct metadata){0};
	return !seen->has_mark || (k && (seen->is_real || k->mark_ns == seen->mark_ns));
}

/* *mark_ns: when it was written, if that is not known yet. */
static int ask_mark(struct lookup *q, const char *prefix, struct metadata *out, int64_t *mark_ns)
{
	char scheme[8], bucket[256];
	struct store_call call = {
		.verb = STORE_HEAD,
		.ctx = q->ctx,
		.scheme = q->name.scheme,
		.bucket = q->name.bucket,
		.key = name_split(prefix, scheme, bucket),
	};
	int ret = store_run(&call);

	if (!ret)
		metadata_read(&call.user, out);
	if (!ret && !*mark_ns)
		*mark_ns = call.object.mtime_ns;
	else if (ret != -ENOENT)
		memcpy(q->message, call.message, sizeof(q->message));
	store_call_reset(&call);
	return ret;
}

static bool is_recent(int64_t ns)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * CLOCK_NS_PER_S + now.tv_nsec - ns < SAME_SECOND_NS;
}

int dirattr_learn(struct lookup *q, const char *prefix, const struct dirattr_seen *seen, bool ask)
{
	const uint8_t *ctx = context_id(q->ctx);
	struct known now = {.mark_ns = seen->mark_ns};
	int64_t mark_ns = seen->mark_ns;
	const struct known *k;
	bool current;
	int ret;

	pthread_mutex_lock(&lock);
	current = is_current(ctx, prefix, seen);
	pthread_mutex_unlock(&lock);
	if (current || !ask)
		return 0;
	ret = ask_mark(q, prefix, &now.meta, &mark_ns);
	if (ret == -ENOENT)
		return 0;
	if (ret && ret != -EACCES) /* who may list, and not read, sees what is usual */
		return ret;
	if (is_recent(seen->mark_ns))
		now.mark_ns = 0;
	pthread_mutex_lock(&lock);
	k = find(ctx, prefix);
	if (mark_ns < seen->newest_ns &&
	    !(k && k->is_own && k->meta.has_mtime && k->meta.mtime_ns == now.meta.mtime_ns))
		now.meta.has_mtime = false;
	now.is_own = k && k->is_own;
	put(ctx, prefix, &now);
	pthread_mutex_unlock(&lock);
	return 0;
}

void dirattr_real(const uint8_t *ctx, const char *prefix, const struct store_pairs *user)
{
	struct known now = {0};
	const struct known *k;

	metadata_read(user, &now.meta);
	pthread_mutex_lock(&lock);
	k = find(ctx, prefix);
	now.is_own = k && k->is_own;
	if (k && k->meta.mtime_ns == now.meta.mtime_ns) /* names may have come since */
		now.meta.has_mtime = k->meta.has_mtime;
	put(ctx, prefix, &now);
	pthread_mutex_unlock(&lock);
}

/* Others of this user, with other credentials, look again. */
static void doubt_elsewhere(const uint8_t *ctx, const char *prefix)
{
	uint64_t hash = name_ino(prefix, strlen(prefix), true);

	for (struct known *k = buckets[hash % DIRATTR_BUCKETS]; k; k = k->next)
		if (k->hash == hash && memcmp(k->ctx, ctx, WIRE_CTX_BYTES) != 0 &&
		    !strcmp(k->prefix, prefix))
			k->mark_ns = 0;
}

void dirattr_told(const uint8_t *ctx, const char *prefix, const struct metadata *meta, bool is_all)
{
	struct known own = {.meta = *meta, .is_own = true, .is_all = is_all};

	own.meta.xattr = NULL; /* the caller's */
	pthread_mutex_lock(&lock);
	put(ctx, prefix, &own);
	doubt_elsewhere(ctx, prefix);
	pthread_mutex_unlock(&lock);
}

/* The directory that an object lies in. */
static void parent_of(const char *object, char out[NAME_OBJECT_MAX])
{
	size_t len = strlen(object);

	len -= len && object[len - 1] == '/';
	while (len && object[len - 1] != '/')
		len--;
	snprintf(out, NAME_OBJECT_MAX, "%.*s", (int)len, object);
}

void dirattr_touched(const uint8_t *ctx, const char *object)
{
	char prefix[NAME_OBJECT_MAX], name[META_NAME_MAX];
	bool was_set = false;
	struct known *k;

	parent_of(object, prefix);
	pthread_mutex_lock(&lock);
	k = find(ctx, prefix);
	if (k) {
		was_set = k->meta.has_mtime;
		k->meta.has_mtime = false;
	}
	pthread_mutex_unlock(&lock);
	if (!was_set)
		return;
	/* nobody goes on with what was shown of it */
	meta_dir_name(prefix, name);
	meta_hide(ctx, name);
	snprintf(name, sizeof(name), "%.*s", (int)strlen(prefix) - 1, prefix);
	meta_hide(ctx, name);
}

/* Takes what is at or below prefix out of the table: a list. */
static struct known *take_below(const uint8_t *ctx, const char *prefix)
{
	size_t len = strlen(prefix);
	struct known *list = NULL;

	for (size_t i = 0; i < DIRATTR_BUCKETS; i++) {
		struct known **at = &buckets[i];

		while (*at) {
			struct known *k = *at;

			if (memcmp(k->ctx, ctx, WIRE_CTX_BYTES) != 0 ||
			    strncmp(k->prefix, prefix, len) != 0) {
				at = &k->next;
				continue;
			}
			*at = k->next;
			k->next = list;
			list = k;
		}
	}
	return list;
}

void dirattr_move(const uint8_t *ctx, const char *old, const char *prefix)
{
	char name[NAME_OBJECT_MAX];
	struct known *list;

	pthread_mutex_lock(&lock);
	list = take_below(ctx, old);
	while (list) {
		int len = snprintf(name, sizeof(name), "%s%s", prefix, list->prefix + strlen(old));

		list->mark_ns = 0; /* the mark is a copy, with a time of its own */
		if (len < (int)sizeof(name))
			put(ctx, name, list);
		drop(&list);
	}
	pthread_mutex_unlock(&lock);
}

void dirattr_forget(const uint8_t *ctx, const char *prefix)
{
	struct known *list;

	pthread_mutex_lock(&lock);
	list = take_below(ctx, prefix);
	pthread_mutex_unlock(&lock);
	while (list)
		drop(&list);
}

void dirattr_forget_all(void)
{
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < DIRATTR_BUCKETS; i++)
		while (buckets[i])
			drop(&buckets[i]);
	pthread_mutex_unlock(&lock);
}

static bool get(const uint8_t *ctx, const char *prefix, struct metadata *out)
{
	const struct known *k;

	pthread_mutex_lock(&lock);
	k = find(ctx, prefix);
	if (k)
		*out = k->meta;
	pthread_mutex_unlock(&lock);
	return k;
}

bool dirattr_is_all(const uint8_t *ctx, const char *prefix, struct metadata *meta)
{
	const struct known *k;
	bool is;

	pthread_mutex_lock(&lock);
	k = find(ctx, prefix);
	is = k && k->is_all;
	if (is)
		*meta = k->meta;
	pthread_mutex_unlock(&lock);
	return is;
}

bool dirattr_has_xattr(const uint8_t *ctx, const char *prefix)
{
	struct metadata known;

	return get(ctx, prefix, &known) && known.has_xattr;
}

void dirattr_keep_time(const uint8_t *ctx, const char *prefix, struct metadata *m)
{
	struct metadata known;

	m->has_mtime &= get(ctx, prefix, &known) && known.has_mtime;
}

void dirattr_apply(const uint8_t *ctx, const char *prefix, struct wire_attr *attr)
{
	struct metadata m;

	if (!get(ctx, prefix, &m))
		return;
	if (m.has_mode)
		attr->mode = S_IFDIR | (m.mode & 07777);
	if (m.has_uid)
		attr->uid = m.uid;
	if (m.has_gid)
		attr->gid = m.gid;
	if (m.has_mtime)
		attr->mtime_ns = m.mtime_ns;
}

bool dirattr_inherits(const uint8_t *ctx, const char *object, uint32_t *gid)
{
	char prefix[NAME_OBJECT_MAX];
	struct metadata m;

	parent_of(object, prefix);
	if (!get(ctx, prefix, &m) || !m.has_mode || !(m.mode & S_ISGID))
		return false;
	*gid = m.has_gid ? m.gid : WIRE_CALLER;
	return true;
}
