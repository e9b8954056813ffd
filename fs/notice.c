/* SPDX-License-Identifier: Apache-2.0 */
/* A ring of what was said last. Its lock is a leaf. */
#include "fs/notice.h"

#include <pthread.h>
#include <string.h>

#include "cache/clock.h"
#include "fs/names.h"

static struct {
	pthread_mutex_t lock;
	uint64_t kind[NOTICE_MAX]; /* a hash; 0: free */
	int64_t said_ns[NOTICE_MAX];
	unsigned next;
} ring = {.lock = PTHREAD_MUTEX_INITIALIZER};

bool notice_due(const uint8_t *ctx, const char *bucket, int error)
{
	uint64_t kind = name_ino(bucket, strlen(bucket), false) ^ (uint64_t)(unsigned)error << 32;
	int64_t now = clock_ns();
	bool due = true;
	uint64_t word;
	unsigned i;

	memcpy(&word, ctx, sizeof(word));
	kind ^= word;
	kind += !kind;

	pthread_mutex_lock(&ring.lock);
	for (i = 0; i < NOTICE_MAX && ring.kind[i] != kind; i++)
		;
	if (i < NOTICE_MAX) {
		due = now > ring.said_ns[i] + NOTICE_QUIET_S * CLOCK_NS_PER_S;
	} else {
		i = ring.next++ % NOTICE_MAX;
		ring.kind[i] = kind;
	}
	if (due)
		ring.said_ns[i] = now;
	pthread_mutex_unlock(&ring.lock);
	return due;
}
