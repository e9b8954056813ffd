/* SPDX-License-Identifier: Apache-2.0 */
/* Counters, gathered from those who keep them. */
#include "fs/stats.h"

#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "cache/cache.h"
#include "cache/clock.h"
#include "cache/twins.h"
#include "core/context.h"
#include "core/memory.h"
#include "core/store.h"
#include "core/tally.h"
#include "fs/ahead.h"
#include "fs/clients.h"
#include "fs/listener.h"
#include "fs/listing.h"
#include "fs/meta.h"
#include "fs/tallies.h"

static int64_t start_ns;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint8_t seen[CONTEXTS_MAX][WIRE_CTX_BYTES];
static unsigned contexts;

void stats_start(void)
{
	start_ns = clock_ns();
}

void stats_context(const uint8_t *ctx)
{
	pthread_mutex_lock(&lock);
	for (unsigned i = 0; i < contexts; i++) {
		if (!memcmp(seen[i], ctx, WIRE_CTX_BYTES)) {
			pthread_mutex_unlock(&lock);
			return;
		}
	}
	if (contexts < CONTEXTS_MAX)
		memcpy(seen[contexts++], ctx, WIRE_CTX_BYTES);
	pthread_mutex_unlock(&lock);
}

static uint64_t context_count(void)
{
	uint64_t n;

	pthread_mutex_lock(&lock);
	n = contexts;
	pthread_mutex_unlock(&lock);
	return n;
}

static void set(json_t *object, const char *key, uint64_t value)
{
	json_object_set_new(object, key, json_integer((json_int_t)value));
}

static json_t *requests(const struct store_counters *c)
{
	json_t *object = json_object();

	for (unsigned i = 0; i < STORE_VERBS; i++)
		set(object, store_verb_name(i), c->requests[i]);
	return object;
}

static json_t *runtime_requests(void)
{
	json_t *object = json_object();

	for (unsigned i = 1; i < WIRE_OPS; i++)
		set(object, tallies_ops[i], tally_all.served[i]);
	return object;
}

static json_t *coverage(void)
{
	static const char *const methods[TWIN_METHODS] = {
		[TWIN_BEFORE] = "before",
		[TWIN_AFTERWARDS] = "after",
		[TWIN_AROUND] = "around",
		[TWIN_HOP] = "hop",
	};
	json_t *object = json_object(), *sites = json_object();
	struct twins_stats twins;

	twins_stats(&twins);
	set(object, "twins", twins.present);
	set(object, "twins_bytes", twins.bytes);
	set(object, "twins_bytes_max", twins.bytes_max);
	set(object, "twins_made", twins.made);
	set(object, "twins_refused", twins.refused);
	set(object, "twins_discarded", twins.discarded);
	set(object, "twins_evicted", twins.evicted);
	set(object, "twins_ms", twins.build_ns / CLOCK_NS_PER_MS);
	for (int i = 1; i < TWIN_METHODS; i++)
		set(sites, methods[i], twins.sites[i]);
	json_object_set_new(object, "sites", sites);
	set(object, "sites_left", twins.left);
	set(object, "unproven", twins.unproven);
	set(object, "trapped", twins.trapped);
	return object;
}

static void add_count(json_t *object, const struct ahead_count *c, bool bytes)
{
	set(object, "fetched", c->begun);
	set(object, "used", c->used);
	set(object, "wasted", c->wasted);
	if (!bytes)
		return;
	set(object, "bytes_fetched", c->bytes);
	set(object, "bytes_used", c->bytes_used);
	set(object, "bytes_wasted", c->bytes_wasted);
}

/* What was fetched before anybody asked for it. */
static json_t *ahead(const struct cache_stats *cached)
{
	json_t *object = json_object(), *files = json_object(), *listings = json_object();
	json_t *within = json_object(), *names = json_object();
	struct ahead_stats stats;

	ahead_stats(&stats);
	add_count(files, &stats.files, true);
	add_count(listings, &stats.listings, false);
	add_count(names, &stats.names, false);
	json_object_set_new(object, "files", files);
	json_object_set_new(object, "listings", listings);
	json_object_set_new(object, "names", names);
	set(within, "bytes_fetched", cached->ahead_bytes);
	set(within, "bytes_used", cached->ahead_used);
	set(within, "bytes_wasted", cached->ahead_wasted);
	json_object_set_new(object, "within", within);
	return object;
}

/* What the daemon holds, by what it is for. */
static json_t *memory(void)
{
	json_t *object = json_object(), *uses = json_object();

	set(object, "bytes", memory_held());
	set(object, "bytes_peak", memory_peak());
	set(object, "bytes_max", memory_cap());
	for (int i = 0; i < MEMORY_USES; i++)
		set(uses, memory_names[i], memory_of((enum memory_use)i));
	json_object_set_new(object, "uses", uses);
	set(object, "threads", (uint64_t)listener_threads() * LISTENER_THREAD_BYTES);
	return object;
}

static json_t *base(void)
{
	json_t *root = json_object();

	json_object_set_new(root, "version", json_string(SKYSHIM_VERSION));
	set(root, "pid", (uint64_t)getpid());
	set(root, "uptime_s", (uint64_t)((clock_ns() - start_ns) / CLOCK_NS_PER_S));
	set(root, "clients", clients_alive());
	return root;
}

static char *to_text(json_t *root)
{
	char *text = root ? json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;

	json_decref(root);
	return text;
}

/* Of one job. */
static int job_json(uint32_t id, char **text_out)
{
	struct job *job = job_known(id);
	json_t *root;

	if (!job)
		return -ENOENT;
	root = tallies_job(job);
	json_object_update_missing_new(root, tallies_json(&job->tally, true));
	job_put(job);
	*text_out = to_text(root);
	return *text_out ? 0 : -ENOMEM;
}

int stats_json(uint32_t job, char **text_out)
{
	struct store_counters store;
	struct cache_stats cached;
	struct meta_stats meta;
	json_t *root;

	if (job)
		return job_json(job, text_out);
	root = base();
	store_counters(&store);
	cache_stats(&cached);
	meta_stats(&meta);
	json_object_set_new(root, "store_requests", requests(&store));
	set(root, "store_retries", store.retries);
	set(root, "store_errors", store.errors);
	set(root, "store_bytes_in", store.bytes_in);
	set(root, "store_bytes_out", store.bytes_out);
	set(root, "store_connections", store.connections);
	json_object_set_new(root, "runtime_requests", runtime_requests());
	set(root, "contexts", context_count());
	set(root, "cache_files", cached.files);
	set(root, "cache_bytes", cached.bytes);
	set(root, "cache_bytes_max", cached.size_max);
	set(root, "cache_bytes_evicted", cached.evicted_bytes);
	set(root, "cache_fills", cached.parts);
	set(root, "names", meta.entries);
	set(root, "names_bytes", meta.bytes);
	set(root, "listings", listing_count());
	json_object_set_new(root, "memory", memory());
	json_object_set_new(root, "ahead", ahead(&cached));
	json_object_set_new(root, "coverage", coverage());
	json_object_set_new(root, "total", tallies_json(&tally_all, true));
	json_object_set_new(root, "jobs", tallies_jobs());
	*text_out = to_text(root);
	return *text_out ? 0 : -ENOMEM;
}

char *stats_status_json(const char *sock, const char *cache_dir)
{
	json_t *root = base();

	json_object_set_new(root, "socket", json_string(sock));
	json_object_set_new(root, "cache", json_string(cache_dir));
	return to_text(root);
}
