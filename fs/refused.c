/* SPDX-License-Identifier: Apache-2.0 */
/* See refused.h. */
#include "fs/refused.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "cache/clock.h"
#include "core/base/wire.h"
#include "fs/names.h"

struct refusal {
	uint64_t hash; /* of the directory's name and the context: two that collide are unlucky */
	int64_t until_ns;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct refusal refusals[REFUSED_MAX];
static unsigned next;

static uint64_t hash_of(const uint8_t *ctx, const char *object)
{
	const char *end = strrchr(object, '/');
	uint64_t half;

	memcpy(&half, ctx, sizeof(half));
	return name_ino(object, end ? (size_t)(end - object) : 0, true) ^ half;
}

static struct refusal *find(uint64_t hash)
{
	for (unsigned i = 0; i < REFUSED_MAX; i++)
		if (refusals[i].hash == hash && clock_ns() < refusals[i].until_ns)
			return &refusals[i];
	return NULL;
}

void refused_note(const uint8_t *ctx, const char *object, int ended)
{
	uint64_t hash = hash_of(ctx, object);
	struct refusal *r;

	if (ended && ended != -EACCES)
		return;
	pthread_mutex_lock(&lock);
	r = find(hash);
	if (!ended && r)
		r->until_ns = 0;
	if (ended && !r)
		r = &refusals[next++ % REFUSED_MAX];
	if (ended)
		*r = (struct refusal){hash, clock_ns() + REFUSED_MS * CLOCK_NS_PER_MS};
	pthread_mutex_unlock(&lock);
}

bool refused_is(const uint8_t *ctx, const char *object)
{
	bool is;

	pthread_mutex_lock(&lock);
	is = find(hash_of(ctx, object)) != NULL;
	pthread_mutex_unlock(&lock);
	return is;
}
