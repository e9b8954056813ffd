/* SPDX-License-Identifier: Apache-2.0 */
/* Uploads in one request (uploadType=media and multipart), and what resumable ones share. */
#include "tests/store/gcs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "tests/store/crc32c.h"
#include "tests/store/settings.h"

#define MD5_BYTES 16

static void hex(const unsigned char raw[MD5_BYTES], char out[2 * MD5_BYTES + 1])
{
	for (size_t i = 0; i < MD5_BYTES; i++)
		snprintf(out + 2 * i, 3, "%02x", raw[i]);
}

/* One digest that the client announced. False: another one, refused. */
static bool agrees(struct gcs_call *c, const char *what, const char *given, const char *have)
{
	if (!given || !strcmp(given, have))
		return true;
	gcs_fail(c, 400, "invalid", "Provided %s \"%s\" doesn't match calculated %s \"%s\".", what,
		 given, what, have);
	return false;
}

/* "crc32c=...,md5=..." in the request. */
static bool hash_header_agrees(struct gcs_call *c, const char *what, const char *name,
			       const char *have)
{
	const char *all = gcs_header(c, "X-Goog-Hash");
	const char *at = all ? strstr(all, name) : NULL;
	char given[64];

	if (!at)
		return true;
	at += strlen(name);
	snprintf(given, sizeof(given), "%.*s", (int)strcspn(at, ", "), at);
	return agrees(c, what, given, have);
}

static bool digests_agree(struct gcs_call *c, const json_t *resource, const struct object *o)
{
	char crc[CRC32C_BASE64_BYTES], md5[32];

	crc32c_base64(object_crc32c(o), crc);
	gcs_md5_base64(o, md5);
	return agrees(c, "CRC32C", json_string_value(json_object_get(resource, "crc32c")), crc) &&
	       agrees(c, "MD5 hash", json_string_value(json_object_get(resource, "md5Hash")),
		      md5) &&
	       (c->route->by_session || agrees(c, "MD5 hash", gcs_header(c, "Content-MD5"), md5)) &&
	       hash_header_agrees(c, "CRC32C", "crc32c=", crc) &&
	       hash_header_agrees(c, "MD5 hash", "md5=", md5);
}

const char *gcs_upload_name(struct gcs_call *c, const json_t *resource)
{
	const char *name = gcs_param(c, "name");

	if (!name)
		name = json_string_value(json_object_get(resource, "name"));
	if (!name) {
		gcs_fail(c, 400, "required", "Required parameter: name");
		return NULL;
	}
	if (gcs_name_valid(name))
		return name;
	gcs_fail(c, 400, "invalid", "Invalid object name: '%.100s'", name);
	return NULL;
}

struct object *gcs_upload_object(struct gcs_call *c, const char *name, const json_t *resource,
				 struct content *content, const char *md5)
{
	uint64_t bytes = content_bytes(content);
	struct object *o = object_new(name, strlen(name), content);
	struct content *other = NULL;

	if (!o) {
		gcs_fail(c, 500, "internalError", "no memory");
		return NULL;
	}
	snprintf(o->etag, sizeof(o->etag), "%s", md5);
	if (!gcs_resource_take(c, resource, o) || !digests_agree(c, resource, o)) {
		object_put(o);
		return NULL;
	}
	if (settings.discards)
		other = content_generated(GENERATE_BINARY, 0, bytes);
	if (other) { /* the sums stay those of what came */
		content_put(o->content);
		o->content = other;
	}
	return o;
}

/* Stores what is in the request under its conditions. */
static void insert(struct gcs_call *c, json_t *resource, struct content *content, const char *md5)
{
	const char *encoding = gcs_param(c, "contentEncoding");
	const char *name = gcs_upload_name(c, resource);
	struct object_condition condition;
	struct object *o;

	if (encoding && !json_object_get(resource, "contentEncoding"))
		json_object_set_new(resource, "contentEncoding", json_string(encoding));
	if (!name || !gcs_conditions(c, "", &condition)) {
		content_put(content);
		return;
	}
	o = gcs_upload_object(c, name, resource, content, md5);
	if (o)
		gcs_store(c, o, &condition);
}

static void default_type(json_t *resource, const char *type)
{
	if (type && !json_object_get(resource, "contentType"))
		json_object_set_new(resource, "contentType", json_string(type));
}

/* The whole body as a content, which the request has no more. NULL: refused. */
static struct content *take_body(struct gcs_call *c)
{
	struct request *req = c->req;
	struct content *content = content_memory(req->body, req->body_bytes);

	req->body = NULL;
	if (!content)
		gcs_fail(c, 500, "internalError", "no memory");
	return content;
}

void gcs_upload_media(struct gcs_call *c)
{
	json_t *resource = json_object();
	struct content *content = take_body(c);
	char md5[2 * MD5_BYTES + 1];

	hex(c->req->md5, md5);
	default_type(resource, gcs_header(c, "Content-Type"));
	if (content)
		insert(c, resource, content, md5);
	json_decref(resource);
}

/* The second part of the body, without copying it. NULL: refused. */
static struct content *media_content(struct gcs_call *c, const struct mime_part *media,
				     char md5_out[2 * MD5_BYTES + 1])
{
	unsigned char raw[EVP_MAX_MD_SIZE];
	uint64_t offset = (uint64_t)(media->data - c->req->body);
	struct content *whole, *part;

	if (!EVP_Q_digest(NULL, "MD5", NULL, media->data, media->bytes, raw, NULL)) {
		gcs_fail(c, 500, "internalError", "no memory");
		return NULL;
	}
	hex(raw, md5_out);
	whole = take_body(c);
	if (!whole)
		return NULL;
	part = media->bytes ? content_slice(whole, offset, media->bytes) : content_memory(NULL, 0);
	content_put(whole);
	if (!part)
		gcs_fail(c, 500, "internalError", "no memory");
	return part;
}

/* Refused in plain words, as Google's upload servers do. */
static void malformed(struct gcs_call *c, int parts)
{
	reply_reset(c->reply);
	c->reply->status = 400;
	reply_header(c->reply, "Content-Type", "text/plain; charset=utf-8");
	buf_printf(&c->reply->text, "Invalid multipart request with %d mime parts.", parts);
}

void gcs_upload_multipart(struct gcs_call *c)
{
	struct mime mime;
	struct mime_part about = {0}, media = {0}, more = {0};
	json_t *resource = NULL;
	struct content *content;
	char md5[2 * MD5_BYTES + 1];
	int parts = 0;

	if (mime_begin(&mime, gcs_header(c, "Content-Type"), c->req->body, c->req->body_bytes))
		parts = mime_next(&mime, &about) + mime_next(&mime, &media) +
			mime_next(&mime, &more);
	if (parts == 2)
		resource = json_loadb(about.data, about.bytes, 0, NULL);
	if (parts != 2) {
		malformed(c, parts);
	} else if (!json_is_object(resource)) {
		gcs_fail(c, 400, "parseError", "Parse Error");
	} else {
		default_type(resource, headers_get(&media.headers, "Content-Type"));
		content = media_content(c, &media, md5);
		if (content)
			insert(c, resource, content, md5);
	}
	json_decref(resource);
	headers_free(&about.headers);
	headers_free(&media.headers);
	headers_free(&more.headers);
}
