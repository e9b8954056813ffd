/* SPDX-License-Identifier: Apache-2.0 */
/* Append blobs: Put Blob of an empty one, Append Block, Append Block From URL. */
#include "tests/store/azure.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/store/precondition.h"

#define APPENDS_MAX 50000 /* blocks of one blob */

void azure_put_append_blob(struct azure_call *c)
{
	struct object *o;

	if (c->req->body_bytes) {
		azure_fail(c, "InvalidHeaderValue");
		return;
	}
	o = azure_new(c, content_memory(NULL, 0), true);
	if (!o)
		return;
	headers_add(&o->headers, AZURE_TYPE, "AppendBlob");
	headers_add(&o->headers, AZURE_APPENDED, "0");
	if (azure_store(c, o, "ConditionNotMet"))
		c->reply->status = 201;
}

/* The blob with these bytes (a reference stays the caller's) at its end. NULL: refused. */
static struct object *longer(struct azure_call *c, const struct object *o, struct content *added)
{
	unsigned count = (unsigned)atoi(azure_own(o, AZURE_APPENDED, "0")) + 1;
	struct content *both[] = {o->content, added};
	struct content *whole = content_join(both, 2);
	struct object *next = whole ? object_new(o->key, o->key_len, whole) : NULL;
	char text[16];
	int err = next ? 0 : -ENOMEM;

	snprintf(text, sizeof(text), "%u", count);
	for (size_t i = 0; i < o->headers.count && !err; i++) {
		const struct header *h = &o->headers.items[i];

		/* what it was the MD5 of is no more */
		if (strcmp(h->name, AZURE_APPENDED) != 0 && strcmp(h->name, AZURE_MD5) != 0)
			err = headers_add(&next->headers, h->name, h->value);
	}
	if (!err)
		err = headers_add(&next->headers, AZURE_APPENDED, text);
	if (err) {
		azure_fail(c, "InternalError");
		object_put(next);
		return NULL;
	}
	memcpy(next->etag, o->etag, sizeof(next->etag));
	next->created_us = o->created_us;
	reply_header_printf(c->reply, "x-ms-blob-append-offset", "%llu",
			    (unsigned long long)content_bytes(o->content));
	reply_header(c->reply, AZURE_APPENDED, text);
	return next;
}

/* A condition that is a number of bytes. False: not met, refused. */
static bool fits(struct azure_call *c, const char *name, uint64_t have, bool exactly,
		 const char *code)
{
	const char *text = azure_header(c, name);
	uint64_t wanted;

	if (!text)
		return true;
	if (!azure_number(text, &wanted)) {
		azure_fail(c, "InvalidHeaderValue");
		return false;
	}
	if (exactly ? have == wanted : have <= wanted)
		return true;
	azure_fail(c, code);
	return false;
}

static struct object *appended(struct azure_call *c, const struct object *o, struct content *added)
{
	uint64_t size = content_bytes(o->content);

	if (!added) {
		azure_fail(c, "InternalError");
		return NULL;
	}
	if (!azure_is_type(o, "AppendBlob")) {
		azure_fail(c, "InvalidBlobType");
		return NULL;
	}
	if (atoi(azure_own(o, AZURE_APPENDED, "0")) >= APPENDS_MAX) {
		azure_fail(c, "BlockCountExceedsLimit");
		return NULL;
	}
	if (!fits(c, "x-ms-blob-condition-appendpos", size, true,
		  "AppendPositionConditionNotMet") ||
	    !fits(c, "x-ms-blob-condition-maxsize", size + content_bytes(added), false,
		  "MaxBlobSizeConditionNotMet"))
		return NULL;
	return longer(c, o, added);
}

static struct object *with_body(struct azure_call *c, const struct object *o)
{
	struct content *added = azure_take_body(c);
	struct object *next = appended(c, o, added);

	content_put(added);
	return next;
}

void azure_append_block(struct azure_call *c)
{
	if (!azure_body_md5(c))
		return;
	if (!c->req->body_bytes || c->req->body_bytes > AZURE_APPEND_MAX) {
		azure_fail(c, c->req->body_bytes ? "RequestBodyTooLarge" : "InvalidHeaderValue");
		return;
	}
	if (azure_change(c, with_body))
		c->reply->status = 201;
}
