/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hash table with a list in order of age, under one lock, and a file to which every change is
 * appended as one record: a daemon that is killed leaves at most half of one, which the next finds
 * by its sum. That one writes the file anew if most of it is old.
 */
#include "fs/links.h"

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

#define BUCKETS	       16384
#define RECORD_MAGIC   0x4b4c4b53u /* "SKLK" */
#define FILE_BYTES_MAX (64u << 20)
#define SPARE_RECORDS  1024 /* old ones that do not make the file worth writing anew */

struct link {
	struct link *hash_next;
	struct link *older, *newer;
	uint64_t hash;
	uint64_t size;
	int64_t mtime_ns;
	char *object; /* these three in one allocation with the struct */
	char *etag;
	char *target; /* "": not known */
};

/* In the file; object, etag and target follow, without NUL. */
struct record {
	uint32_t magic;
	uint32_t sum; /* of all that follows it */
	uint64_t size;
	int64_t mtime_ns;
	uint16_t object_len, etag_len, target_len;
	uint16_t is_gone; /* no link any more; only object_len counts */
};

#define RECORD_MAX (sizeof(struct record) + NAME_OBJECT_MAX + STORE_ETAG_BYTES + WIRE_PATH_MAX)

static struct {
	pthread_mutex_t lock;
	struct link *slot[BUCKETS];
	struct link *oldest, *newest;
	uint64_t count;
	int fd; /* the file, open for appending; -1: none */
} links = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1};

static struct link **find(const char *object)
{
	uint64_t hash = name_ino(object, strlen(object), false);
	struct link **at = &links.slot[hash % BUCKETS];

	while (*at && ((*at)->hash != hash || strcmp((*at)->object, object) != 0))
		at = &(*at)->hash_next;
	return at;
}

static void drop(struct link **at)
{
	struct link *l = *at;

	*at = l->hash_next;
	*(l->older ? &l->older->newer : &links.oldest) = l->newer;
	*(l->newer ? &l->newer->older : &links.newest) = l->older;
	links.count--;
	free(l);
}

/* In place of what stands at at. False: no memory, and nothing stands there. */
static bool insert(const char *object, const struct store_object *version, const char *target)
{
	size_t object_len = strlen(object) + 1, etag_len = strlen(version->etag) + 1;
	struct link **at = find(object);
	struct link *l;

	if (*at)
		drop(at);
	l = malloc(sizeof(*l) + object_len + etag_len + strlen(target) + 1);
	if (!l)
		return false;
	l->object = (char *)(l + 1);
	l->etag = l->object + object_len;
	l->target = l->etag + etag_len;
	memcpy(l->object, object, object_len);
	memcpy(l->etag, version->etag, etag_len);
	memcpy(l->target, target, strlen(target) + 1);
	l->size = version->size;
	l->mtime_ns = version->mtime_ns;
	l->hash = name_ino(object, object_len - 1, false);
	l->hash_next = links.slot[l->hash % BUCKETS];
	links.slot[l->hash % BUCKETS] = l;
	l->newer = NULL;
	l->older = links.newest;
	*(links.newest ? &links.newest->newer : &links.oldest) = l;
	links.newest = l;
	if (++links.count > LINKS_MAX)
		drop(find(links.oldest->object));
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
static size_t make_record(const struct link *l, bool is_gone, char out[RECORD_MAX])
{
	struct record r = {
		.magic = RECORD_MAGIC,
		.size = l->size,
		.mtime_ns = l->mtime_ns,
		.object_len = (uint16_t)strlen(l->object),
		.etag_len = is_gone ? 0 : (uint16_t)strlen(l->etag),
		.target_len = is_gone ? 0 : (uint16_t)strlen(l->target),
		.is_gone = is_gone,
	};
	const size_t from = offsetof(struct record, size);
	size_t at = sizeof(r);

	memcpy(out + at, l->object, r.object_len);
	at += r.object_len;
	memcpy(out + at, l->etag, r.etag_len);
	at += r.etag_len;
	memcpy(out + at, l->target, r.target_len);
	at += r.target_len;
	memcpy(out, &r, sizeof(r));
	r.sum = sum_of(out + from, at - from);
	memcpy(out, &r, sizeof(r));
	return at;
}

static void append(const struct link *l, bool is_gone)
{
	char bytes[RECORD_MAX];
	size_t len;

	if (links.fd < 0)
		return;
	len = make_record(l, is_gone, bytes);
	if (write(links.fd, bytes, len) == (ssize_t)len)
		return;
	log_warn("symbolic links are not kept any more: %s", strerror(errno));
	close(links.fd);
	links.fd = -1;
}

/* Takes in the record at bytes. Its length, or 0: there is none. */
static size_t take_record(const char *bytes, size_t room)
{
	char object[NAME_OBJECT_MAX], target[WIRE_PATH_MAX];
	struct store_object version = {0};
	const char *at = bytes + sizeof(struct record);
	const size_t from = offsetof(struct record, size);
	struct record r;
	size_t len;

	if (room < sizeof(r))
		return 0;
	memcpy(&r, bytes, sizeof(r));
	len = sizeof(r) + r.object_len + r.etag_len + r.target_len;
	if (r.magic != RECORD_MAGIC || len > room || r.object_len >= sizeof(object) ||
	    r.etag_len >= sizeof(version.etag) || r.target_len >= sizeof(target) ||
	    r.sum != sum_of(bytes + from, len - from))
		return 0;
	snprintf(object, sizeof(object), "%.*s", (int)r.object_len, at);
	at += r.object_len;
	snprintf(version.etag, sizeof(version.etag), "%.*s", (int)r.etag_len, at);
	at += r.etag_len;
	snprintf(target, sizeof(target), "%.*s", (int)r.target_len, at);
	version.size = r.size;
	version.mtime_ns = r.mtime_ns;
	if (!r.is_gone)
		insert(object, &version, target);
	else if (*find(object))
		drop(find(object));
	return len;
}

/* Reads all that is whole. Returns its bytes; *records: how many they are. */
static size_t load(int fd, uint64_t *records)
{
	struct stat st;
	SCOPE_FREE char *bytes = NULL;
	size_t at = 0, len, have = 0;

	*records = 0;
	if (fstat(fd, &st) || st.st_size <= 0 || st.st_size > FILE_BYTES_MAX)
		return 0;
	bytes = malloc((size_t)st.st_size);
	while (bytes && have < (size_t)st.st_size) {
		ssize_t n = pread(fd, bytes + have, (size_t)st.st_size - have, (off_t)have);

		if (n <= 0)
			break;
		have += (size_t)n;
	}
	while (bytes && (len = take_record(bytes + at, have - at))) {
		at += len;
		++*records;
	}
	return at;
}

static int write_anew(int dir_fd)
{
	SCOPE_FD int fd = openat(dir_fd, LINKS_FILE ".new",
				 O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_NOFOLLOW | O_CLOEXEC,
				 0600);
	char bytes[RECORD_MAX];

	if (fd < 0)
		return -errno;
	for (const struct link *l = links.oldest; l; l = l->newer) {
		size_t len = make_record(l, false, bytes);

		if (write(fd, bytes, len) != (ssize_t)len)
			return -EIO;
	}
	if (renameat(dir_fd, LINKS_FILE ".new", dir_fd, LINKS_FILE))
		return -errno;
	return take_fd(&fd);
}

void links_start(int dir_fd)
{
	uint64_t records;
	size_t whole;

	if (dir_fd < 0)
		return;
	pthread_mutex_lock(&links.lock);
	links.fd = openat(dir_fd, LINKS_FILE, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC,
			  0600);
	if (links.fd >= 0) {
		whole = load(links.fd, &records);
		if (records > 2 * links.count + SPARE_RECORDS) {
			int fd = write_anew(dir_fd);

			close(links.fd);
			links.fd = fd;
		} else if (ftruncate(links.fd, (off_t)whole)) {
			close(links.fd);
			links.fd = -1;
		}
	}
	if (links.fd < 0)
		log_warn("symbolic links are not kept: %s cannot be used", LINKS_FILE);
	pthread_mutex_unlock(&links.lock);
}

void links_stop(void)
{
	pthread_mutex_lock(&links.lock);
	while (links.oldest)
		drop(find(links.oldest->object));
	if (links.fd >= 0)
		close(links.fd);
	links.fd = -1;
	pthread_mutex_unlock(&links.lock);
}

/* --- what is known --- */

static bool is_version(const struct link *l, const struct store_object *version)
{
	return *version->etag && l->size == version->size && !strcmp(l->etag, version->etag);
}

static void keep(const char *object, const struct store_object *version, const char *target)
{
	if (*version->etag && insert(object, version, target))
		append(*find(object), false);
}

/* target: NULL: what is known of that version stays. */
static void learn(const char *object, const struct meta_fact *fact, const char *target)
{
	struct link *l = *find(object);
	char known[WIRE_PATH_MAX] = "";

	if (fact->kind != META_FILE || !fact->is_link) {
		if (l) {
			append(l, true);
			drop(find(object));
		}
		return;
	}
	if (l && is_version(l, &fact->object)) {
		if (l->mtime_ns == fact->object.mtime_ns && (!target || !strcmp(l->target, target)))
			return; /* nothing new */
		snprintf(known, sizeof(known), "%s", l->target);
	}
	keep(object, &fact->object, target ? target : known);
}

void links_learn(const char *object, const struct meta_fact *fact)
{
	pthread_mutex_lock(&links.lock);
	learn(object, fact, NULL);
	pthread_mutex_unlock(&links.lock);
}

void links_learn_target(const char *object, const struct meta_fact *fact, const char *target)
{
	pthread_mutex_lock(&links.lock);
	learn(object, fact, target);
	pthread_mutex_unlock(&links.lock);
}

void links_copied(const char *old, const char *new, const struct store_object *version)
{
	char target[WIRE_PATH_MAX];
	struct link *l;

	pthread_mutex_lock(&links.lock);
	l = *find(old);
	if (l && l->size == version->size) {
		snprintf(target, sizeof(target), "%s", l->target);
		keep(new, version, target);
	}
	pthread_mutex_unlock(&links.lock);
}

bool links_has(const char *object)
{
	bool has;

	pthread_mutex_lock(&links.lock);
	has = links.count && *find(object);
	pthread_mutex_unlock(&links.lock);
	return has;
}

bool links_find(const char *object, const struct store_object *version, int64_t *mtime_ns,
		char target[WIRE_PATH_MAX])
{
	struct link *l;
	bool is;

	pthread_mutex_lock(&links.lock);
	l = links.count ? *find(object) : NULL;
	is = l && is_version(l, version);
	if (is) {
		*mtime_ns = l->mtime_ns;
		if (target)
			snprintf(target, WIRE_PATH_MAX, "%s", l->target);
	}
	pthread_mutex_unlock(&links.lock);
	return is;
}

uint64_t links_count(void)
{
	uint64_t n;

	pthread_mutex_lock(&links.lock);
	n = links.count;
	pthread_mutex_unlock(&links.lock);
	return n;
}
