// SPDX-License-Identifier: Apache-2.0
/* What answers taught the driver. Searched in line: the tables are small, requests take
 * milliseconds. */
#include "core/learned.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "core/http/engine.h"

#define BUCKET_BYTES 256 /* with NUL; longer names are not remembered */
#define SCHEME_BYTES 8

struct learned_bucket {
	uint8_t ctx[WIRE_CTX_BYTES];
	char scheme[SCHEME_BYTES];
	char bucket[BUCKET_BYTES];
	char region[STORE_REGION_BYTES]; /* "" marks a free place */
};

struct learned_account {
	uint8_t ctx[WIRE_CTX_BYTES];
	char scheme[SCHEME_BYTES];
	char account[BUCKET_BYTES];
	enum store_names names; /* STORE_NAMES_UNKNOWN marks a free place */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* under lock */
static struct learned_account accounts[LEARNED_ACCOUNTS_MAX];
static size_t accounts_next;
static struct learned_bucket buckets[LEARNED_BUCKETS_MAX];
static size_t buckets_next; /* the place to use next: a ring */

static atomic_bool has_regions; /* set before the first one is, under lock */

/* of each I/O thread */
static struct learned_endpoint endpoints[HTTP_SHARDS_MAX][LEARNED_ENDPOINTS_MAX];
static uint64_t endpoints_used[HTTP_SHARDS_MAX];

/* With the lock. */
static struct learned_bucket *find_bucket(const struct context *ctx, const char *scheme,
					  const char *bucket)
{
	for (size_t i = 0; i < LEARNED_BUCKETS_MAX && buckets[i].region[0]; i++) {
		if (!strcmp(buckets[i].bucket, bucket) && !strcmp(buckets[i].scheme, scheme) &&
		    !memcmp(buckets[i].ctx, context_id(ctx), WIRE_CTX_BYTES))
			return &buckets[i];
	}
	return NULL;
}

bool learned_region(const struct context *ctx, const char *scheme, const char *bucket,
		    char out[STORE_REGION_BYTES])
{
	const struct learned_bucket *found;

	out[0] = '\0';
	if (!has_regions)
		return false;
	pthread_mutex_lock(&lock);
	found = find_bucket(ctx, scheme, bucket);
	if (found)
		memcpy(out, found->region, STORE_REGION_BYTES);
	pthread_mutex_unlock(&lock);
	return out[0];
}

void learned_set_region(const struct context *ctx, const char *scheme, const char *bucket,
			const char *region)
{
	struct learned_bucket *place;

	if (!region[0] || strlen(bucket) >= BUCKET_BYTES || strlen(scheme) >= SCHEME_BYTES)
		return;
	pthread_mutex_lock(&lock);
	place = find_bucket(ctx, scheme, bucket);
	if (!place) {
		place = &buckets[buckets_next];
		buckets_next = (buckets_next + 1) % LEARNED_BUCKETS_MAX;
	}
	memcpy(place->ctx, context_id(ctx), WIRE_CTX_BYTES);
	strcpy(place->scheme, scheme);
	strcpy(place->bucket, bucket);
	snprintf(place->region, sizeof(place->region), "%s", region);
	has_regions = true;
	pthread_mutex_unlock(&lock);
}

/* With the lock. */
static struct learned_account *find_account(const struct context *ctx, const char *scheme,
					    const char *bucket)
{
	size_t len = strcspn(bucket, "/");

	for (size_t i = 0; i < LEARNED_ACCOUNTS_MAX && accounts[i].names; i++) {
		if (!strncmp(accounts[i].account, bucket, len) && !accounts[i].account[len] &&
		    !strcmp(accounts[i].scheme, scheme) &&
		    !memcmp(accounts[i].ctx, context_id(ctx), WIRE_CTX_BYTES))
			return &accounts[i];
	}
	return NULL;
}

enum store_names learned_names(const struct context *ctx, const char *scheme, const char *bucket)
{
	const struct learned_account *found;
	enum store_names names;

	pthread_mutex_lock(&lock);
	found = find_account(ctx, scheme, bucket);
	names = found ? found->names : STORE_NAMES_UNKNOWN;
	pthread_mutex_unlock(&lock);
	return names;
}

void learned_set_names(const struct context *ctx, const char *scheme, const char *bucket,
		       enum store_names names)
{
	struct learned_account *place;
	size_t len = strcspn(bucket, "/");

	if (names == STORE_NAMES_UNKNOWN || len >= BUCKET_BYTES || strlen(scheme) >= SCHEME_BYTES)
		return;
	pthread_mutex_lock(&lock);
	place = find_account(ctx, scheme, bucket);
	if (!place) {
		place = &accounts[accounts_next];
		accounts_next = (accounts_next + 1) % LEARNED_ACCOUNTS_MAX;
	}
	memcpy(place->ctx, context_id(ctx), WIRE_CTX_BYTES);
	strcpy(place->scheme, scheme);
	snprintf(place->account, sizeof(place->account), "%.*s", (int)len, bucket);
	place->names = names;
	pthread_mutex_unlock(&lock);
}

struct learned_endpoint *learned_endpoint(const char *origin)
{
	unsigned shard = http_shard();
	uint64_t used = ++endpoints_used[shard];
	struct learned_endpoint *all = endpoints[shard], *oldest = &all[0];

	for (size_t i = 0; i < LEARNED_ENDPOINTS_MAX; i++) {
		if (all[i].used && !strcmp(all[i].origin, origin)) {
			all[i].used = used;
			return &all[i];
		}
		if (all[i].used < oldest->used)
			oldest = &all[i];
	}
	memset(oldest, 0, sizeof(*oldest));
	snprintf(oldest->origin, sizeof(oldest->origin), "%s", origin);
	oldest->used = used;
	retry_budget_fill(&oldest->budget);
	return oldest;
}

unsigned learned_conditions(const struct store_call *call)
{
	unsigned conditions = (call->if_match ? LEARNED_PUT_MATCH : 0) |
			      (call->if_none_match ? LEARNED_PUT_ABSENT : 0);

	switch (call->verb) {
	case STORE_PUT:
		return conditions;
	case STORE_COPY:
		return conditions * LEARNED_COPY_MATCH;
	case STORE_COMPLETE:
		return conditions * LEARNED_COMPLETE_MATCH;
	case STORE_DELETE:
		return conditions * LEARNED_DELETE_MATCH;
	default:
		return 0;
	}
}

unsigned learned_quirks(const struct learned_endpoint *endpoint)
{
	bool none = (endpoint->refuses & LEARNED_PUT) == LEARNED_PUT;

	return endpoint->quirks | (none ? STORE_QUIRK_CONDITIONS : 0);
}

void learned_forget(void)
{
	for (size_t i = 0; i < HTTP_SHARDS_MAX; i++) {
		if (endpoints_used[i])
			memset(endpoints[i], 0, sizeof(endpoints[i]));
		endpoints_used[i] = 0;
	}
	pthread_mutex_lock(&lock);
	memset(buckets, 0, sizeof(buckets));
	memset(accounts, 0, sizeof(accounts));
	buckets_next = accounts_next = 0;
	has_regions = false;
	pthread_mutex_unlock(&lock);
}
