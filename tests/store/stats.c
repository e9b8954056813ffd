/* SPDX-License-Identifier: Apache-2.0 */
/* Counters and request log: see stats.h. One lock for all of it, held for nanoseconds at a time,
 * but for the JSON of the log. */
#include "tests/store/stats.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define STATUS_MAX 600

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* All below is under lock. */
static const char *verb_names[STATS_VERBS_MAX];
static size_t verb_count;
static uint64_t parallel; /* survives a reset */

static struct {
	uint64_t verbs[STATS_VERBS_MAX];
	uint64_t status[STATUS_MAX]; /* [0]: no answer */
	uint64_t faults[FAULT_KINDS];
	uint64_t requests, errors, connections, max_parallel, bytes_in, bytes_out;
} counters;

struct record {
	struct stats_entry entry;
	char *text; /* what the entry's strings point into */
};

static struct record log_ring[STATS_LOG_MAX];
static uint64_t log_count; /* ever written since the last reset */

void stats_verbs(const char *const *verbs)
{
	pthread_mutex_lock(&lock);
	for (; *verbs && verb_count < STATS_VERBS_MAX; verbs++)
		verb_names[verb_count++] = *verbs;
	pthread_mutex_unlock(&lock);
}

void stats_connection(void)
{
	pthread_mutex_lock(&lock);
	counters.connections++;
	pthread_mutex_unlock(&lock);
}

void stats_begin(const char *verb)
{
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < verb_count; i++)
		counters.verbs[i] += !strcmp(verb_names[i], verb);
	counters.requests++;
	if (++parallel > counters.max_parallel)
		counters.max_parallel = parallel;
	pthread_mutex_unlock(&lock);
}

/* Copies text to *at, which moves on. */
static const char *keep(char **at, const char *text)
{
	char *start = *at;

	*at = stpcpy(start, text) + 1;
	return start;
}

static char *record_text(struct stats_entry *e)
{
	size_t bytes = strlen(e->method) + strlen(e->path) + strlen(e->query) + strlen(e->range);
	char *text = malloc(bytes + 4);
	char *at = text;

	if (!text)
		return NULL;
	e->method = keep(&at, e->method);
	e->path = keep(&at, e->path);
	e->query = keep(&at, e->query);
	e->range = keep(&at, e->range);
	return text;
}

void stats_end(const struct stats_entry *entry)
{
	struct stats_entry e = *entry;
	char *text = record_text(&e);
	char *old = NULL;

	pthread_mutex_lock(&lock);
	parallel--;
	counters.status[e.status >= 0 && e.status < STATUS_MAX ? e.status : 0]++;
	counters.errors += e.status == 0 || e.status >= 400;
	counters.faults[e.fault]++;
	counters.bytes_in += e.bytes_in;
	counters.bytes_out += e.bytes_out;
	if (text) {
		struct record *r = &log_ring[log_count++ % STATS_LOG_MAX];

		old = r->text;
		*r = (struct record){.entry = e, .text = text};
	}
	pthread_mutex_unlock(&lock);
	free(old);
}

void stats_reset(void)
{
	pthread_mutex_lock(&lock);
	memset(&counters, 0, sizeof(counters));
	counters.max_parallel = parallel;
	for (size_t i = 0; i < STATS_LOG_MAX && i < log_count; i++) {
		free(log_ring[i].text);
		log_ring[i] = (struct record){0};
	}
	log_count = 0;
	pthread_mutex_unlock(&lock);
}

static void put_count(struct buf *out, const char *name, uint64_t count)
{
	buf_printf(out, "\"%s\":%llu,", name, (unsigned long long)count);
}

void stats_json(struct buf *out)
{
	pthread_mutex_lock(&lock);
	buf_str(out, "{");
	put_count(out, "requests", counters.requests);
	put_count(out, "errors", counters.errors);
	put_count(out, "bytes_in", counters.bytes_in);
	put_count(out, "bytes_out", counters.bytes_out);
	put_count(out, "connections", counters.connections);
	put_count(out, "parallel", parallel);
	put_count(out, "max_parallel", counters.max_parallel);
	buf_str(out, "\"verbs\":{");
	for (size_t i = 0; i < verb_count; i++)
		buf_printf(out, "%s\"%s\":%llu", i ? "," : "", verb_names[i],
			   (unsigned long long)counters.verbs[i]);
	buf_str(out, "},\"status\":{");
	for (int i = 0, some = 0; i < STATUS_MAX; i++) {
		if (counters.status[i])
			buf_printf(out, "%s\"%d\":%llu", some++ ? "," : "", i,
				   (unsigned long long)counters.status[i]);
	}
	buf_str(out, "},\"faults\":{");
	for (int i = FAULT_NONE + 1; i < FAULT_KINDS; i++)
		buf_printf(out, "%s\"%s\":%llu", i > 1 ? "," : "", fault_name(i),
			   (unsigned long long)counters.faults[i]);
	buf_str(out, "}}\n");
	pthread_mutex_unlock(&lock);
}

static void entry_json(struct buf *out, const struct stats_entry *e)
{
	buf_printf(out, "{\"id\":%llu,\"verb\":", (unsigned long long)e->id);
	buf_json(out, e->verb);
	buf_str(out, ",\"method\":");
	buf_json(out, e->method);
	buf_str(out, ",\"path\":");
	buf_json(out, e->path);
	buf_str(out, ",\"query\":");
	buf_json(out, e->query);
	buf_str(out, ",\"range\":");
	buf_json(out, e->range);
	buf_printf(out, ",\"status\":%d,\"bytes_in\":%llu,\"bytes_out\":%llu,\"us\":%llu,",
		   e->status, (unsigned long long)e->bytes_in, (unsigned long long)e->bytes_out,
		   (unsigned long long)e->us);
	buf_printf(out, "\"fault\":\"%s\"}", fault_name(e->fault));
}

void stats_log_json(struct buf *out)
{
	uint64_t first;

	pthread_mutex_lock(&lock);
	first = log_count > STATS_LOG_MAX ? log_count - STATS_LOG_MAX : 0;
	buf_str(out, "[");
	for (uint64_t i = first; i < log_count; i++) {
		buf_str(out, i > first ? ",\n" : "\n");
		entry_json(out, &log_ring[i % STATS_LOG_MAX].entry);
	}
	buf_str(out, "\n]\n");
	pthread_mutex_unlock(&lock);
}
