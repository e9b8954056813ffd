/* SPDX-License-Identifier: Apache-2.0 */
/* The counters as tables, and below them what is a single number each. */
#include <inttypes.h>
#include <string.h>

#include "core/cli/report.h"
#include "core/cli/statsview.h"
#include "core/price.h"

#define US_PER_MS 1000.0

const json_t *stats_at(const json_t *object, const char *path)
{
	while (object && *path) {
		size_t len = strcspn(path, ".");
		char name[64];

		snprintf(name, sizeof(name), "%.*s", (int)len, path);
		object = json_object_get(object, name);
		path += len + (path[len] == '.');
	}
	return object;
}

uint64_t stats_number(const json_t *object, const char *path)
{
	return (uint64_t)json_integer_value(stats_at(object, path));
}

const char *stats_string(const json_t *object, const char *path)
{
	const char *text = json_string_value(stats_at(object, path));

	return text ? text : "";
}

static const char *bytes(uint64_t n, char out[24])
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
	double value = (double)n;
	unsigned unit = 0;

	while (value >= 1024 && unit < 5) {
		value /= 1024;
		unit++;
	}
	snprintf(out, 24, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
	return out;
}

static void print_requests(FILE *out, const json_t *tally)
{
	const char *store;
	json_t *value;
	size_t i;

	fputs("requests to stores\n", out);
	json_array_foreach((json_t *)stats_at(tally, "requests"), i, value)
	{
		fprintf(out, "  %-4s %-16s %-8s %12" PRIu64 "\n", stats_string(value, "store"),
			stats_string(value, "verb"), stats_string(value, "status"),
			stats_number(value, "count"));
	}
	fprintf(out, "  %-30s %12" PRIu64 "\n", "in all", stats_number(tally, "requests_total"));
	if (stats_number(tally, "requests_under_way"))
		fprintf(out, "  %-30s %12" PRIu64 "\n", "under way",
			stats_number(tally, "requests_under_way"));
	json_object_foreach((json_t *)stats_at(tally, "stores"), store, value)
	{
		char in[24], sent[24];

		fprintf(out, "  %-4s %s received, %s sent\n", store,
			bytes(stats_number(value, "bytes_in"), in),
			bytes(stats_number(value, "bytes_out"), sent));
	}
	fprintf(out, "  %" PRIu64 " retries, %" PRIu64 " hedges, %" PRIu64 " errors\n",
		stats_number(tally, "retries"), stats_number(tally, "hedges"),
		stats_number(tally, "errors"));
}

static void print_took(FILE *out, const char *name, const json_t *took)
{
	fprintf(out, "  %-22s %8" PRIu64 " %9.1f %9.1f %9.1f %9.1f\n", name,
		stats_number(took, "count"), (double)stats_number(took, "p50_us") / US_PER_MS,
		(double)stats_number(took, "p90_us") / US_PER_MS,
		(double)stats_number(took, "p99_us") / US_PER_MS,
		(double)stats_number(took, "max_us") / US_PER_MS);
}

static void print_latency(FILE *out, const json_t *tally)
{
	const char *verb;
	json_t *value;

	fprintf(out, "%-24s %8s %9s %9s %9s %9s\n", "milliseconds", "requests", "p50", "p90", "p99",
		"max");
	json_object_foreach((json_t *)stats_at(tally, "latency"), verb, value)
	{
		print_took(out, verb, value);
	}
	print_took(out, "before, for a connection", stats_at(tally, "queued"));
}

static void print_rate(FILE *out, const char *what, const json_t *rate)
{
	if (json_is_real(rate))
		fprintf(out, "  %.1f %% of %s\n", 100 * json_real_value(rate), what);
}

static void print_programs(FILE *out, const json_t *tally)
{
	const char *op;
	json_t *value;

	fprintf(out, "%-24s %8s %9s\n", "asked by programs", "in all", "of a store");
	json_object_foreach((json_t *)stats_at(tally, "programs"), op, value)
	{
		fprintf(out, "  %-22s %8" PRIu64 " %9" PRIu64 "\n", op,
			stats_number(value, "served"), stats_number(value, "asked"));
	}
	fprintf(out, "  %-22s %8" PRIu64 " %9u\n", "open, not asked",
		stats_number(tally, "programs.open.unasked"), 0u);
	fputs("without a request\n", out);
	print_rate(out, "what was asked about names", stats_at(tally, "hit_rate_names"));
	print_rate(out, "the waits for data", stats_at(tally, "hit_rate_data"));
}

/* "-": is not counted of that kind. */
static const char *counted(const json_t *counts, const char *state, char out[24])
{
	if (stats_at(counts, state))
		snprintf(out, 24, "%" PRIu64, stats_number(counts, state));
	else
		snprintf(out, 24, "-");
	return out;
}

static const char *counted_bytes(const json_t *counts, const char *state, char out[24])
{
	char key[32];

	snprintf(key, sizeof(key), "bytes_%s", state);
	return stats_at(counts, key) ? bytes(stats_number(counts, key), out) : "-";
}

static void print_ahead(FILE *out, const json_t *tally)
{
	static const char *const states[] = {"fetched", "used", "wasted"};
	const char *kind;
	json_t *counts;

	fprintf(out, "%-14s %20s %20s %20s\n", "ahead", "fetched", "used", "wasted");
	json_object_foreach((json_t *)stats_at(tally, "ahead"), kind, counts)
	{
		fprintf(out, "  %-12s", kind);
		for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++) {
			char n[24], b[24];

			fprintf(out, " %9s %10s", counted(counts, states[i], n),
				counted_bytes(counts, states[i], b));
		}
		fputc('\n', out);
	}
}

static double cost(const json_t *object)
{
	return json_real_value(json_object_get(object, "cost_usd_estimate"));
}

static void print_tally(FILE *out, const json_t *tally)
{
	print_requests(out, tally);
	print_latency(out, tally);
	print_programs(out, tally);
	print_ahead(out, tally);
	fprintf(out, "estimated cost\n  %.6f US dollars, by list prices of %s or as configured\n",
		cost(tally), PRICE_DATE);
}

static void print_jobs(FILE *out, const json_t *jobs)
{
	json_t *job;
	size_t i;

	fprintf(out, "%-10s %8s %11s %11s %11s  %s\n", "jobs", "requests", "received", "sent",
		"dollars", "command");
	json_array_foreach((json_t *)jobs, i, job)
	{
		char in[24], sent[24];

		fprintf(out, "  %-8s %8" PRIu64 " %11s %11s %11.6f  %s\n", stats_string(job, "id"),
			stats_number(job, "requests_total"),
			bytes(stats_number(job, "bytes_in"), in),
			bytes(stats_number(job, "bytes_out"), sent), cost(job),
			stats_string(job, "command"));
	}
}

void statstext_print(FILE *out, json_t *root, bool is_job)
{
	if (is_job) {
		fprintf(out, "job %s, process %" PRIu64 ": %s\n", stats_string(root, "id"),
			stats_number(root, "pid"), stats_string(root, "command"));
		print_tally(out, root);
		return;
	}
	print_tally(out, stats_at(root, "total"));
	print_jobs(out, stats_at(root, "jobs"));
	/* these have been shown */
	json_object_del(root, "total");
	json_object_del(root, "jobs");
	json_object_del(root, "ahead");
	json_object_del(root, "runtime_requests");
	json_object_del(root, "store_requests");
	report_print(root);
}
