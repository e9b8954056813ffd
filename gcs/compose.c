// SPDX-License-Identifier: Apache-2.0
/*
 * An upload's end. A request composes 32 objects at most, so that of many parts the first 32 become
 * an object, this and the next 31 another, and so on; the last request makes the real one. Each of
 * them names its sources by their versions and writes a name of its own, so that one whose answer
 * was lost may be sent again. Then all but the real one is deleted, a hundred at a time.
 *
 * What is carried from one request to the next is the version of what the last one has made, or
 * that there is nothing left to make.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/batch.h"
#include "core/pairs.h"
#include "core/scope.h"
#include "gcs/gcs.h"

#define NAME_BYTES 64 /* of what is hidden */
#define MADE	   "made"

/* How many requests make the object. */
static unsigned rounds_of(size_t parts)
{
	if (parts <= GCS_COMPOSE_MAX)
		return 1;
	return 1 +
	       (unsigned)((parts - GCS_COMPOSE_MAX + GCS_COMPOSE_MAX - 2) / (GCS_COMPOSE_MAX - 1));
}

/* Which is the first part of a round? */
static size_t first_of(unsigned round)
{
	return round ? GCS_COMPOSE_MAX + (size_t)(round - 1) * (GCS_COMPOSE_MAX - 1) : 0;
}

static void name_part(const char *upload, unsigned number, char out[NAME_BYTES])
{
	snprintf(out, NAME_BYTES, GCS_PARTS "%s/%05u", upload, number);
}

static void name_round(const char *upload, unsigned round, char out[NAME_BYTES])
{
	snprintf(out, NAME_BYTES, GCS_PARTS "%s/c%05u", upload, round);
}

static int add_source(json_t *sources, const char *name, const char *etag)
{
	struct gcs_version version;
	json_t *source;

	if (gcs_version_read(etag, &version) < 0)
		return -EINVAL;
	source = json_pack("{s:s, s:s}", "name", name, "generation", version.generation);
	return json_array_append_new(sources, source) ? -EINVAL : 0;
}

static int add_part(const struct store_call *call, const struct store_part *part, json_t *sources)
{
	struct gcs_part said;
	char name[NAME_BYTES];

	if (gcs_parts_read(part->etag, &said) < 0)
		return -EINVAL;
	name_part(call->upload, part->number, name);
	return add_source(sources, said.name[0] ? said.name : name, said.etag);
}

static int add_sources(const struct store_call *call, json_t *sources)
{
	unsigned round = call->step;
	size_t end = first_of(round + 1);
	char name[NAME_BYTES];
	int ret = sources ? 0 : -ENOMEM;

	if (!ret && round) {
		name_round(call->upload, round - 1, name);
		ret = add_source(sources, name, call->carry);
	}
	for (size_t i = first_of(round); i < end && i < call->part_count && !ret; i++)
		ret = add_part(call, &call->parts[i], sources);
	return ret;
}

static bool are_in_order(const struct store_call *call)
{
	unsigned last = 0;

	for (size_t i = 0; i < call->part_count; i++) {
		if (call->parts[i].number <= last || call->parts[i].number > STORE_PART_MAX)
			return false;
		last = call->parts[i].number;
	}
	return last > 0;
}

static int build_round(const struct store_call *call, const struct store_site *site,
		       struct store_request *out)
{
	bool is_last = call->step + 1 == rounds_of(call->part_count);
	json_t *sources = json_array();
	json_t *resource = json_object();
	char name[NAME_BYTES];
	int ret;

	name_round(call->upload, call->step, name);
	ret = gcs_site_start(site, "POST", GCS_JSON, call->bucket, is_last ? call->key : name, out);
	if (!ret)
		ret = buffer_add_text(&out->target, "/compose");
	if (!ret && is_last)
		ret = gcs_version_conditions(call, &out->target);
	if (!ret)
		ret = gcs_site_finish(site, GCS_FIELDS, out);
	if (!ret)
		ret = add_sources(call, sources);
	if (!ret && is_last)
		ret = gcs_meta_set(call, false, resource);
	if (ret) {
		json_decref(sources);
		json_decref(resource);
		return ret;
	}
	return gcs_put_json(
		json_pack("{s:o, s:o}", "sourceObjects", sources, "destination", resource), out);
}

/* All that is hidden of it: the parts, then what the rounds but the last have made. */
static size_t count_hidden(const struct store_call *call)
{
	return call->part_count + rounds_of(call->part_count) - 1;
}

static int build_tidy(const struct store_call *call, const struct store_site *site,
		      struct store_request *out)
{
	size_t from = (call->step - rounds_of(call->part_count)) * (size_t)GCS_BATCH_MAX;
	int ret = gcs_batch_begin(site, out);

	for (size_t i = from; i < from + GCS_BATCH_MAX && i < count_hidden(call) && !ret; i++) {
		char name[NAME_BYTES];

		if (i < call->part_count)
			name_part(call->upload, call->parts[i].number, name);
		else
			name_round(call->upload, (unsigned)(i - call->part_count), name);
		ret = gcs_batch_delete(site, call->bucket, name, NULL, out);
	}
	return ret ? ret : gcs_batch_end(out);
}

int gcs_compose_build(const struct store_call *call, const struct store_site *site,
		      struct store_request *out)
{
	if (!call->key || !call->key[0] || !gcs_parts_is_upload(call->upload) ||
	    !are_in_order(call))
		return -EINVAL;
	if (call->carry && !strcmp(call->carry, MADE))
		return build_tidy(call, site, out);
	return build_round(call, site, out);
}

static int carry(struct store_call *call, const char *text)
{
	call->carry_out = strdup(text);
	return call->carry_out ? -EINPROGRESS : -ENOMEM;
}

/* Whatever came of each: it was tried. A second time is for those whom time may help. */
static int read_batch(const struct store_answer *answer, size_t count)
{
	struct batch_part parts[GCS_BATCH_MAX];
	int ret = batch_read(answer, parts, count);

	for (size_t i = 0; i < count && !ret; i++)
		ret = batch_error(parts[i].status);
	return ret == -EAGAIN ? -EBADMSG : ret;
}

int gcs_compose_parse(struct store_call *call, const struct store_answer *answer,
		      struct store_check *check)
{
	unsigned rounds = rounds_of(call->part_count);
	int ret;

	if (call->step >= rounds) {
		size_t from = (call->step - rounds) * (size_t)GCS_BATCH_MAX;
		size_t left = count_hidden(call) - from;

		ret = read_batch(answer, left < GCS_BATCH_MAX ? left : GCS_BATCH_MAX);
		return ret || left <= GCS_BATCH_MAX ? ret : carry(call, MADE);
	}
	ret = gcs_resource_parse(call, answer, check);
	if (ret)
		return ret;
	call->is_made = call->step + 1 == rounds;
	return carry(call, call->is_made ? MADE : call->object.etag);
}

/* --- after a lost answer to the last composition ---------------------------------------------- */

int gcs_compose_build_look(const struct store_call *call, const struct store_site *site,
			   struct store_request *out)
{
	struct store_call head = *call;

	head.if_match = head.if_none_match = NULL;
	return gcs_object_build_head(&head, site, out);
}

/* What the whole must have as its CRC32C and size. -ENOENT: that of a part is not known. */
static int expect(const struct store_call *call, char crc32c[DIGEST_BASE64_BYTES], uint64_t *size)
{
	uint8_t raw[DIGEST_CRC_BYTES];
	uint32_t sum = 0;

	*size = 0;
	for (size_t i = 0; i < call->part_count; i++) {
		struct gcs_part part;

		if (gcs_parts_read(call->parts[i].etag, &part) < 0 || !part.has_sum)
			return -ENOENT;
		sum = digest_crc32c_join(sum, part.crc32c, part.size);
		*size += part.size;
	}
	for (int i = 0; i < DIGEST_CRC_BYTES; i++)
		raw[i] = (uint8_t)(sum >> (24 - 8 * i));
	digest_base64(raw, sizeof(raw), crc32c);
	return 0;
}

/* It is ours by its bytes and by what went with them: a time, mostly, to the nanosecond. */
int gcs_compose_made(struct store_call *call, const struct store_answer *answer)
{
	char crc32c[DIGEST_BASE64_BYTES];
	struct store_check check = {0};
	uint64_t size;
	int ret = expect(call, crc32c, &size);

	if (ret)
		return ret;
	if (call->step + 1 != rounds_of(call->part_count))
		return -ENOENT; /* only the last has conditions to break */
	ret = gcs_object_parse_head(call, answer, &check);
	if (ret)
		return ret;
	gcs_resource_sum(answer, &check);
	if (strcmp(check.text, crc32c) != 0 || call->object.size != size ||
	    !pairs_hold(&call->user, call->set_user) ||
	    (call->if_match && !strcmp(call->if_match, call->object.etag)))
		return -ESTALE;
	call->is_made = true;
	return carry(call, MADE);
}

/* --- an upload that is given up: listed, deleted, and listed again until there is nothing --- */

int gcs_compose_build_abort(const struct store_call *call, const struct store_site *site,
			    struct store_request *out)
{
	char prefix[NAME_BYTES];
	const char *at = call->carry;
	int ret;

	if (!gcs_parts_is_upload(call->upload))
		return -EINVAL;
	snprintf(prefix, sizeof(prefix), GCS_PARTS "%s/", call->upload);
	if (!at) {
		ret = gcs_site_start(site, "GET", GCS_JSON, call->bucket, "", out);
		if (!ret)
			ret = uri_add_query(&out->target, "prefix", prefix);
		if (!ret)
			ret = uri_add_query(&out->target, "maxResults", "100");
		return ret ? ret : gcs_site_finish(site, "items(name)", out);
	}
	ret = gcs_batch_begin(site, out);
	while (*at && !ret) {
		SCOPE_FREE char *name = strndup(at, strcspn(at, "\n"));

		if (!name)
			return -ENOMEM;
		at += strlen(name) + 1;
		ret = gcs_batch_delete(site, call->bucket, name, NULL, out);
	}
	return ret ? ret : gcs_batch_end(out);
}

static size_t count_lines(const char *text)
{
	size_t lines = 0;

	for (; *text; text++)
		lines += *text == '\n';
	return lines;
}

/* The names of a page, each with a line end. */
static int read_names(const json_t *page, struct buffer *out)
{
	const json_t *items = json_object_get(page, "items");
	int ret = page ? 0 : -EBADMSG;

	if (json_array_size(items) > GCS_BATCH_MAX)
		return -EBADMSG;
	for (size_t i = 0; i < json_array_size(items) && !ret; i++) {
		const char *name = gcs_resource_text(json_array_get(items, i), "name");

		if (strncmp(name, GCS_PARTS, strlen(GCS_PARTS)) != 0 || strchr(name, '\n'))
			return -EBADMSG; /* nothing else is ever deleted so */
		ret = buffer_addf(out, "%s\n", name);
	}
	return ret;
}

int gcs_compose_parse_abort(struct store_call *call, const struct store_answer *answer,
			    struct store_check *check)
{
	SCOPE_BUFFER struct buffer names = BUFFER_INIT(GCS_BATCH_MAX * (GCS_KEY_BYTES + 1));
	json_t *page;
	int ret;

	(void)check;
	if (call->carry) {
		ret = read_batch(answer, count_lines(call->carry));
		return ret ? ret : -EINPROGRESS;
	}
	page = gcs_resource_load(answer);
	ret = read_names(page, &names);
	json_decref(page);
	if (ret || !names.len)
		return ret == -EMSGSIZE ? -EBADMSG : ret;
	call->carry_out = buffer_take(&names);
	return -EINPROGRESS;
}
