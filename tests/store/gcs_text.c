/* SPDX-License-Identifier: Apache-2.0 */
/* What Google's verbs share in reading parameters and bodies and in answering. */
#include "tests/store/gcs.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *gcs_param(const struct gcs_call *c, const char *name)
{
	return uri_params_get(&c->req->params, name);
}

const char *gcs_header(const struct gcs_call *c, const char *name)
{
	return headers_get(&c->req->headers, name);
}

/* Generations are int64. */
static bool parse_number(const char *text, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 10);
	return isdigit((unsigned char)*text) && !*end && !errno && *out <= INT64_MAX;
}

bool gcs_param_number(struct gcs_call *c, const char *name, uint64_t *out)
{
	const char *text = gcs_param(c, name);

	if (!text || parse_number(text, out))
		return true;
	gcs_fail(c, 400, "invalid", "Invalid value for %s: %s", name, text);
	return false;
}

static const char *const conditions[OBJECT_VERSIONS] = {
	[OBJECT_GENERATION_MATCH] = "GenerationMatch",
	[OBJECT_GENERATION_NOT_MATCH] = "GenerationNotMatch",
	[OBJECT_METAGENERATION_MATCH] = "MetagenerationMatch",
	[OBJECT_METAGENERATION_NOT_MATCH] = "MetagenerationNotMatch",
};

bool gcs_conditions(struct gcs_call *c, const char *source, struct object_condition *out)
{
	char name[64];

	*out = (struct object_condition){0};
	for (int i = 0; i < OBJECT_VERSIONS; i++) {
		snprintf(name, sizeof(name), "if%s%s", source, conditions[i]);
		if (!gcs_param_number(c, name, &out->version[i]))
			return false;
		out->versioned[i] = gcs_param(c, name) != NULL;
	}
	return true;
}

/* Asking for a generation that is not there any more is asking for what is not there. */
bool gcs_there(struct gcs_call *c, const char *generation, struct object_condition *out)
{
	struct object *o;
	uint64_t number = 0;
	int err;

	out->if_there = true;
	if (!gcs_param(c, generation))
		return true;
	if (!gcs_param_number(c, generation, &number))
		return false;
	err = objects_get(c->bucket, c->object, strlen(c->object), &o);
	if (!err && o->generation != number)
		err = -ENOENT;
	if (err != -ENXIO && err != -ENOENT)
		object_put(o);
	if (err)
		gcs_fail_errno(c, err);
	return !err;
}

json_t *gcs_body(struct gcs_call *c)
{
	json_error_t error;
	json_t *json;

	if (!c->req->body_bytes)
		return json_object();
	json = json_loadb(c->req->body, c->req->body_bytes, 0, &error);
	if (json_is_object(json))
		return json;
	json_decref(json);
	gcs_fail(c, 400, "parseError", "Parse Error");
	return NULL;
}

void gcs_answer(struct gcs_call *c, json_t *json)
{
	const char *fields = gcs_param(c, "fields");
	json_t *cut = NULL;
	char *text;

	if (json && fields && *fields) {
		cut = gcs_fields_select(json, fields);
		if (!cut) {
			json_decref(json);
			gcs_fail(c, 400, "invalidParameter", "Invalid field selection %s", fields);
			return;
		}
		json_decref(json);
		json = cut;
	}
	text = json ? json_dumps(json, JSON_INDENT(2)) : NULL;
	json_decref(json);
	if (!text) {
		gcs_fail(c, 500, "internalError", "no memory");
		return;
	}
	c->reply->status = 200;
	reply_header(c->reply, "Content-Type", "application/json; charset=UTF-8");
	reply_header(c->reply, "Cache-Control", "no-cache, no-store, max-age=0, must-revalidate");
	buf_str(&c->reply->text, text);
	buf_str(&c->reply->text, "\n");
	free(text);
}

void gcs_base_url(const struct gcs_call *c, struct buf *out)
{
	const char *host = gcs_header(c, "Host");

	buf_printf(out, "http%s://%s", c->req->tls ? "s" : "", host ? host : "localhost");
}
