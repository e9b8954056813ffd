// SPDX-License-Identifier: Apache-2.0
/* The calls that finding out takes, and what they leave behind: see detect.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/scope.h"
#include "fs/detect.h"

#define TRIES	  3
#define NS_PER_S  INT64_C(1000000000)
#define PAGES_MAX 1000

static int read_plain(void *arg, uint64_t offset, void *buf, size_t bytes)
{
	(void)arg;
	memset(buf, 'a' + (int)(offset % 26), bytes);
	return 0;
}

struct store_source detect_source(void)
{
	return (struct store_source){.read = read_plain, .bytes = DETECT_BYTES};
}

struct store_call detect_make(struct detect *d, enum store_verb verb, const char *name)
{
	snprintf(d->key, sizeof(d->key), "%s%s", d->prefix, name);
	return (struct store_call){
		.verb = verb,
		.ctx = d->ctx,
		.scheme = d->scheme,
		.bucket = d->bucket,
		.key = d->key,
	};
}

int detect_call(struct detect *d, struct store_call *call, const struct store_trial *trial,
		bool keep)
{
	static const struct store_trial plain = {.tries_max = TRIES};
	int ret;

	call->trial = trial ? trial : &plain;
	ret = store_run(call);
	d->status = call->status;
	snprintf(d->code, sizeof(d->code), "%s", call->code);
	snprintf(d->message, sizeof(d->message), "%s", call->message);
	if (!ret && call->object.etag[0])
		strcpy(d->etag, call->object.etag);
	if (!keep)
		store_call_reset(call);
	return ret;
}

int detect_put(struct detect *d, const char *name, const char *if_match, const char *if_none_match,
	       unsigned quirks)
{
	struct store_trial trial = {.quirks = quirks, .tries_max = TRIES};
	struct store_call call = detect_make(d, STORE_PUT, name);

	call.source = detect_source();
	call.if_match = if_match;
	call.if_none_match = if_none_match;
	return detect_call(d, &call, &trial, false);
}

const char *detect_why(const struct detect *d)
{
	static _Thread_local char words[STORE_CODE_BYTES + 32];

	if (!d->status)
		return d->message;
	snprintf(words, sizeof(words), "refused (%d%s%s)", d->status, d->code[0] ? " " : "",
		 d->code);
	return words;
}

void detect_tell(struct detect *d, const char *name, enum detect_has has, const char *format, ...)
{
	json_t *value = has == DETECT_NOT_HERE ? json_null() : json_boolean(has == DETECT_YES);
	char how[256];
	va_list args;

	va_start(args, format);
	vsnprintf(how, sizeof(how), format, args);
	va_end(args);
	for (char *c = how; *c; c++) {
		if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f)
			*c = '?'; /* a service's words may be anything */
	}
	json_array_append_new(d->out,
			      json_pack("{s:s, s:o, s:s}", "name", name, "has", value, "how", how));
}

static void remove_one(struct detect *d, const char *key)
{
	struct store_call call = detect_make(d, STORE_DELETE, "");

	call.key = key;
	if (detect_call(d, &call, NULL, false))
		d->left++;
}

static void abort_one(struct detect *d, const char *key, const char *upload)
{
	struct store_call call = detect_make(d, STORE_ABORT, "");

	call.key = key;
	call.upload = upload;
	if (detect_call(d, &call, NULL, false))
		d->left++;
}

/* Is it an object of ours, of this time or of an earlier one, that nobody needs? */
static bool is_ours(const struct detect *d, const struct store_entry *entry, bool old)
{
	int64_t age_s = clock_wall_s() - entry->object.mtime_ns / NS_PER_S;
	size_t within = strlen(d->within);

	if (!old)
		return !strncmp(entry->name, d->prefix, strlen(d->prefix));
	return !strncmp(entry->name, d->within, within) &&
	       !strncmp(entry->name + within, DETECT_NAME, strlen(DETECT_NAME)) &&
	       entry->object.mtime_ns && age_s > DETECT_OLD_S;
}

/* All pages of a listing of objects or uploads, with that removed which is ours. */
static void sweep(struct detect *d, enum store_verb verb, bool old)
{
	struct store_trial trial = {.quirks = d->quirks & STORE_QUIRK_LIST_V1, .tries_max = TRIES};
	char prefix[sizeof(d->prefix) + sizeof(DETECT_NAME)];
	char *token = NULL;

	snprintf(prefix, sizeof(prefix), "%s%s", old ? d->within : d->prefix,
		 old ? DETECT_NAME : "");
	for (int page = 0; page < PAGES_MAX; page++) {
		struct store_call call = detect_make(d, verb, "");
		int ret;

		call.key = prefix;
		call.token = token;
		ret = detect_call(d, &call, &trial, true);
		free(token);
		token = NULL;
		/* not every service tells its uploads, and what was begun here was ended */
		if (ret && verb == STORE_LIST && !old)
			d->left++;
		/* directories that are there by themselves are empty in the end */
		for (size_t i = call.list.count; i-- && !ret;) {
			const struct store_entry *entry = &call.list.entries[i];

			if (entry->is_prefix || !is_ours(d, entry, old))
				continue;
			if (entry->upload)
				abort_one(d, entry->name, entry->upload);
			else
				remove_one(d, entry->name);
		}
		if (!ret && call.list.next_token)
			token = strdup(call.list.next_token);
		store_call_reset(&call);
		if (!token)
			break;
	}
	free(token);
}

void detect_clean(struct detect *d)
{
	sweep(d, STORE_LIST, false);
	if (store_names(d->ctx, d->scheme, d->bucket) == STORE_NAMES_TREE)
		remove_one(d, d->prefix);
	sweep(d, STORE_UPLOADS, false);
}

void detect_clean_old(struct detect *d)
{
	sweep(d, STORE_LIST, true);
	sweep(d, STORE_UPLOADS, true);
}
