/* SPDX-License-Identifier: Apache-2.0 */
/* PutObject, CopyObject, DeleteObject, and what all writes share. */
#include "tests/store/s3.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/store/precondition.h"
#include "tests/store/s3_checksum.h"
#include "tests/store/s3_lacks.h"

#define COPY_BYTES_MAX	(5ull << 30)  /* S3's limit for one CopyObject */
#define COPY_DIGEST_MAX (64ull << 20) /* a bigger copy keeps its source's ETag, for speed */

static const char *const stored[] = {
	"Content-Type",	    "Content-Disposition", "Content-Language",
	"Content-Encoding", "Cache-Control",	   "Expires",
};

/* "aws-chunked" describes the transfer, not the object. */
static void stored_encoding(const char *value, char *out, size_t bytes)
{
	const char *rest = value;

	if (!strncasecmp(value, "aws-chunked", 11)) {
		rest += 11;
		rest += strspn(rest, ", ");
	}
	snprintf(out, bytes, "%s", rest);
}

static int take_stored(const struct s3_call *c, struct headers *out)
{
	char encoding[256];
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(stored) / sizeof(stored[0]); i++) {
		const char *value = s3_header(c, stored[i]);

		if (value && !strcmp(stored[i], "Content-Encoding")) {
			stored_encoding(value, encoding, sizeof(encoding));
			value = *encoding ? encoding : NULL;
		}
		if (!value && !strcmp(stored[i], "Content-Type"))
			value = S3_CONTENT_TYPE;
		if (value)
			err = headers_add(out, stored[i], value);
	}
	return err;
}

enum s3_error s3_take_headers(struct s3_call *c, struct headers *out)
{
	const struct headers *h = &c->req->headers;
	struct headers taken = {0};
	size_t metadata = 0, longest = 0;
	int err = take_stored(c, &taken);

	for (size_t i = 0; !err && i < h->count; i++) {
		if (strncasecmp(h->items[i].name, "x-amz-meta-", 11) != 0)
			continue;
		metadata += strlen(h->items[i].name) - 11 + strlen(h->items[i].value);
		if (strlen(h->items[i].value) > longest)
			longest = strlen(h->items[i].value);
		err = headers_add(&taken, h->items[i].name, h->items[i].value);
	}
	if (!err && longest > S3_LACKING_VALUE && s3_lacks(LACK_LONG_METADATA)) {
		headers_free(&taken);
		return S3_METADATA_VALUE;
	}
	if (err || metadata > S3_METADATA_MAX) {
		headers_free(&taken);
		return err ? S3_INTERNAL : S3_METADATA_TOO_LARGE;
	}
	*out = taken;
	return S3_OK;
}

bool s3_write_condition(struct s3_call *c, struct object_condition *out,
			char bare[OBJECT_ETAG_BYTES])
{
	const char *if_match = s3_header(c, "If-Match");
	const char *if_none_match = s3_header(c, "If-None-Match");

	*out = (struct object_condition){0};
	if (s3_lacks(LACK_CONDITIONS_SEEN))
		return true;
	if (if_none_match && strcmp(if_none_match, "*") != 0) {
		s3_fail(c, S3_NOT_IMPLEMENTED); /* S3 takes nothing but the star here */
		return false;
	}
	out->if_absent = if_none_match != NULL;
	if (if_match && s3_lacks(*if_match == '"' ? LACK_QUOTED_ETAG : LACK_BARE_ETAG)) {
		s3_fail(c, S3_PRECONDITION_FAILED);
		return false;
	}
	if (if_match) {
		s3_etag_bare(if_match, bare);
		out->if_match = bare;
	}
	return true;
}

/* The additional checksum that came with the body: kept with the object, and sent back. */
static int keep_checksum(struct s3_call *c, const struct headers *from, struct headers *to)
{
	static const char *const names[] = {"crc32", "crc32c", "crc64nvme", "sha1", "sha256"};
	char header[32];
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value;

		snprintf(header, sizeof(header), S3_CHECKSUM_PREFIX "%s", names[i]);
		value = headers_get(from, header);
		if (!value)
			continue;
		reply_header(c->reply, header, value);
		if (to)
			err = headers_add(to, header, value);
	}
	return err;
}

/* Stores o, whose reference it takes, under the request's conditions. */
static void store(struct s3_call *c, struct object *o)
{
	struct object_condition condition;
	char bare[OBJECT_ETAG_BYTES];
	int err;

	if (!s3_write_condition(c, &condition, bare)) {
		object_put(o);
		return;
	}
	err = objects_store(c->bucket, o, &condition);
	if (err)
		s3_fail(c, s3_error_of(err));
}

void s3_put_object(struct s3_call *c)
{
	struct request *req = c->req;
	struct content *content = s3_take_body(c);
	struct object *o = NULL;
	enum s3_error err = S3_OK;

	if (content)
		o = object_new(c->key, c->key_len, content);
	if (!o) {
		s3_fail(c, S3_INTERNAL);
		return;
	}
	s3_sigv4_hex(req->md5, sizeof(req->md5), o->etag);
	err = s3_take_headers(c, &o->headers);
	if (!err && (keep_checksum(c, &req->headers, &o->headers) ||
		     keep_checksum(c, &c->trailers, &o->headers)))
		err = S3_INTERNAL;
	if (err) {
		object_put(o);
		s3_fail(c, err);
		return;
	}
	c->reply->status = 200;
	reply_header_printf(c->reply, "ETag", "\"%s\"", o->etag);
	store(c, o);
}

enum s3_error s3_source_parse(struct s3_call *c, struct s3_source *out)
{
	char *text = strdup(s3_header(c, "x-amz-copy-source"));
	char *bucket, *slash;

	if (!text)
		return S3_INTERNAL;
	if (uri_decode(text, strlen(text), false) < 0) {
		free(text);
		return S3_INVALID_ARGUMENT;
	}
	bucket = text + (*text == '/');
	slash = strchr(bucket, '/');
	if (!slash || !slash[1]) {
		free(text);
		return S3_INVALID_ARGUMENT;
	}
	*slash = '\0';
	*out = (struct s3_source){.text = text, .bucket = bucket, .key = slash + 1};
	return S3_OK;
}

bool s3_source_open(struct s3_call *c, const struct s3_source *source, struct object **out)
{
	struct precondition p = {
		.if_match = s3_lacks(LACK_SOURCE_CONDITION)
				    ? NULL
				    : s3_header(c, "x-amz-copy-source-if-match"),
		.if_none_match = s3_header(c, "x-amz-copy-source-if-none-match"),
		.if_modified_since = s3_header(c, "x-amz-copy-source-if-modified-since"),
		.if_unmodified_since = s3_header(c, "x-amz-copy-source-if-unmodified-since"),
	};
	struct object *o;
	int err;

	if (!s3_auth_allows(c, source->bucket, false))
		return false;
	err = objects_get(source->bucket, source->key, strlen(source->key), &o);
	if (err) {
		s3_fail_with(c, s3_error_of(err), err == -ENXIO ? "BucketName" : "Key",
			     err == -ENXIO ? source->bucket : source->key, NULL);
		return false;
	}
	if (precondition_check(&p, o->etag, o->mtime_s) != 200 ||
	    (p.if_match && strchr(o->etag, '-') && s3_lacks(LACK_PARTS_ETAG))) {
		s3_fail(c, S3_PRECONDITION_FAILED);
		object_put(o);
		return false;
	}
	*out = o;
	return true;
}

static bool replaces_metadata(const struct s3_call *c)
{
	const char *directive = s3_header(c, "x-amz-metadata-directive");

	return directive && !strcasecmp(directive, "REPLACE");
}

/* The new object's version: its content's MD5, whatever the source's ETag was made from. */
static int copy_etag(const struct object *from, struct object *to)
{
	if (strchr(from->etag, '-') && content_bytes(from->content) <= COPY_DIGEST_MAX)
		return content_digest(from->content, "MD5", to->etag, sizeof(to->etag));
	memcpy(to->etag, from->etag, sizeof(to->etag));
	return 0;
}

static enum s3_error make_copy(struct s3_call *c, const struct object *from, struct object **out)
{
	struct object *o = object_new(c->key, c->key_len, content_get(from->content));
	enum s3_error err = S3_OK;

	if (!o)
		return S3_INTERNAL;
	if (replaces_metadata(c))
		err = s3_take_headers(c, &o->headers);
	else if (headers_copy(&o->headers, &from->headers))
		err = S3_INTERNAL;
	if (!err && copy_etag(from, o))
		err = S3_INTERNAL;
	if (err)
		object_put(o);
	else
		*out = o;
	return err;
}

static void copy_from(struct s3_call *c, const struct s3_source *source, const struct object *from)
{
	struct object *o;
	enum s3_error err;

	if (!strcmp(source->bucket, c->bucket) && !strcmp(source->key, c->key) &&
	    !replaces_metadata(c)) {
		s3_fail_with(c, S3_INVALID_REQUEST, "Message",
			     "This copy request is illegal because it is trying to copy an object "
			     "to itself without changing the object's metadata, storage class, "
			     "website redirect location or encryption attributes.",
			     NULL);
		return;
	}
	if (content_bytes(from->content) > COPY_BYTES_MAX) {
		s3_fail_with(c, S3_INVALID_REQUEST, "Message",
			     "The specified copy source is larger than the maximum allowable size "
			     "for a copy source: 5368709120",
			     NULL);
		return;
	}
	err = make_copy(c, from, &o);
	if (err) {
		s3_fail(c, err);
		return;
	}
	s3_xml_begin(c, "CopyObjectResult");
	s3_xml_date(&c->reply->text, "LastModified", o->mtime_s);
	buf_printf(&c->reply->text, "<ETag>&quot;%s&quot;</ETag>", o->etag);
	s3_xml_end(c, "CopyObjectResult");
	store(c, o);
}

void s3_copy_object(struct s3_call *c)
{
	struct s3_source source;
	struct object *from;
	enum s3_error err = s3_source_parse(c, &source);

	if (err) {
		s3_fail(c, err);
		return;
	}
	if (s3_source_open(c, &source, &from)) {
		copy_from(c, &source, from);
		object_put(from);
	}
	free(source.text);
}

void s3_delete_object(struct s3_call *c)
{
	struct object_condition condition;
	char bare[OBJECT_ETAG_BYTES];
	int err;

	if (!s3_write_condition(c, &condition, bare))
		return;
	err = objects_delete(c->bucket, c->key, c->key_len, &condition);
	if (err)
		s3_fail(c, s3_error_of(err));
	else
		c->reply->status = 204;
}
