/* SPDX-License-Identifier: Apache-2.0 */
/* A counter's name ends in _total, units are seconds and bytes, as Prometheus wants it. */
#include <inttypes.h>
#include <string.h>

#include "core/cli/statsview.h"

#define US_PER_S 1e6

struct page {
	FILE *out;
	char job[32]; /* job="...", or "" */
};

static void head(const struct page *p, const char *name, const char *type, const char *help)
{
	fprintf(p->out, "# HELP skyshim_%s %s\n# TYPE skyshim_%s %s\n", name, help, name, type);
}

/* labels: as in the format, without braces, "" for none. */
static void sample(const struct page *p, const char *name, const char *labels, double value)
{
	const char *comma = *p->job && *labels ? "," : "";

	fprintf(p->out, "skyshim_%s", name);
	if (*p->job || *labels)
		fprintf(p->out, "{%s%s%s}", p->job, comma, labels);
	fprintf(p->out, " %.17g\n", value);
}

static void single(const struct page *p, const char *name, const char *type, const char *help,
		   double value)
{
	head(p, name, type, help);
	sample(p, name, "", value);
}

static void requests(const struct page *p, const json_t *tally)
{
	json_t *value;
	size_t i;

	head(p, "store_requests_total", "counter",
	     "Requests sent to stores, by what came of them.");
	json_array_foreach((json_t *)stats_at(tally, "requests"), i, value)
	{
		char labels[160];

		snprintf(labels, sizeof(labels), "store=\"%s\",verb=\"%s\",status=\"%s\"",
			 stats_string(value, "store"), stats_string(value, "verb"),
			 stats_string(value, "status"));
		sample(p, "store_requests_total", labels, (double)stats_number(value, "count"));
	}
}

static void per_store(const struct page *p, const json_t *tally, const char *name, const char *key,
		      const char *help)
{
	const char *store;
	json_t *value;

	head(p, name, "counter", help);
	json_object_foreach((json_t *)stats_at(tally, "stores"), store, value)
	{
		char labels[64];

		snprintf(labels, sizeof(labels), "store=\"%s\"", store);
		sample(p, name, labels, (double)stats_number(value, key));
	}
}

/* label: of its own, "" for none. */
static void histogram(const struct page *p, const char *name, const char *label, const json_t *took)
{
	const char *comma = *label ? "," : "";
	char part[96], labels[128];
	json_t *pair;
	size_t i;

	snprintf(part, sizeof(part), "%s_bucket", name);
	json_array_foreach((json_t *)stats_at(took, "below_us"), i, pair)
	{
		snprintf(labels, sizeof(labels), "%s%sle=\"%.10g\"", label, comma,
			 (double)json_integer_value(json_array_get(pair, 0)) / US_PER_S);
		sample(p, part, labels, (double)json_integer_value(json_array_get(pair, 1)));
	}
	snprintf(labels, sizeof(labels), "%s%sle=\"+Inf\"", label, comma);
	sample(p, part, labels, (double)stats_number(took, "count"));
	snprintf(part, sizeof(part), "%s_sum", name);
	sample(p, part, label, (double)stats_number(took, "sum_us") / US_PER_S);
	snprintf(part, sizeof(part), "%s_count", name);
	sample(p, part, label, (double)stats_number(took, "count"));
}

static void latencies(const struct page *p, const json_t *tally)
{
	const char *verb;
	json_t *value;

	head(p, "store_request_duration_seconds", "histogram",
	     "From when a request has a connection to its answer's end.");
	json_object_foreach((json_t *)stats_at(tally, "latency"), verb, value)
	{
		char label[64];

		snprintf(label, sizeof(label), "verb=\"%s\"", verb);
		histogram(p, "store_request_duration_seconds", label, value);
	}
	head(p, "store_request_queue_seconds", "histogram",
	     "What a request waits for a connection.");
	histogram(p, "store_request_queue_seconds", "", stats_at(tally, "queued"));
}

static void programs(const struct page *p, const json_t *tally)
{
	static const struct {
		const char *name, *key, *help;
	} both[] = {
		{"program_requests_total", "served", "What programs have asked of the daemon."},
		{"program_requests_asked_total", "asked",
		 "Of these, what caused a request to a store."},
	};

	single(p, "program_opens_unasked_total", "counter",
	       "Files that programs opened without asking the daemon.",
	       (double)stats_number(tally, "programs.open.unasked"));
	for (size_t i = 0; i < sizeof(both) / sizeof(*both); i++) {
		const char *op;
		json_t *value;

		head(p, both[i].name, "counter", both[i].help);
		json_object_foreach((json_t *)stats_at(tally, "programs"), op, value)
		{
			char label[64];

			snprintf(label, sizeof(label), "op=\"%s\"", op);
			sample(p, both[i].name, label, (double)stats_number(value, both[i].key));
		}
	}
}

/* What was fetched before it was asked for: {"files": {"used": 3, ...}, ...}. */
static void ahead(const struct page *p, const json_t *tally, const char *prefix, const char *name,
		  const char *help)
{
	static const char *const states[] = {"fetched", "used", "wasted"};
	const char *kind;
	json_t *counts;

	head(p, name, "counter", help);
	json_object_foreach((json_t *)stats_at(tally, "ahead"), kind, counts)
	{
		for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++) {
			char labels[128], key[64];

			snprintf(labels, sizeof(labels), "kind=\"%s\",state=\"%s\"", kind,
				 states[i]);
			snprintf(key, sizeof(key), "%s%s", prefix, states[i]);
			if (stats_at(counts, key))
				sample(p, name, labels, (double)stats_number(counts, key));
		}
	}
}

static void tally_page(const struct page *p, const json_t *tally)
{
	requests(p, tally);
	per_store(p, tally, "store_received_bytes_total", "bytes_in", "Bytes of answers' bodies.");
	per_store(p, tally, "store_sent_bytes_total", "bytes_out", "Bytes of requests' bodies.");
	single(p, "store_retries_total", "counter", "Sendings after the first.",
	       (double)stats_number(tally, "retries"));
	single(p, "store_hedges_total", "counter",
	       "Requests made again because a body had come to a halt.",
	       (double)stats_number(tally, "hedges"));
	single(p, "store_errors_total", "counter", "Calls that failed for good.",
	       (double)stats_number(tally, "errors"));
	latencies(p, tally);
	programs(p, tally);
	ahead(p, tally, "", "ahead_total", "What was fetched before anybody asked for it.");
	ahead(p, tally, "bytes_", "ahead_bytes_total", "Bytes of that.");
	single(p, "cost_estimate_dollars_total", "counter",
	       "What requests and egress may cost, by list prices or as configured.",
	       json_real_value(stats_at(tally, "cost_usd_estimate")));
}

void prometheus_print(FILE *out, const json_t *root, bool is_job)
{
	static const struct {
		const char *name, *type, *key, *help;
	} rest[] = {
		{"uptime_seconds", "gauge", "uptime_s", "Since the daemon started."},
		{"clients", "gauge", "clients", "Processes that have spoken to it and live."},
		{"connections_total", "counter", "store_connections", "Connections opened."},
		{"cache_files", "gauge", "cache_files", "Files in the cache."},
		{"cache_bytes", "gauge", "cache_bytes", "Bytes of them."},
		{"cache_max_bytes", "gauge", "cache_bytes_max", "What they may become."},
		{"cache_evicted_bytes_total", "counter", "cache_bytes_evicted", "Bytes that went."},
		{"names", "gauge", "names", "Names of which something is known."},
		{"names_bytes", "gauge", "names_bytes", "Memory for them."},
		{"memory_bytes", "gauge", "memory.bytes", "Memory that the daemon holds."},
		{"memory_peak_bytes", "gauge", "memory.bytes_peak", "The most it has held."},
		{"memory_max_bytes", "gauge", "memory.bytes_max", "What it may hold."},
		{"listings", "gauge", "listings", "Directory listings in the cache."},
	};
	struct page p = {.out = out};

	if (is_job) {
		snprintf(p.job, sizeof(p.job), "job=\"%.8s\"", stats_string(root, "id"));
		tally_page(&p, root);
		return;
	}
	tally_page(&p, stats_at(root, "total"));
	for (size_t i = 0; i < sizeof(rest) / sizeof(*rest); i++)
		single(&p, rest[i].name, rest[i].type, rest[i].help,
		       (double)stats_number(root, rest[i].key));
}
