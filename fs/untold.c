/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hash table with a list in order of age, under one lock, and a file to which every change is
 * appended as one record: a daemon that is killed leaves at most half of one, which the next finds
 * by its sum. When most of the file is old it is written anew.
 */
#include "fs/untold.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/log.h"
#include "core/scope.h"

#define BUCKETS	      16384
#define RECORD_MAGIC  0x54554b53u /* "SKUT" */
#define LOAD_BYTES    (1u << 20)  /* at a time: more than a record */
#define SPARE_RECORDS 1024	  /* old ones that do not make the file worth writing anew */

struct item {
	struct item *hash_next;
	struct item *older, *newer;
	uint64_t hash;
	uint64_t size;
	int64_t mtime_ns;
	char *object; /* these four in one allocation with the struct */
	char *etag;
	char *target; /* of a link; "": not known */
	char *xattr;  /* "": none */
	bool is_link;
};

/* What is put in, or taken out of the file. */
struct what {
	const char *target, *xattr;
	bool is_link;
};

/* In the file; object, etag, target and xattr follow, without NUL. */
struct record {
	uint32_t magic;
	uint32_t sum; /* of all that follows it */
	uint64_t size;
	int64_t mtime_ns;
	uint16_t object_len, etag_len, target_len, xattr_len;
	uint16_t flags, zero[3];
};

#define RECORD_GONE 1u /* nothing is kept of it any more; only object_len counts */
#define RECORD_LINK 2u

#define RECORD_MAX \
	(sizeof(struct record) + NAME_OBJECT_MAX + STORE_ETAG_BYTES + WIRE_PATH_MAX + XATTRS_MAX)

static struct {
	pthread_mutex_t lock;
	struct item *slot[BUCKETS];
	struct item *oldest, *newest;
	uint64_t count;
	int fd;		   /* the file, open for appending; -1: none */
	int dir_fd;	   /* its directory's; -1: none */
	uint64_t records;  /* in it */
	uint64_t patience; /* so many, and it is not written anew: that has failed */
} kept = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1, .dir_fd = -1};

static struct item **find(const char *object)
{
	uint64_t hash = name_ino(object, strlen(object), false);
	struct item **at = &kept.slot[hash % BUCKETS];

	while (*at && ((*at)->hash != hash || strcmp((*at)->object, object) != 0))
		at = &(*at)->hash_next;
	return at;
}

static void drop(struct item **at)
{
	struct item *l = *at;

	*at = l->hash_next;
	*(l->older ? &l->older->newer : &kept.oldest) = l->newer;
	*(l->newer ? &l->newer->older : &kept.newest) = l->older;
	kept.count--;
	free(l);
}

/* In place of what is there. False: no memory. */
static bool insert(const char *object, const struct store_object *version, const struct what *w)
{
	size_t object_len = strlen(object) + 1, etag_len = strlen(version->etag) + 1;
	size_t target_len = strlen(w->target) + 1, xattr_len = strlen(w->xattr) + 1;
	struct item **at = find(object);
	struct item *l;

	l = malloc(sizeof(*l) + object_len + etag_len + target_len + xattr_len);
	if (!l)
		return false;
	l->object = (char *)(l + 1);
	l->etag = l->object + object_len;
	l->target = l->etag + etag_len;
	memcpy(l->object, object, object_len);
	memcpy(l->etag, version->etag, etag_len);
	memcpy(l->target, w->target, target_len);
	l->xattr = l->target + target_len;
	memcpy(l->xattr, w->xattr, xattr_len);
	l->is_link = w->is_link;
	if (*at)
		drop(at); /* what w points to may be its */
	l->size = version->size;
	l->mtime_ns = version->mtime_ns;
	l->hash = name_ino(object, object_len - 1, false);
	l->hash_next = kept.slot[l->hash % BUCKETS];
	kept.slot[l->hash % BUCKETS] = l;
	l->newer = NULL;
	l->older = kept.newest;
	*(kept.newest ? &kept.newest->newer : &kept.oldest) = l;
	kept.newest = l;
	if (++kept.count > UNTOLD_MAX)
		drop(find(kept.oldest->object));
	return true;
}

/* --- the file --- */

/* FNV-1a: it finds what was cut short, not what somebody made up. */
static uint32_t sum_of(const char *bytes, size_t len)
{
	uint32_t sum = 2166136261u;

	for (size_t i = 0; i < len; i++)
		sum = (sum ^ (uint8_t)bytes[i]) * 16777619u;
	return sum;
}

/* Returns its bytes. l: with is_gone, only its object counts. */
static size_t make_record(const struct item *l, bool is_gone, char out[RECORD_MAX])
{
	struct record r = {
		.magic = RECORD_MAGIC,
		.size = l->size,
		.mtime_ns = l->mtime_ns,
		.object_len = (uint16_t)strlen(l->object),
		.etag_len = is_gone ? 0 : (uint16_t)strlen(l->etag),
		.target_len = is_gone ? 0 : (uint16_t)strlen(l->target),
		.xattr_len = is_gone ? 0 : (uint16_t)strlen(l->xattr),
		.flags = is_gone      ? RECORD_GONE
			 : l->is_link ? RECORD_LINK
				      : 0,
	};
	const size_t from = offsetof(struct record, size);
	size_t at = sizeof(r);

	memcpy(out + at, l->object, r.object_len);
	at += r.object_len;
	memcpy(out + at, l->etag, r.etag_len);
	at += r.etag_len;
	memcpy(out + at, l->target, r.target_len);
	at += r.target_len;
	memcpy(out + at, l->xattr, r.xattr_len);
	at += r.xattr_len;
	memcpy(out, &r, sizeof(r));
	r.sum = sum_of(out + from, at - from);
	memcpy(out, &r, sizeof(r));
	return at;
}

static void append(const struct item *l, bool is_gone)
{
	char bytes[RECORD_MAX];
	size_t len;

	if (kept.fd < 0)
		return;
	len = make_record(l, is_gone, bytes);
	kept.records++;
	if (write(kept.fd, bytes, len) == (ssize_t)len)
		return;
	log_warn("what listings do not tell is not kept any more: %s", strerror(errno));
	close(kept.fd);
	kept.fd = -1;
}

/* Takes in the record at bytes. Its length, or 0: there is none. */
static size_t take_record(const char *bytes, size_t room)
{
	char object[NAME_OBJECT_MAX], target[WIRE_PATH_MAX], xattr[XATTRS_MAX];
	const struct what what = {target, xattr, true};
	struct store_object version = {0};
	const char *at = bytes + sizeof(struct record);
	const size_t from = offsetof(struct record, size);
	struct record r;
	size_t len;

	if (room < sizeof(r))
		return 0;
	memcpy(&r, bytes, sizeof(r));
	len = sizeof(r) + r.object_len + r.etag_len + r.target_len + r.xattr_len;
	if (r.magic != RECORD_MAGIC || len > room || r.object_len >= sizeof(object) ||
	    r.etag_len >= sizeof(version.etag) || r.target_len >= sizeof(target) ||
	    r.xattr_len >= sizeof(xattr) || r.sum != sum_of(bytes + from, len - from))
		return 0;
	snprintf(object, sizeof(object), "%.*s", (int)r.object_len, at);
	at += r.object_len;
	snprintf(version.etag, sizeof(version.etag), "%.*s", (int)r.etag_len, at);
	at += r.etag_len;
	snprintf(target, sizeof(target), "%.*s", (int)r.target_len, at);
	at += r.target_len;
	snprintf(xattr, sizeof(xattr), "%.*s", (int)r.xattr_len, at);
	version.size = r.size;
	version.mtime_ns = r.mtime_ns;
	if (!(r.flags & RECORD_GONE))
		insert(object, &version,
		       &(struct what){what.target, what.xattr, r.flags & RECORD_LINK});
	else if (*find(object))
		drop(find(object));
	return len;
}

/* Reads all that is whole. Returns its bytes, or an error. */
static off_t load(int fd)
{
	SCOPE_FREE char *bytes = malloc(LOAD_BYTES);
	size_t have = 0, at = 0, len;
	off_t whole = 0;
	ssize_t n;

	if (!bytes)
		return -ENOMEM;
	do {
		memmove(bytes, bytes + at, have - at);
		have -= at;
		n = pread(fd, bytes + have, LOAD_BYTES - have, whole + (off_t)have);
		if (n < 0)
			return -errno;
		have += (size_t)n;
		for (at = 0; (len = take_record(bytes + at, have - at)); at += len)
			kept.records++;
		whole += (off_t)at;
	} while (n); /* nothing, too, when there is no record in all that has room */
	return whole;
}

static int write_all(int fd)
{
	SCOPE_FREE char *bytes = malloc(LOAD_BYTES);
	size_t have = 0;

	if (!bytes)
		return -ENOMEM;
	for (const struct item *l = kept.oldest; l; l = l->newer) {
		have += make_record(l, false, bytes + have);
		if (l->newer && have + RECORD_MAX <= LOAD_BYTES)
			continue;
		if (write(fd, bytes, have) != (ssize_t)have)
			return -EIO;
		have = 0;
	}
	return 0;
}

/* With the lock, and with all that is to be in it in the table. */
static void tidy(void)
{
	SCOPE_FD int fd = -1;

	if (kept.fd < 0 || kept.records <= 2 * kept.count + SPARE_RECORDS ||
	    kept.records <= kept.patience)
		return;
	fd = openat(kept.dir_fd, UNTOLD_FILE ".new",
		    O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 || write_all(fd) ||
	    renameat(kept.dir_fd, UNTOLD_FILE ".new", kept.dir_fd, UNTOLD_FILE)) {
		unlinkat(kept.dir_fd, UNTOLD_FILE ".new", 0);
		kept.patience = 2 * kept.records;
		return;
	}
	close(kept.fd);
	kept.fd = take_fd(&fd);
	kept.records = kept.count;
	kept.patience = 0;
}

static void forget_file(void)
{
	if (kept.fd >= 0)
		close(kept.fd);
	if (kept.dir_fd >= 0)
		close(kept.dir_fd);
	kept.fd = kept.dir_fd = -1;
	kept.records = kept.patience = 0;
}

void untold_start(int dir_fd)
{
	off_t whole;

	if (dir_fd < 0)
		return;
	pthread_mutex_lock(&kept.lock);
	kept.dir_fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);
	kept.fd = openat(dir_fd, UNTOLD_FILE, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC,
			 0600);
	whole = kept.fd < 0 ? -errno : load(kept.fd);
	if (kept.dir_fd < 0 || whole < 0 || ftruncate(kept.fd, whole)) {
		log_warn("what listings do not tell is not kept: the file %s cannot be used",
			 UNTOLD_FILE);
		forget_file();
	}
	tidy();
	pthread_mutex_unlock(&kept.lock);
}

void untold_stop(void)
{
	pthread_mutex_lock(&kept.lock);
	while (kept.oldest)
		drop(find(kept.oldest->object));
	forget_file();
	pthread_mutex_unlock(&kept.lock);
}

/* --- what is known --- */

static bool is_version(const struct item *l, const struct store_object *version)
{
	return *version->etag && l->size == version->size && !strcmp(l->etag, version->etag);
}

static void keep(const char *object, const struct store_object *version, const struct what *w)
{
	if (*version->etag && insert(object, version, w))
		append(*find(object), false);
}

void untold_learn(const char *object, const struct meta_fact *fact, const char *target,
		  const char *xattr)
{
	bool is_file = fact->kind == META_FILE;
	struct what now = {"", "", is_file && fact->is_link};
	struct item *known;

	pthread_mutex_lock(&kept.lock);
	known = kept.count ? *find(object) : NULL;
	if (known && is_version(known, &fact->object))
		now = (struct what){known->target, known->xattr, now.is_link};
	if (target)
		now.target = target;
	if (xattr)
		now.xattr = xattr;
	if (is_file && (now.is_link || fact->has_xattr)) {
		if (!known || !is_version(known, &fact->object) ||
		    known->mtime_ns != fact->object.mtime_ns || known->is_link != now.is_link ||
		    strcmp(known->target, now.target) != 0 || strcmp(known->xattr, now.xattr) != 0)
			keep(object, &fact->object, &now);
	} else if (known) {
		append(known, true);
		drop(find(object));
	}
	tidy();
	pthread_mutex_unlock(&kept.lock);
}

void untold_copied(const char *old, const char *new, const struct store_object *version)
{
	struct item *l;

	pthread_mutex_lock(&kept.lock);
	l = kept.count ? *find(old) : NULL;
	if (l && l->size == version->size)
		keep(new, version, &(struct what){l->target, l->xattr, l->is_link});
	tidy();
	pthread_mutex_unlock(&kept.lock);
}

bool untold_is_link(const char *object)
{
	struct item *l;
	bool is;

	pthread_mutex_lock(&kept.lock);
	l = kept.count ? *find(object) : NULL;
	is = l && l->is_link;
	pthread_mutex_unlock(&kept.lock);
	return is;
}

bool untold_find(const char *object, const struct store_object *version, struct untold *out)
{
	struct item *l;
	bool is;

	pthread_mutex_lock(&kept.lock);
	l = kept.count ? *find(object) : NULL;
	is = l && is_version(l, version);
	if (is) {
		out->is_link = l->is_link;
		out->mtime_ns = l->mtime_ns;
		snprintf(out->target, sizeof(out->target), "%s", l->target);
		snprintf(out->xattr, sizeof(out->xattr), "%s", l->xattr);
	}
	pthread_mutex_unlock(&kept.lock);
	return is;
}

uint64_t untold_count(void)
{
	uint64_t n;

	pthread_mutex_lock(&kept.lock);
	n = kept.count;
	pthread_mutex_unlock(&kept.lock);
	return n;
}
