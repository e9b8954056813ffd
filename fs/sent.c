/* SPDX-License-Identifier: Apache-2.0 */
/* See sent.h. A file has one upload at a time, and there are few at a time. */
#include "fs/sent.h"

#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct sent *first;

/* With the lock. */
static struct sent *find(const struct cache_file *file)
{
	struct sent *s = first;

	while (s && s->file != file)
		s = s->next;
	return s;
}

void sent_begin(struct sent *s, const struct cache_file *file)
{
	pthread_mutex_lock(&lock);
	*s = (struct sent){.next = first, .file = file};
	first = s;
	pthread_mutex_unlock(&lock);
}

void sent_end(struct sent *s)
{
	struct sent **at = &first;

	pthread_mutex_lock(&lock);
	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	pthread_mutex_unlock(&lock);
}

void sent_add(const struct cache_file *file, uint64_t bytes)
{
	struct sent *s;

	pthread_mutex_lock(&lock);
	s = find(file);
	if (s)
		s->bytes += bytes;
	pthread_mutex_unlock(&lock);
}

uint64_t sent_bytes(const struct cache_file *file)
{
	struct sent *s;
	uint64_t bytes;

	pthread_mutex_lock(&lock);
	s = find(file);
	bytes = s ? s->bytes : 0;
	pthread_mutex_unlock(&lock);
	return bytes;
}
