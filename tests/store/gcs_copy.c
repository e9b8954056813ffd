/* SPDX-License-Identifier: Apache-2.0 */
/* objects.rewrite and objects.copy. A rewrite token says all there is to know of the work so far:
 * "GENERATION.BYTES.NAMES", the source's, what is done, and a checksum of the names. */
#include "tests/store/gcs.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "tests/store/crc32c.h"
#include "tests/store/settings.h"

/* The source under its conditions. NULL: refused. */
static struct object *open_source(struct gcs_call *c)
{
	struct object_condition condition;
	struct object *o;
	int err;

	if (!gcs_conditions(c, "Source", &condition) ||
	    !gcs_there(c, "sourceGeneration", &condition))
		return NULL;
	err = objects_get(c->bucket, c->object, strlen(c->object), &o);
	if (!err)
		err = object_check(o, &condition);
	else
		o = NULL;
	if (!err)
		return o;
	gcs_fail_errno(c, err);
	object_put(o);
	return NULL;
}

/* The destination: the source's bytes and, unless the request says something of it (there are
 * clients that send members which no resource has), all that is beside them. NULL: refused. */
static struct object *make_copy(struct gcs_call *c, const struct object *source)
{
	json_t *json = gcs_body(c);
	struct object *o;
	bool ok;

	if (!json)
		return NULL;
	if (!gcs_name_valid(c->names[3])) {
		gcs_fail(c, 400, "invalid", "Invalid object name: '%.100s'", c->names[3]);
		json_decref(json);
		return NULL;
	}
	o = object_new(c->names[3], strlen(c->names[3]), content_get(source->content));
	if (!o) {
		gcs_fail(c, 500, "internalError", "no memory");
		json_decref(json);
		return NULL;
	}
	memcpy(o->etag, source->etag, sizeof(o->etag));
	o->components = source->components;
	o->crc32c = atomic_load(&((struct object *)(uintptr_t)source)->crc32c);
	ok = gcs_resource_says(json) ? gcs_resource_take(c, json, o)
				     : !headers_copy(&o->headers, &source->headers);
	json_decref(json);
	if (ok)
		return o;
	if (!c->reply->status)
		gcs_fail(c, 500, "internalError", "no memory");
	object_put(o);
	return NULL;
}

/* Carries the copy out. *out: the new object. False: refused. */
static bool copy(struct gcs_call *c, const struct object *source, struct object **out)
{
	struct object_condition condition;
	struct object *o;
	int err;

	if (!gcs_conditions(c, "", &condition))
		return false;
	o = make_copy(c, source);
	if (!o)
		return false;
	err = gcs_store_keep(c->names[2], o, &condition);
	if (!err) {
		*out = o;
		return true;
	}
	gcs_fail_errno_of(c, err, c->names[2], c->names[3]);
	object_put(o);
	return false;
}

void gcs_objects_copy(struct gcs_call *c)
{
	struct object *source = open_source(c);
	struct object *o;

	if (source && copy(c, source, &o)) {
		gcs_answer(c, gcs_resource(c, c->names[2], o));
		object_put(o);
	}
	object_put(source);
}

static uint32_t names_sum(const struct gcs_call *c)
{
	uint32_t crc = 0;

	for (size_t i = 0; i < GCS_NAMES_MAX; i++)
		crc = crc32c(crc, c->names[i], strlen(c->names[i]) + 1);
	return crc;
}

/* What was done before, by the token. False: it is none of this call's; refused. */
static bool done_before(struct gcs_call *c, const struct object *source, uint64_t *done_out)
{
	const char *token = gcs_param(c, "rewriteToken");
	unsigned long long generation, done;
	unsigned names;

	*done_out = 0;
	if (!token)
		return true;
	if (sscanf(token, "%llu.%llu.%8x", &generation, &done, &names) != 3 ||
	    generation != source->generation || done > content_bytes(source->content) ||
	    names != names_sum(c)) {
		gcs_fail(c, 400, "invalid", "Invalid argument: rewriteToken");
		return false;
	}
	*done_out = done;
	return true;
}

/* The destination's conditions, which hold from the first step on. False: refused. */
static bool may_go_on(struct gcs_call *c)
{
	struct object_condition condition;
	struct object *there = NULL;
	int err;

	if (!gcs_conditions(c, "", &condition))
		return false;
	err = objects_get(c->names[2], c->names[3], strlen(c->names[3]), &there);
	if (!err || err == -ENOENT)
		err = object_check(there, &condition);
	object_put(there);
	if (err)
		gcs_fail_errno_of(c, err, c->names[2], c->names[3]);
	return !err;
}

static json_t *progress(uint64_t done, uint64_t size, bool is_done)
{
	char done_text[GCS_NUMBER_BYTES], size_text[GCS_NUMBER_BYTES];

	snprintf(done_text, sizeof(done_text), "%llu", (unsigned long long)done);
	snprintf(size_text, sizeof(size_text), "%llu", (unsigned long long)size);
	return json_pack("{s:s, s:s, s:s, s:b}", "kind", "storage#rewriteResponse",
			 "totalBytesRewritten", done_text, "objectSize", size_text, "done",
			 is_done);
}

static void rewrite(struct gcs_call *c, const struct object *source)
{
	uint64_t size = content_bytes(source->content);
	uint64_t step = settings.rewrite_bytes ? settings.rewrite_bytes : UINT64_MAX;
	uint64_t most = UINT64_MAX, done;
	struct object *o;
	json_t *json;
	char token[64];

	if (!gcs_param_number(c, "maxBytesRewrittenPerCall", &most) ||
	    !done_before(c, source, &done))
		return;
	if (most != UINT64_MAX && (!most || most % (1u << 20))) {
		gcs_fail(c, 400, "invalid", "maxBytesRewrittenPerCall must be a multiple of 1 MiB");
		return;
	}
	if (most < step)
		step = most;
	if (step < size - done) {
		if (!may_go_on(c))
			return;
		done += step;
		json = progress(done, size, false);
		snprintf(token, sizeof(token), "%llu.%llu.%08x",
			 (unsigned long long)source->generation, (unsigned long long)done,
			 names_sum(c));
		json_object_set_new(json, "rewriteToken", json_string(token));
		gcs_answer(c, json);
		return;
	}
	if (!copy(c, source, &o))
		return;
	json = progress(size, size, true);
	json_object_set_new(json, "resource", gcs_resource(c, c->names[2], o));
	gcs_answer(c, json);
	object_put(o);
}

void gcs_objects_rewrite(struct gcs_call *c)
{
	struct object *source = open_source(c);

	if (source)
		rewrite(c, source);
	object_put(source);
}
