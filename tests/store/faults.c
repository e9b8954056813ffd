/* SPDX-License-Identifier: Apache-2.0 */
/* Fault rules: see faults.h. */
#include "tests/store/faults.h"

#include <errno.h>
#include <fnmatch.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct rule {
	char text[FAULT_TEXT_MAX]; /* as given */
	char verb[40];		   /* "" for any */
	char key[FAULT_TEXT_MAX];  /* "" for any */
	struct fault fault;
	double rate;
	uint64_t random; /* state of the sequence */
	uint64_t skip;
	uint64_t left; /* UINT64_MAX: no end */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct rule rules[FAULTS_MAX]; /* under lock */
static size_t rule_count;	      /* under lock */

static const char *const names[FAULT_KINDS] = {
	[FAULT_NONE] = "none",
	[FAULT_SLOWDOWN] = "slowdown",
	[FAULT_INTERNAL] = "internal",
	[FAULT_DENIED] = "denied",
	[FAULT_EXPIRED] = "expired",
	[FAULT_OK_ERROR] = "ok-error",
	[FAULT_MUTE] = "mute",
	[FAULT_DEAF] = "deaf",
	[FAULT_RESET] = "reset",
	[FAULT_TRUNCATE] = "truncate",
	[FAULT_STALL] = "stall",
	[FAULT_CORRUPT] = "corrupt",
	[FAULT_SLOW_HEADERS] = "slow-headers",
	[FAULT_CUT] = "cut",
	[FAULT_WRONG_ETAG] = "wrong-etag",
};

const char *fault_name(enum fault_kind kind)
{
	return names[kind];
}

static int parse_u64(const char *text, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 10);
	return errno || end == text || *end || *text == '-' ? -EINVAL : 0;
}

static int parse_rate(const char *text, double *out)
{
	char *end;

	*out = strtod(text, &end);
	return end == text || *end || !(*out >= 0 && *out <= 1) ? -EINVAL : 0;
}

static int set_text(char *to, size_t bytes, const char *value)
{
	if (strlen(value) >= bytes)
		return -EINVAL;
	memcpy(to, value, strlen(value) + 1);
	return 0;
}

static int set_field(struct rule *r, const char *name, const char *value)
{
	uint64_t number = 0;

	if (!strcmp(name, "verb"))
		return set_text(r->verb, sizeof(r->verb), value);
	if (!strcmp(name, "key"))
		return set_text(r->key, sizeof(r->key), value);
	if (!strcmp(name, "rate"))
		return parse_rate(value, &r->rate);
	if (parse_u64(value, &number))
		return -EINVAL;
	if (!strcmp(name, "seed"))
		r->random = number;
	else if (!strcmp(name, "skip"))
		r->skip = number;
	else if (!strcmp(name, "count"))
		r->left = number;
	else if (!strcmp(name, "at"))
		r->fault.at = number;
	else if (!strcmp(name, "ms") && number <= 86400000)
		r->fault.ms = (unsigned)number;
	else if (!strcmp(name, "retry-after") && number <= 86400)
		r->fault.retry_after_s = (int)number;
	else
		return -EINVAL;
	return 0;
}

static enum fault_kind kind_of(const char *name)
{
	for (int kind = FAULT_NONE + 1; kind < FAULT_KINDS; kind++) {
		if (!strcmp(names[kind], name))
			return (enum fault_kind)kind;
	}
	return FAULT_NONE;
}

static int parse(const char *text, struct rule *r, const char **why_out)
{
	char copy[FAULT_TEXT_MAX];
	char *rest = copy;
	char *item;

	*why_out = "a rule is KIND[,NAME=VALUE...], not too long, of a known KIND";
	if (set_text(copy, sizeof(copy), text))
		return -EINVAL;
	memcpy(r->text, copy, sizeof(copy));
	item = strsep(&rest, ",");
	r->fault.kind = kind_of(item);
	if (r->fault.kind == FAULT_NONE)
		return -EINVAL;

	*why_out = "its fields are rate=0..1 and seed, skip, count, at, ms, retry-after (numbers), "
		   "verb=NAME, key=GLOB";
	while (rest && *rest) {
		char *value;

		item = rest;
		if (strncmp(item, "key=", 4) != 0)
			strsep(&rest, ",");
		else
			rest = NULL; /* a key may hold commas: it takes all that is left */
		value = strchr(item, '=');
		if (!value)
			return -EINVAL;
		*value++ = '\0';
		if (set_field(r, item, value))
			return -EINVAL;
	}
	return 0;
}

int faults_add(const char *text, const char **why_out)
{
	struct rule r = {.rate = 1,
			 .random = 1,
			 .left = UINT64_MAX,
			 .fault = {.at = FAULT_AT_MIDDLE, .retry_after_s = -1}};
	int err = parse(text, &r, why_out);

	if (err)
		return err;
	pthread_mutex_lock(&lock);
	if (rule_count == FAULTS_MAX) {
		*why_out = "too many rules; clear them first";
		err = -E2BIG;
	} else {
		rules[rule_count++] = r;
	}
	pthread_mutex_unlock(&lock);
	return err;
}

void faults_clear(void)
{
	pthread_mutex_lock(&lock);
	rule_count = 0;
	pthread_mutex_unlock(&lock);
}

/* splitmix64, as a number in [0, 1). */
static double random_next(uint64_t *state)
{
	uint64_t x = *state += 0x9E3779B97F4A7C15u;

	x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
	x = (x ^ x >> 27) * 0x94D049BB133111EBu;
	x ^= x >> 31;
	return (double)(x >> 11) / (double)(1ull << 53);
}

static bool hits(struct rule *r, const char *verb, const char *method, const char *path)
{
	if (!r->left)
		return false;
	if (r->verb[0] && strcmp(r->verb, verb) != 0 && strcmp(r->verb, method) != 0)
		return false;
	if (r->key[0] && fnmatch(r->key, path, 0) != 0)
		return false;
	if (r->skip) {
		r->skip--;
		return false;
	}
	if (r->rate < 1 && random_next(&r->random) >= r->rate)
		return false;
	if (r->left != UINT64_MAX)
		r->left--;
	return true;
}

struct fault faults_pick(const char *verb, const char *method, const char *path)
{
	struct fault found = {.kind = FAULT_NONE};

	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < rule_count && found.kind == FAULT_NONE; i++) {
		if (hits(&rules[i], verb, method, path))
			found = rules[i].fault;
	}
	pthread_mutex_unlock(&lock);
	return found;
}

void faults_json(struct buf *out)
{
	pthread_mutex_lock(&lock);
	buf_str(out, "[");
	for (size_t i = 0; i < rule_count; i++) {
		buf_str(out, i ? "," : "");
		buf_json(out, rules[i].text);
	}
	buf_str(out, "]");
	pthread_mutex_unlock(&lock);
}
