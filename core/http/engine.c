// SPDX-License-Identifier: Apache-2.0
/* The I/O threads together: how many, and which one an origin belongs to. */
#include "core/http/engine.h"

#include <curl/curl.h>
#include <errno.h>
#include <sched.h>
#include <string.h>

#include "core/http/shard.h"

/* Of FNV-1a with 32 bits. */
#define FNV_BASIS 2166136261u
#define FNV_PRIME 16777619u

static struct http_limits limits_now;
static struct shard shards[HTTP_SHARDS_MAX] = {
	[0 ... HTTP_SHARDS_MAX - 1] = {.lock = PTHREAD_MUTEX_INITIALIZER}};

struct shards_total shards_total;

static unsigned processors(void)
{
	cpu_set_t set;
	int n = sched_getaffinity(0, sizeof(set), &set) ? 1 : CPU_COUNT(&set);

	return n > 0 ? (unsigned)n : 1;
}

static unsigned shard_count(unsigned wanted)
{
	if (!wanted) {
		wanted = processors();
		if (wanted > HTTP_SHARDS_MOST)
			wanted = HTTP_SHARDS_MOST;
	}
	return wanted < HTTP_SHARDS_MAX ? wanted : HTTP_SHARDS_MAX;
}

unsigned http_shards(void)
{
	return shards_total.count ? shards_total.count : 1;
}

unsigned http_shard_of(const char *url)
{
	const char *host = strstr(url, "://");
	size_t len = host ? (size_t)(host - url) + 3 : 0;
	uint32_t hash = FNV_BASIS;

	len += strcspn(url + len, "/?");
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)url[i]) * FNV_PRIME;
	/* the low bits of it depend on the low bits of the text alone */
	hash ^= hash >> 16;
	return hash % http_shards();
}

void shards_feed(const struct shard *giver)
{
	for (unsigned i = 0; i < shards_total.count; i++) {
		struct shard *s = &shards[i];

		if (s != giver && atomic_load(&s->is_hungry) &&
		    atomic_exchange(&s->is_hungry, false))
			shard_wake(s);
	}
}

int http_post(struct http_task *task, int64_t delay_ms)
{
	return shard_post(&shards[task->shard], task, delay_ms);
}

int http_start(const struct http_limits *limits)
{
	int ret;

	if (curl_global_init(CURL_GLOBAL_DEFAULT))
		return -EIO;
	limits_now = *limits;
	shards_total.count = shard_count(limits->threads);
	for (unsigned i = 0; i < shards_total.count; i++) {
		ret = shard_start(&shards[i], i, &limits_now);
		if (ret < 0 && !i)
			return ret;
		if (ret < 0)
			shards_total.count = i; /* those will do */
	}
	return 0;
}

/* All are told before the first is waited for: what one posts to another is refused then. */
void http_stop(void)
{
	bool was_running[HTTP_SHARDS_MAX];

	for (unsigned i = 0; i < HTTP_SHARDS_MAX; i++)
		was_running[i] = shard_stop(&shards[i]);
	for (unsigned i = 0; i < HTTP_SHARDS_MAX; i++) {
		if (was_running[i])
			shard_join(&shards[i]);
	}
}
