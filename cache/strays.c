/* SPDX-License-Identifier: Apache-2.0 */
/* See strays.h. */
#include "cache/strays.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/clock.h"
#include "cache/file.h"
#include "cache/notes.h"
#include "core/log.h"
#include "core/scope.h"

struct entry {
	char *name; /* owned */
	uint64_t id;
	int error;
};

/* Their own: nothing else is done with it. Comes after cache.lock, which is not needed. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct entry *entries;
static size_t count;

/* The same whenever it is found again. */
static uint64_t id_of(const char *name)
{
	uint64_t id = file_hash_etag(name) & INT64_MAX;

	return id ? id : 1;
}

void strays_add(const char *name, int error)
{
	struct entry *grown;

	log_warn("cache: %s.d was written to and cannot be gone on with: %s", name,
		 strerror(-error));
	pthread_mutex_lock(&lock);
	grown = count < STRAYS_MAX ? reallocarray(entries, count + 1, sizeof(*entries)) : NULL;
	if (grown) {
		entries = grown;
		grown[count] = (struct entry){strdup(name), id_of(name), error};
		count += grown[count].name != NULL;
	}
	pthread_mutex_unlock(&lock);
}

void strays_free(void)
{
	pthread_mutex_lock(&lock);
	while (count)
		free(entries[--count].name);
	free(entries);
	entries = NULL;
	pthread_mutex_unlock(&lock);
}

static void file_name(const char *name, char kind, char out[NAME_MAX + 1])
{
	snprintf(out, NAME_MAX + 1, "%.250s.%c", name, kind);
}

/* False: its data file has gone. */
static bool describe(const struct entry *e, struct stray *out)
{
	char text[NAME_MAX + 1];
	struct stat st;

	file_name(e->name, 'd', text);
	if (fstatat(cache.files_fd, text, &st, AT_SYMLINK_NOFOLLOW))
		return false;
	*out = (struct stray){
		.id = e->id,
		.error = e->error,
		.bytes = (uint64_t)st.st_size,
		.mtime_ns = st.st_mtim.tv_sec * CLOCK_NS_PER_S + st.st_mtim.tv_nsec,
	};
	snprintf(out->name, sizeof(out->name), "%s", e->name);
	if (strlen(e->name) < PAIR_NAME_BYTES) /* longer: none that a daemon has made */
		notes_object(cache.files_fd, e->name, out->object);
	return true;
}

int strays_each(int (*each)(void *arg, const struct stray *s), void *arg)
{
	struct stray s;
	int ret = 0;

	pthread_mutex_lock(&lock);
	for (size_t i = 0; !ret && i < count; i++) {
		if (describe(&entries[i], &s))
			ret = each(arg, &s);
	}
	pthread_mutex_unlock(&lock);
	return ret;
}

/* With the lock. NULL: there is none. */
static struct entry *find(uint64_t id)
{
	for (size_t i = 0; i < count; i++) {
		if (entries[i].id == id)
			return &entries[i];
	}
	return NULL;
}

int strays_open(uint64_t id)
{
	char text[NAME_MAX + 1];
	struct entry *e;
	int fd = -ENOENT;

	pthread_mutex_lock(&lock);
	e = find(id);
	if (e) {
		file_name(e->name, 'd', text);
		fd = openat(cache.files_fd, text, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		fd = fd < 0 ? -errno : fd;
	}
	pthread_mutex_unlock(&lock);
	return fd;
}

int strays_discard(uint64_t id)
{
	char text[NAME_MAX + 1];
	struct entry *e;
	int ret = -ENOENT;

	pthread_mutex_lock(&lock);
	e = find(id);
	for (const char *kind = "dvlw"; e && *kind; kind++) { /* the notes last: see adopt.c */
		file_name(e->name, *kind, text);
		unlinkat(cache.files_fd, text, 0);
	}
	if (e) {
		free(e->name);
		*e = entries[--count];
		ret = 0;
	}
	pthread_mutex_unlock(&lock);
	return ret;
}
