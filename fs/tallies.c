/* SPDX-License-Identifier: Apache-2.0 */
/* What is zero is left out of the lists, as they would be long. */
#include "fs/tallies.h"

#include <stdio.h>

#define PICO_PER_USD	   1e12
#define SHARE(part, whole) ((whole) ? (double)(part) / (double)(whole) : 0.0)

const char *const tallies_ops[WIRE_OPS] = {
	"",	    "hello",   "stat",	 "open",     "ensure",	 "identify", "report",
	"twin",	    "trapped", "flush",	 "stream",   "settle",	 "truncate", "unlink",
	"mkdir",    "rename",  "link",	 "clone",    "setattr",	 "recover",  "symlink",
	"readlink", "name",    "creds",	 "getxattr", "setxattr", "room",     "left",
	"opened",   "job",     "status", "stats",    "detect"};

static const char *const classes[TALLY_CLASSES] = {"2xx", "3xx", "4xx", "5xx", "failed"};

static void set(json_t *object, const char *key, uint64_t value)
{
	json_object_set_new(object, key, json_integer((json_int_t)value));
}

static uint64_t of_verb(const struct tally *t, unsigned verb)
{
	uint64_t n = 0;

	for (unsigned store = 0; store < TALLY_STORES_MAX; store++)
		for (unsigned class = 0; class < TALLY_CLASSES; class ++)
			n += t->requests[store][verb][class];
	return n;
}

static uint64_t all_requests(const struct tally *t)
{
	uint64_t n = 0;

	for (unsigned verb = 0; verb < STORE_VERBS; verb++)
		n += of_verb(t, verb);
	return n;
}

/* [{"store": "s3", "verb": "get", "status": "2xx", "count": 7}, ...] */
static json_t *requests(const struct tally *t, unsigned store, json_t *to)
{
	for (unsigned verb = 0; verb < STORE_VERBS; verb++) {
		for (unsigned class = 0; class < TALLY_CLASSES; class ++) {
			uint64_t n = t->requests[store][verb][class];
			json_t *one = n ? json_object() : NULL;

			if (!n)
				continue;
			json_object_set_new(one, "store", json_string(tally_store_name(store)));
			json_object_set_new(one, "verb", json_string(store_verb_name(verb)));
			json_object_set_new(one, "status", json_string(classes[class]));
			set(one, "count", n);
			json_array_append_new(to, one);
		}
	}
	return to;
}

/* Of every power of two, how many are below: [[1024, 3], ...], in microseconds; up to where all
 * are. */
static json_t *buckets_of(const struct histogram *h)
{
	json_t *list = json_array();
	uint64_t count = histogram_count(h), below = 0;

	for (unsigned octave = 1; octave <= HISTOGRAM_OCTAVES && below < count; octave++) {
		below = histogram_below(h, octave);
		if (below)
			json_array_append_new(list, json_pack("[I, I]",
							      (json_int_t)(INT64_C(1) << octave),
							      (json_int_t)below));
	}
	return list;
}

static json_t *took(const struct histogram *h, bool buckets)
{
	json_t *object = json_object();

	set(object, "count", histogram_count(h));
	set(object, "sum_us", h->sum_us);
	set(object, "p50_us", histogram_at(h, 0.5));
	set(object, "p90_us", histogram_at(h, 0.9));
	set(object, "p99_us", histogram_at(h, 0.99));
	set(object, "max_us", histogram_at(h, 1));
	if (buckets)
		json_object_set_new(object, "below_us", buckets_of(h));
	return object;
}

static json_t *latency(const struct tally *t, bool buckets)
{
	json_t *object = json_object();

	for (unsigned verb = 0; verb < STORE_VERBS; verb++) {
		if (histogram_count(&t->latency[verb]))
			json_object_set_new(object, store_verb_name(verb),
					    took(&t->latency[verb], buckets));
	}
	return object;
}

/* {"stat": {"served": 12, "asked": 3}, "open": {..., "unasked": 4}, ...} */
static json_t *programs(const struct tally *t)
{
	json_t *object = json_object();

	for (unsigned op = 1; op < WIRE_OPS; op++) {
		uint64_t opened = op == WIRE_OPEN ? t->opened : 0;
		json_t *one = t->served[op] || opened ? json_object() : NULL;

		if (!one)
			continue;
		if (op == WIRE_OPEN)
			set(one, "unasked", opened);
		set(one, "served", t->served[op]);
		set(one, "asked", t->asked[op]);
		json_object_set_new(object, tallies_ops[op], one);
	}
	return object;
}

/* The share of these operations that caused no request. */
static json_t *hit_rate(const struct tally *t, const enum wire_op *op, size_t ops, uint64_t unasked)
{
	uint64_t served = unasked, asked = 0;

	for (size_t i = 0; i < ops; i++) {
		served += t->served[op[i]];
		asked += t->asked[op[i]];
	}
	return served ? json_real(1 - SHARE(asked < served ? asked : served, served)) : json_null();
}

static void hit_rates(const struct tally *t, json_t *to)
{
	static const enum wire_op names[] = {WIRE_STAT, WIRE_OPEN, WIRE_READLINK, WIRE_GETXATTR};
	static const enum wire_op data[] = {WIRE_ENSURE};

	json_object_set_new(to, "hit_rate_names",
			    hit_rate(t, names, sizeof(names) / sizeof(*names), t->opened));
	json_object_set_new(to, "hit_rate_data", hit_rate(t, data, 1, 0));
}

static void set_ahead(json_t *object, const char *key, int64_t value)
{
	set(object, key, value > 0 ? (uint64_t)value : 0);
}

/* {"files": {"fetched": 3, ...}, "listings": ..., "within": ...} */
static json_t *ahead(const struct tally *t)
{
	static const char *const kinds[TALLY_AHEADS] = {"files", "listings", "names", "within"};
	json_t *object = json_object();

	for (unsigned kind = 0; kind < TALLY_AHEADS; kind++) {
		const struct tally_ahead_count *c = &t->ahead[kind];
		json_t *one = json_object();

		if (kind != TALLY_AHEAD_WITHIN) {
			set_ahead(one, "fetched", c->fetched);
			set_ahead(one, "used", c->used);
			set_ahead(one, "wasted", c->wasted);
		}
		if (kind != TALLY_AHEAD_LISTINGS && kind != TALLY_AHEAD_NAMES) {
			set_ahead(one, "bytes_fetched", c->bytes_fetched);
			set_ahead(one, "bytes_used", c->bytes_used);
			set_ahead(one, "bytes_wasted", c->bytes_wasted);
		}
		json_object_set_new(object, kinds[kind], one);
	}
	return object;
}

json_t *tallies_json(const struct tally *t, bool buckets)
{
	json_t *object = json_object(), *list = json_array(), *stores = json_object();
	uint64_t ended, sent;

	for (unsigned store = 0; store < TALLY_STORES_MAX && tally_store_name(store); store++) {
		json_t *one = json_object();

		requests(t, store, list);
		set(one, "bytes_in", t->bytes_in[store]);
		set(one, "bytes_out", t->bytes_out[store]);
		json_object_set_new(stores, tally_store_name(store), one);
	}
	ended = all_requests(t);
	sent = t->sent; /* after that, so that none is missing */
	set(object, "requests_total", ended);
	set(object, "requests_under_way", sent > ended ? sent - ended : 0);
	json_object_set_new(object, "requests", list);
	json_object_set_new(object, "stores", stores);
	set(object, "retries", t->retries);
	set(object, "hedges", t->hedges);
	set(object, "errors", t->errors);
	json_object_set_new(object, "latency", latency(t, buckets));
	json_object_set_new(object, "queued", took(&t->queued, buckets));
	json_object_set_new(object, "programs", programs(t));
	hit_rates(t, object);
	json_object_set_new(object, "ahead", ahead(t));
	json_object_set_new(object, "cost_usd_estimate",
			    json_real((double)t->cost_pico / PICO_PER_USD));
	return object;
}

json_t *tallies_job(const struct job *job)
{
	json_t *object = json_object();
	char id[16];

	snprintf(id, sizeof(id), "%08x", job->id);
	json_object_set_new(object, "id", json_string(id));
	set(object, "pid", (uint64_t)job->pid);
	set(object, "started_s", (uint64_t)job->started_s);
	json_object_set_new(object, "command", json_string(job->command));
	return object;
}

static void add_job(void *list, const struct job *job)
{
	json_t *object = tallies_job(job);
	uint64_t in = 0, out = 0;

	for (unsigned store = 0; store < TALLY_STORES_MAX; store++) {
		in += job->tally.bytes_in[store];
		out += job->tally.bytes_out[store];
	}
	set(object, "requests_total", all_requests(&job->tally));
	set(object, "bytes_in", in);
	set(object, "bytes_out", out);
	set(object, "errors", job->tally.errors);
	json_object_set_new(object, "cost_usd_estimate",
			    json_real((double)job->tally.cost_pico / PICO_PER_USD));
	json_array_append_new(list, object);
}

json_t *tallies_jobs(void)
{
	json_t *list = json_array();

	job_each(add_job, list);
	return list;
}
