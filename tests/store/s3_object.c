/* SPDX-License-Identifier: Apache-2.0 */
/* GetObject and HeadObject. */
#include "tests/store/s3.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "tests/store/precondition.h"
#include "tests/store/s3_checksum.h"

/* Parameters that replace a header of the answer: only for who signed. */
static const struct {
	const char *param;
	const char *header;
} overrides[] = {
	{"response-content-type", "Content-Type"},
	{"response-content-language", "Content-Language"},
	{"response-expires", "Expires"},
	{"response-cache-control", "Cache-Control"},
	{"response-content-disposition", "Content-Disposition"},
	{"response-content-encoding", "Content-Encoding"},
};

static const char *override_of(const struct s3_call *c, const char *header)
{
	for (size_t i = 0; i < sizeof(overrides) / sizeof(overrides[0]); i++) {
		if (!strcasecmp(overrides[i].header, header) && c->signer)
			return s3_param(c, overrides[i].param);
	}
	return NULL;
}

/* ETag and Last-Modified: what a 304 carries too. */
static void version_headers(struct s3_call *c, const struct object *o)
{
	char date[30];

	precondition_date(o->mtime_s, date);
	reply_header(c->reply, "Last-Modified", date);
	reply_header_printf(c->reply, "ETag", "\"%s\"", o->etag);
}

void s3_object_headers(struct s3_call *c, const struct object *o)
{
	const char *mode = s3_header(c, "x-amz-checksum-mode");
	bool whole = c->reply->status == 200;

	version_headers(c, o);
	reply_header(c->reply, "Accept-Ranges", "bytes");
	for (size_t i = 0; i < o->headers.count; i++) {
		const struct header *h = &o->headers.items[i];
		bool checksum = !strncmp(h->name, S3_CHECKSUM_PREFIX, strlen(S3_CHECKSUM_PREFIX));

		if (checksum && (!whole || !mode || strcasecmp(mode, "ENABLED") != 0))
			continue;
		if (!override_of(c, h->name))
			reply_header(c->reply, h->name, h->value);
	}
	for (size_t i = 0; i < sizeof(overrides) / sizeof(overrides[0]); i++) {
		const char *value = override_of(c, overrides[i].header);

		if (value)
			reply_header(c->reply, overrides[i].header, value);
	}
}

static void fail_range(struct s3_call *c, const char *range, uint64_t size)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)size);
	s3_fail_with(c, S3_INVALID_RANGE, "RangeRequested", range, "ActualObjectSize", text, NULL);
}

static void answer(struct s3_call *c, const struct object *o)
{
	const char *range = s3_header(c, "Range");
	struct reply *r = c->reply;
	uint64_t size = content_bytes(o->content);

	r->status = 200;
	r->offset = 0;
	r->bytes = size;
	switch (precondition_range(range, size, &r->offset, &r->bytes)) {
	case RANGE_OUTSIDE:
		fail_range(c, range, size);
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
	s3_object_headers(c, o);
}

void s3_get_object(struct s3_call *c)
{
	struct precondition p = {.if_match = s3_header(c, "If-Match"),
				 .if_none_match = s3_header(c, "If-None-Match"),
				 .if_modified_since = s3_header(c, "If-Modified-Since"),
				 .if_unmodified_since = s3_header(c, "If-Unmodified-Since")};
	struct object *o;
	int err = objects_get(c->bucket, c->key, c->key_len, &o);

	if (err) {
		s3_fail(c, s3_error_of(err));
		return;
	}
	switch (precondition_check(&p, o->etag, o->mtime_s)) {
	case 412:
		s3_fail_with(c, S3_PRECONDITION_FAILED, "Condition",
			     p.if_match ? "If-Match" : "If-Unmodified-Since", NULL);
		break;
	case 304:
		c->reply->status = 304;
		version_headers(c, o);
		break;
	default:
		answer(c, o);
		break;
	}
	object_put(o);
}
