/* SPDX-License-Identifier: Apache-2.0 */
/* A ring of what was said last. Its lock is a leaf. */
#include "fs/notice.h"

#include <pthread.h>
#include <string.h>

#include "cache/clock.h"
#include "fs/names.h"

#define CAUSE_BYTES 512 /* of a line, that count */

static struct {
	pthread_mutex_t lock;
	uint64_t kind[NOTICE_MAX]; /* a hash; 0: free */
	uint64_t of[NOTICE_MAX];   /* the same without the cause */
	int64_t said_ns[NOTICE_MAX];
	unsigned next;
} ring = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Why, without what differs from one file, request, or try to the next: of the words behind the
 * name those that are nothing but letters. So "(503 SlowDown), request id 4442..., tried 3 times"
 * is one cause however often it comes, and a policy's refusal is another than a wrong key. */
static void cause_of(const char *line, char out[CAUSE_BYTES])
{
	const char *at = strstr(line, ": ");
	size_t len = 0;

	for (at = at ? at : line; *at && len + 2 < CAUSE_BYTES;) {
		size_t word = strcspn(at, " ");
		const char *first = at + strspn(at, "(\"'");
		const char *last = first;

		while (is_letter(*last))
			last++;
		if (last > first && last + strspn(last, ".,:;)\"'?") == at + word &&
		    len + (size_t)(last - first) + 2 < CAUSE_BYTES) {
			memcpy(out + len, first, (size_t)(last - first));
			len += (size_t)(last - first);
			out[len++] = ' ';
		}
		at += word + strspn(at + word, " ");
	}
	out[len] = '\0';
}

static uint64_t kind_of(const uint8_t *ctx, const char *bucket, int error)
{
	uint64_t kind = name_ino(bucket, strlen(bucket), false) ^ (uint64_t)(unsigned)error << 32;
	uint64_t word;

	memcpy(&word, ctx, sizeof(word));
	return kind ^ word;
}

static bool is_quiet(unsigned i, int64_t now_ns)
{
	return now_ns <= ring.said_ns[i] + NOTICE_QUIET_S * CLOCK_NS_PER_S;
}

/* With the lock. Where the kind stands; NOTICE_MAX: nowhere. *others: causes said lately. */
static unsigned look(uint64_t kind, uint64_t of, int64_t now_ns, unsigned *others)
{
	unsigned found = NOTICE_MAX;

	*others = 0;
	for (unsigned i = 0; i < NOTICE_MAX; i++) {
		if (ring.kind[i] == kind)
			found = i;
		else if (ring.kind[i] && ring.of[i] == of && is_quiet(i, now_ns))
			++*others;
	}
	return found;
}

bool notice_due(const uint8_t *ctx, const char *bucket, int error, const char *line)
{
	uint64_t of = kind_of(ctx, bucket, error);
	int64_t now_ns = clock_ns();
	char cause[CAUSE_BYTES];
	unsigned others;
	uint64_t kind;
	unsigned i;
	bool due;

	cause_of(line, cause);
	kind = of ^ name_ino(cause, strlen(cause), false);
	kind += !kind;
	pthread_mutex_lock(&ring.lock);
	i = look(kind, of, now_ns, &others);
	due = others < NOTICE_CAUSES_MAX && (i == NOTICE_MAX || !is_quiet(i, now_ns));
	if (due) {
		i = i < NOTICE_MAX ? i : ring.next++ % NOTICE_MAX;
		ring.kind[i] = kind;
		ring.of[i] = of;
		ring.said_ns[i] = now_ns;
	}
	pthread_mutex_unlock(&ring.lock);
	return due;
}
