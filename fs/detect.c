// SPDX-License-Identifier: Apache-2.0
/*
 * The questions, in order: see detect.h. Each is asked as the rest of the program would ask it, but
 * for what the service is taken for (struct store_trial): nothing is concluded from names of
 * products. What is ignored without a word is told apart from what is refused.
 */
#include "fs/detect.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/scope.h"
#include "fs/backends.h"

#define WRONG_ETAG "\"00000000000000000000000000000000\""

/* The words for a call that failed as it should, that should have failed, or that cannot be. */
static void tell_condition(struct detect *d, const char *name, int ret)
{
	if (ret == -ESTALE)
		detect_tell(d, name, DETECT_YES, "a broken condition is refused");
	else if (!ret)
		detect_tell(d, name, DETECT_NO, "the condition is ignored");
	else
		detect_tell(d, name, DETECT_NO, "%s", detect_why(d));
}

static int on_begin(void *arg, const struct store_object *object)
{
	(void)arg, (void)object;
	return 0;
}

static int on_data(void *arg, uint64_t offset, const void *data, size_t bytes)
{
	uint64_t *seen = arg;

	(void)offset, (void)data;
	*seen += bytes;
	return 0;
}

static void tell_names(struct detect *d, enum store_names names)
{
	bool is_tree = names == STORE_NAMES_TREE;

	if (backends_renames(d->scheme))
		detect_tell(d, "hierarchical namespace", is_tree ? DETECT_YES : DETECT_NO, "%s",
			    is_tree ? "directories are real, and renamed by one request"
				    : "directories are the names below them, and marks");
	else
		detect_tell(d, "hierarchical namespace", DETECT_NOT_HERE,
			    "there are none in this API");
}

/* Writing, and reading what was written. Everything else needs that. */
static int ask_basics(struct detect *d)
{
	char name[] = "skyshim", value[] = "probe 1";
	struct store_pair pair = {name, value};
	struct store_pairs user = {&pair, 1};
	struct store_call call = detect_make(d, STORE_PUT, "a");
	uint64_t seen = 0;
	enum store_names names;
	bool kept = false;
	int ret;

	call.source = detect_source();
	call.set_user = &user;
	ret = detect_call(d, &call, NULL, false);
	if (ret)
		return ret;
	call = detect_make(d, STORE_GET, "a");
	call.offset = 100;
	call.length = 10;
	call.sink = (struct store_sink){.begin = on_begin, .data = on_data, .arg = &seen};
	ret = detect_call(d, &call, NULL, true);
	for (size_t i = 0; i < call.user.count && !ret; i++)
		kept |= !strcmp(call.user.pair[i].name, name) &&
			!strcmp(call.user.pair[i].value, value);
	names = call.names;
	store_call_reset(&call);
	if (ret)
		return ret;
	detect_tell(d, "write and read", seen == 10 ? DETECT_YES : DETECT_NO,
		    "an object, and %" PRIu64 " bytes from its middle", seen);
	detect_tell(d, "user metadata", kept ? DETECT_YES : DETECT_NO,
		    kept ? "kept: modes, owners, times and links stay"
			 : "lost: modes, owners, times and links do not stay");
	tell_names(d, names);
	return 0;
}

static bool fits(struct detect *d, const char *etag, unsigned quirks, int *ret)
{
	*ret = detect_put(d, "a", etag, NULL, quirks);
	return !*ret;
}

static void ask_conditions(struct detect *d)
{
	char etag[STORE_ETAG_BYTES];
	int absent = detect_put(d, "a", NULL, "*", 0);
	bool bare, quoted = false;
	int match, ret, wrong;

	tell_condition(d, "PUT If-None-Match: *", absent);
	if (detect_put(d, "a", NULL, NULL, 0))
		return;
	strcpy(etag, d->etag);
	wrong = detect_put(d, "a", WRONG_ETAG, NULL, 0);
	tell_condition(d, d->is_s3 ? "PUT If-Match" : "write if unchanged", wrong);
	if (!wrong && detect_put(d, "a", NULL, NULL, 0))
		return;
	strcpy(etag, d->etag);
	bare = fits(d, etag, 0, &match);
	if (d->is_s3) {
		strcpy(etag, d->etag);
		quoted = fits(d, etag, STORE_QUIRK_QUOTES, &ret);
		if (wrong == -ESTALE)
			detect_tell(d, "ETag in If-Match", bare || quoted ? DETECT_YES : DETECT_NO,
				    "%s",
				    bare && quoted ? "with its quotes or without"
				    : bare	   ? "without its quotes only"
				    : quoted	   ? "with its quotes only"
						   : "fits in neither form");
	}
	if (absent != -ESTALE || wrong != -ESTALE || (!bare && !quoted))
		d->quirks |= STORE_QUIRK_CONDITIONS;
	else if (!bare)
		d->quirks |= STORE_QUIRK_QUOTES;
}

static int complete(struct detect *d, const char *name, const char *upload, const char *part,
		    const char *if_none_match)
{
	struct store_part one = {.number = 1, .etag = part};
	struct store_call call = detect_make(d, STORE_COMPLETE, name);

	call.upload = upload;
	call.parts = &one;
	call.part_count = 1;
	call.if_none_match = if_none_match;
	return detect_call(d, &call, NULL, false);
}

/* An object in one part, sent or copied. Returns 0, or an error after the upload's end. */
static int upload(struct detect *d, const char *name, bool copies, const char *if_none_match,
		  int *part_error)
{
	char from[sizeof(d->key)];
	struct store_call begin = detect_make(d, STORE_MULTIPART_BEGIN, name);
	struct store_call part;
	int ret = detect_call(d, &begin, NULL, true);

	*part_error = ret;
	if (!ret) {
		snprintf(from, sizeof(from), "%sa", d->prefix);
		part = detect_make(d, copies ? STORE_PART_COPY : STORE_PART, name);
		part.upload = begin.upload_id;
		part.part = 1;
		part.source = detect_source();
		if (copies) {
			part.from_bucket = d->bucket;
			part.from_key = from;
		}
		ret = *part_error = detect_call(d, &part, NULL, true);
		if (!ret)
			ret = complete(d, name, begin.upload_id,
				       part.part_id ? part.part_id : part.object.etag,
				       if_none_match);
		store_call_reset(&part);
		if (ret) {
			char code[STORE_CODE_BYTES], message[STORE_MESSAGE_BYTES];
			struct store_call abort = detect_make(d, STORE_ABORT, name);

			strcpy(code, d->code);
			strcpy(message, d->message);
			abort.upload = begin.upload_id;
			detect_call(d, &abort, NULL, false);
			strcpy(d->code, code);
			strcpy(d->message, message);
		}
	}
	store_call_reset(&begin);
	return ret;
}

static void ask_parts(struct detect *d)
{
	int part;
	int ret = upload(d, "parts", false, NULL, &part);

	detect_tell(d, "upload in parts", ret ? DETECT_NO : DETECT_YES, "%s",
		    ret ? detect_why(d) : "an object in one part");
	if (ret)
		return;
	ret = upload(d, "parts", false, "*", &part);
	tell_condition(d, "... with a condition", ret);
	ret = upload(d, "copied", true, NULL, &part);
	if (part == -EOPNOTSUPP)
		d->quirks |= STORE_QUIRK_NO_PART_COPY;
	detect_tell(d, "copied parts", ret ? DETECT_NO : DETECT_YES, "%s",
		    !ret		  ? "of what does not change nothing is sent"
		    : part == -EOPNOTSUPP ? "not there: changing a large object sends all of it"
					  : detect_why(d));
}

static int copy_if(struct detect *d, const char *etag)
{
	char from[sizeof(d->key)];
	struct store_call call;

	snprintf(from, sizeof(from), "%sa", d->prefix);
	call = detect_make(d, STORE_COPY, "copy");
	call.from_bucket = d->bucket;
	call.from_key = from;
	call.from_etag = etag;
	return detect_call(d, &call, NULL, false);
}

static void ask_copies(struct detect *d)
{
	int ret = copy_if(d, NULL);

	detect_tell(d, "copy by the service", ret ? DETECT_NO : DETECT_YES, "%s",
		    ret == -EOPNOTSUPP
			    ? "not there: it is copied as parts, directories byte by byte"
		    : ret ? detect_why(d)
			  : "renaming and cp within the bucket send nothing");
	if (!ret)
		tell_condition(d, "... of one version", copy_if(d, WRONG_ETAG));
}

static void ask_removal(struct detect *d)
{
	char one[sizeof(d->key)], two[sizeof(d->key)];
	const char *keys[] = {one, two};
	struct store_call call;
	int ret = detect_put(d, "one", NULL, NULL, 0);

	if (!ret)
		ret = detect_put(d, "two", NULL, NULL, 0);
	snprintf(one, sizeof(one), "%sone", d->prefix);
	snprintf(two, sizeof(two), "%stwo", d->prefix);
	call = detect_make(d, STORE_DELETE, "one");
	call.if_match = WRONG_ETAG;
	if (!ret)
		tell_condition(d, "DELETE with a condition", detect_call(d, &call, NULL, false));
	call = detect_make(d, STORE_DELETE_MANY, "");
	call.keys = keys;
	call.key_count = 2;
	if (!ret)
		ret = detect_call(d, &call, NULL, false);
	if (ret == -EOPNOTSUPP || ret == -EINVAL)
		d->quirks |= STORE_QUIRK_NO_BATCH_DELETE;
	detect_tell(d, "many deletions at once", ret ? DETECT_NO : DETECT_YES, "%s",
		    !ret ? "up to 1,000 in a request"
		    : d->quirks & STORE_QUIRK_NO_BATCH_DELETE
			    ? "not there: each object by a request of its own"
			    : detect_why(d));
}

/* How many objects does a listing in pages of one tell? -1: it fails. */
static int count_listed(struct detect *d, unsigned quirks, bool *is_old)
{
	struct store_trial trial = {.quirks = quirks, .tries_max = 3};
	char *token = NULL;
	int count = 0;

	*is_old = false;
	for (int page = 0; page < 16 && count >= 0; page++) {
		struct store_call call = detect_make(d, STORE_LIST, "list/");

		call.max_entries = 1;
		call.token = token;
		count = detect_call(d, &call, &trial, true) ? -1 : count + (int)call.list.count;
		free(token);
		token = count >= 0 && call.list.next_token ? strdup(call.list.next_token) : NULL;
		*is_old |= token && *token == '\n';
		store_call_reset(&call);
		if (!token)
			break;
	}
	free(token);
	return count;
}

static void ask_lists(struct detect *d)
{
	bool is_old, unused;
	int count = 0;

	for (int i = 0; i < 3; i++) {
		char name[16];

		snprintf(name, sizeof(name), "list/%c", "a +"[i]);
		count |= detect_put(d, name, NULL, NULL, 0);
	}
	if (count)
		return;
	count = count_listed(d, 0, &is_old);
	if (count < 0)
		d->quirks |= STORE_QUIRK_LIST_V1;
	detect_tell(d, d->is_s3 ? "ListObjectsV2" : "listing in pages",
		    count == 3 && !is_old ? DETECT_YES : DETECT_NO, "%s",
		    count < 0	 ? detect_why(d)
		    : count != 3 ? "objects are missing in its pages"
		    : is_old	 ? "answered in the old way, which is understood"
				 : "3 objects in pages of one");
	if (!d->is_s3)
		return;
	count = count_listed(d, STORE_QUIRK_LIST_V1, &unused);
	detect_tell(d, "ListObjects (the old way)", count == 3 ? DETECT_YES : DETECT_NO, "%s",
		    count < 0	 ? detect_why(d)
		    : count != 3 ? "objects are missing"
				 : "the same");
}

/* Other bytes each time: those that are sent do not have the digest that was made before. */
static int read_changing(void *arg, uint64_t offset, void *buf, size_t bytes)
{
	atomic_uint *reads = arg;

	(void)offset;
	memset(buf, (int)('a' + (*reads)++ % 26), bytes);
	return 0;
}

static void ask_digests(struct detect *d)
{
	struct store_trial once = {.tries_max = 1};
	atomic_uint reads = 0;
	struct store_call call = detect_make(d, STORE_PUT, "changing");
	int ret;

	call.source = (struct store_source){.read = read_changing, .arg = &reads, .bytes = 1024};
	ret = detect_call(d, &call, &once, false);
	if (ret && d->code[0])
		detect_tell(d, "checked uploads", DETECT_YES, "damaged bytes are refused (%s)",
			    d->code);
	else
		detect_tell(d, "checked uploads", DETECT_NO, "damaged bytes are %s",
			    ret ? "kept; that is seen afterwards, by what it says it has"
				: "kept, and nothing tells");
}

static void ask_hosts(struct detect *d)
{
	struct store_trial trial = {.in_host = true, .tries_max = 1};
	struct store_call call = detect_make(d, STORE_HEAD, "a");
	int ret = detect_call(d, &call, &trial, false);

	detect_tell(d, "bucket in the host's name", ret ? DETECT_NO : DETECT_YES, "%s",
		    !ret	     ? "with addressing = virtual"
		    : ret == -ENOENT ? "the host has no such bucket"
				     : detect_why(d));
}

static void tell_rest(struct detect *d)
{
	static const char *const only_s3[] = {"ETag in If-Match", "ListObjects (the old way)",
					      "bucket in the host's name"};

	for (size_t i = 0; i < sizeof(only_s3) / sizeof(only_s3[0]); i++)
		detect_tell(d, only_s3[i], DETECT_NOT_HERE, "there is one way only in this API");
}

int detect_run(struct detect *d)
{
	uint64_t random;
	int ret;

	arc4random_buf(&random, sizeof(random));
	snprintf(d->prefix, sizeof(d->prefix), "%s" DETECT_NAME "%016" PRIx64 "/", d->within,
		 random);
	ret = ask_basics(d);
	if (!ret) {
		ask_conditions(d);
		ask_parts(d);
		ask_copies(d);
		ask_removal(d);
		ask_lists(d);
		ask_digests(d);
		if (d->is_s3)
			ask_hosts(d);
		else
			tell_rest(d);
		detect_clean_old(d);
		detect_clean(d);
		return 0;
	}
	/* the clean-up's calls have errors of their own, perhaps */
	char message[STORE_MESSAGE_BYTES];

	strcpy(message, d->message);
	detect_clean(d);
	strcpy(d->message, message);
	return ret;
}
