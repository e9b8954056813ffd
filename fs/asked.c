/* SPDX-License-Identifier: Apache-2.0 */
/* One lock, held for nothing else. A directory is known by a hash: who is taken for another gets a
 * listing too many, or none. */
#include "fs/asked.h"

#include <pthread.h>
#include <string.h>

#include "fs/names.h"

struct asked {
	uint64_t dir;	  /* its hash, with the context's; 0: free */
	uint64_t name;	  /* the one asked about last, and the one that was missing last */
	uint64_t missing; /* 0: none */
	int64_t asked_ns; /* when that was */
	int64_t missing_ns;
	int64_t useless_until_ns;
	unsigned row;	    /* different names since the last pause or listing */
	unsigned row_least; /* how many make another listing worth it */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct asked slots[ASKED_SLOTS];
static int64_t used_ns = -ASKED_ROW_NS; /* asked_used() */
static unsigned owed;

static uint64_t hash_of(const uint8_t *ctx, const char *prefix, size_t len)
{
	uint64_t word;

	memcpy(&word, ctx, sizeof(word));
	word ^= name_ino(prefix, len, true);
	return word ? word : 1;
}

static uint64_t dir_of(const uint8_t *ctx, const char *object)
{
	size_t len = strlen(object);

	len -= len && object[len - 1] == '/';
	while (len && object[len - 1] != '/')
		len--;
	return hash_of(ctx, object, len);
}

static uint64_t name_of(const char *object)
{
	return name_ino(object, strlen(object), false);
}

/* With the lock. NULL: nothing is known of that directory. */
static struct asked *find(const uint8_t *ctx, const char *object)
{
	uint64_t dir = dir_of(ctx, object);
	struct asked *a = &slots[dir % ASKED_SLOTS];

	return a->dir == dir ? a : NULL;
}

static struct asked *find_or_new(uint64_t dir)
{
	struct asked *a = &slots[dir % ASKED_SLOTS];

	if (a->dir != dir)
		*a = (struct asked){.dir = dir, .row_least = ASKED_ROW};
	return a;
}

void asked_note(const uint8_t *ctx, const char *object, bool is_missing, int64_t now_ns)
{
	uint64_t name = name_of(object);
	struct asked *a;

	pthread_mutex_lock(&lock);
	a = find_or_new(dir_of(ctx, object));
	if (now_ns > a->asked_ns + ASKED_ROW_NS)
		a->row = 0;
	if (name != a->name || !a->row)
		a->row++;
	a->name = name;
	a->asked_ns = now_ns;
	if (is_missing) {
		a->missing = name;
		a->missing_ns = now_ns;
	}
	pthread_mutex_unlock(&lock);
}

bool asked_misses(const uint8_t *ctx, const char *object, int64_t now_ns)
{
	struct asked *a;
	bool is;

	pthread_mutex_lock(&lock);
	a = find(ctx, object);
	/* who waits for one name to appear asks for that one only */
	is = a && a->missing && a->missing != name_of(object) &&
	     now_ns < a->missing_ns + ASKED_MISSES_NS && now_ns >= a->useless_until_ns;
	pthread_mutex_unlock(&lock);
	return is;
}

bool asked_row(const uint8_t *ctx, const char *object, int64_t now_ns)
{
	struct asked *a;
	bool is;

	pthread_mutex_lock(&lock);
	a = find(ctx, object);
	if (!a || (a->row_least == ASKED_ROW && !a->row)) {
		is = now_ns < used_ns + ASKED_ROW_NS && owed < ASKED_OWED;
		owed += is;
	} else {
		is = a->row >= a->row_least && a->name != name_of(object) &&
		     now_ns <= a->asked_ns + ASKED_ROW_NS && now_ns >= a->useless_until_ns;
	}
	pthread_mutex_unlock(&lock);
	return is;
}

void asked_used(int64_t now_ns)
{
	pthread_mutex_lock(&lock);
	used_ns = now_ns;
	owed = 0;
	pthread_mutex_unlock(&lock);
}

void asked_listed(const uint8_t *ctx, const char *object)
{
	struct asked *a;

	pthread_mutex_lock(&lock);
	a = find_or_new(dir_of(ctx, object));
	a->row = 0;
	if (a->row_least < ASKED_ROW_MAX)
		a->row_least *= 2;
	pthread_mutex_unlock(&lock);
}

void asked_useless(const uint8_t *ctx, const char *prefix, int64_t now_ns)
{
	pthread_mutex_lock(&lock);
	find_or_new(hash_of(ctx, prefix, strlen(prefix)))->useless_until_ns =
		now_ns + ASKED_USELESS_NS;
	pthread_mutex_unlock(&lock);
}

bool asked_is_useless(const uint8_t *ctx, const char *prefix, int64_t now_ns)
{
	uint64_t dir = hash_of(ctx, prefix, strlen(prefix));
	struct asked *a = &slots[dir % ASKED_SLOTS];
	bool is;

	pthread_mutex_lock(&lock);
	is = a->dir == dir && now_ns < a->useless_until_ns;
	pthread_mutex_unlock(&lock);
	return is;
}
