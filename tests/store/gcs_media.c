/* SPDX-License-Identifier: Apache-2.0 */
/* An object's bytes: alt=media of the JSON API, GET and HEAD of the XML API. */
#include "tests/store/gcs.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/store/crc32c.h"
#include "tests/store/precondition.h"
#include "tests/store/settings.h"

static bool header_number(struct gcs_call *c, const char *name, enum object_version which,
			  struct object_condition *out)
{
	const char *text = gcs_header(c, name);
	char *end;

	if (!text)
		return true;
	errno = 0;
	out->version[which] = strtoull(text, &end, 10);
	out->versioned[which] = true;
	if (isdigit((unsigned char)*text) && !*end && !errno)
		return true;
	gcs_fail(c, 400, "invalid", "Invalid argument: %s", name);
	return false;
}

/* Conditions of either API. False: refused. */
static bool conditions(struct gcs_call *c, struct object_condition *out)
{
	if (c->space != GCS_XML)
		return gcs_conditions(c, "", out) && gcs_there(c, "generation", out);
	*out = (struct object_condition){0};
	return gcs_there(c, "generation", out) &&
	       header_number(c, "x-goog-if-generation-match", OBJECT_GENERATION_MATCH, out) &&
	       header_number(c, "x-goog-if-metageneration-match", OBJECT_METAGENERATION_MATCH, out);
}

static void own_headers(struct gcs_call *c, const struct object *o)
{
	bool is_public = !gcs_header(c, "Authorization");

	for (size_t i = 0; i < o->headers.count; i++) {
		const struct header *h = &o->headers.items[i];
		char name[OBJECT_KEY_MAX];

		if (!strncasecmp(h->name, GCS_META_PREFIX, strlen(GCS_META_PREFIX))) {
			snprintf(name, sizeof(name), "x-goog-meta-%s",
				 h->name + strlen(GCS_META_PREFIX));
			if (c->space == GCS_XML)
				reply_header(c->reply, name, h->value);
		} else if (strcasecmp(h->name, "x-goog-storage-class") != 0) {
			reply_header(c->reply, h->name, h->value);
		}
	}
	if (!headers_get(&o->headers, "Content-Type"))
		reply_header(c->reply, "Content-Type", "application/octet-stream");
	if (!headers_get(&o->headers, "Cache-Control"))
		reply_header(c->reply, "Cache-Control",
			     is_public ? "public, max-age=3600" : "private, max-age=0");
}

static void version_headers(struct gcs_call *c, const struct object *o, const char *etag)
{
	struct reply *r = c->reply;
	const char *encoding = headers_get(&o->headers, "Content-Encoding");
	const char *class = headers_get(&o->headers, "x-goog-storage-class");
	char crc[CRC32C_BASE64_BYTES], md5[32], date[30];

	reply_header(r, "ETag", etag);
	precondition_date(o->updated_us / 1000000, date);
	reply_header(r, "Last-Modified", date);
	reply_header_printf(r, "X-Goog-Generation", "%llu", (unsigned long long)o->generation);
	reply_header_printf(r, "X-Goog-Metageneration", "%llu",
			    (unsigned long long)o->metageneration);
	reply_header(r, "X-Goog-Stored-Content-Encoding", encoding ? encoding : "identity");
	reply_header_printf(r, "X-Goog-Stored-Content-Length", "%llu",
			    (unsigned long long)content_bytes(o->content));
	reply_header(r, "X-Goog-Storage-Class", class ? class : "STANDARD");
	if (o->components)
		reply_header_printf(r, "X-Goog-Component-Count", "%u", o->components);
	crc32c_base64(object_crc32c(o), crc);
	gcs_md5_base64(o, md5);
	if (gcs_has_md5(o))
		reply_header_printf(r, "X-Goog-Hash", "crc32c=%s,md5=%s", crc, md5);
	else
		reply_header_printf(r, "X-Goog-Hash", "crc32c=%s", crc);
}

static void answer(struct gcs_call *c, const struct object *o, const char *etag)
{
	const char *range = gcs_header(c, "Range");
	struct reply *r = c->reply;
	uint64_t size = content_bytes(o->content);

	r->status = 200;
	r->offset = 0;
	r->bytes = size;
	switch (precondition_range(range, size, &r->offset, &r->bytes)) {
	case RANGE_OUTSIDE:
		gcs_fail(c, 416, "requestedRangeNotSatisfiable", "Request range not satisfiable");
		reply_header_printf(r, "Content-Range", "bytes */%llu", (unsigned long long)size);
		return;
	case RANGE_GIVEN:
		r->status = 206;
		reply_header_printf(
			r, "Content-Range", "bytes %llu-%llu/%llu", (unsigned long long)r->offset,
			(unsigned long long)(r->offset + r->bytes - 1), (unsigned long long)size);
		break;
	case RANGE_NONE:
		break;
	}
	r->content = content_get(o->content);
	reply_header(r, "Accept-Ranges", "bytes");
	own_headers(c, o);
	version_headers(c, o, etag);
}

static void send(struct gcs_call *c, const struct object *o)
{
	struct precondition p = {.if_match = gcs_header(c, "If-Match"),
				 .if_none_match = gcs_header(c, "If-None-Match"),
				 .if_modified_since = gcs_header(c, "If-Modified-Since"),
				 .if_unmodified_since = gcs_header(c, "If-Unmodified-Since")};
	char etag[OBJECT_ETAG_BYTES + 2], bare[OBJECT_ETAG_BYTES];

	gcs_etag(o, bare);
	snprintf(etag, sizeof(etag), "%s", bare);
	if (c->space == GCS_XML && gcs_has_md5(o)) {
		snprintf(bare, sizeof(bare), "%s", o->etag);
		snprintf(etag, sizeof(etag), "\"%s\"", o->etag);
	}
	switch (precondition_check(&p, bare, o->updated_us / 1000000)) {
	case 412:
		gcs_fail_errno(c, -EEXIST);
		break;
	case 304:
		gcs_fail_errno(c, -EALREADY);
		reply_header(c->reply, "ETag", etag);
		break;
	default:
		answer(c, o, etag);
		break;
	}
}

void gcs_objects_media(struct gcs_call *c)
{
	struct object_condition condition;
	struct object *o;
	int err;

	if (!conditions(c, &condition))
		return;
	err = objects_get(c->bucket, c->object, strlen(c->object), &o);
	if (err) {
		gcs_fail_errno(c, err);
		return;
	}
	err = object_check(o, &condition);
	if (err)
		gcs_fail_errno(c, err);
	else
		send(c, o);
	object_put(o);
}
