// SPDX-License-Identifier: Apache-2.0
/*
 * The body of a STORE_GET. The rule throughout: a byte goes to the sink only at the offset where
 * the answer's own length fields put it, and success is said only when every byte asked for has
 * come from one version.
 */
#include "core/body.h"

#include <errno.h>
#include <string.h>

#include "core/http/exchange.h"
#include "core/http/range.h"

struct store_call body_ask(const struct body *body, const struct store_call *call)
{
	struct store_call ask = *call;

	if (!body->begun || !body->delivered)
		return ask;
	ask.offset += body->delivered;
	ask.length = body->end - ask.offset;
	ask.if_none_match = NULL;
	ask.if_match = body->object.etag;
	return ask;
}

static int begin_sink(struct body *body, const struct store_call *call)
{
	int ret = call->sink.begin ? call->sink.begin(call->sink.arg, &body->object) : 0;

	body->begun = true;
	body->sink_failed = ret < 0;
	return ret < 0 ? ret : 0;
}

static int feed_sink(struct body *body, const struct store_call *call, const void *data,
		     size_t bytes)
{
	uint64_t offset = call->offset + body->delivered;
	int ret = call->sink.data ? call->sink.data(call->sink.arg, offset, data, bytes) : 0;

	body->sink_failed = ret < 0;
	if (ret < 0)
		return ret;
	body->delivered += bytes;
	return 0;
}

/* Which bytes does this answer hold? Fills at, answer_end and *size_out. */
static int read_lengths(struct body *body, const struct store_call *call,
			const struct store_answer *answer, uint64_t *size_out)
{
	const char *length_text = header_get(answer->fields, "Content-Length");
	const char *range_text = header_get(answer->fields, "Content-Range");
	struct range_answer range;
	uint64_t length = 0;

	if (length_text && range_parse_number(length_text, &length) < 0)
		return -EBADMSG;
	if (answer->status == 200) {
		if (!length_text)
			return -EBADMSG;
		range = (struct range_answer){.first = 0, .size = length};
		body->at = 0;
		body->answer_end = length;
	} else {
		if (!range_text || range_parse(range_text, &range) < 0 || !range.satisfied)
			return -EBADMSG;
		if (length_text && length != range.last - range.first + 1)
			return -EBADMSG;
		if (range.first != call->offset + body->delivered)
			return -EBADMSG;
		body->at = range.first;
		body->answer_end = range.last + 1;
	}
	*size_out = range.size;
	return 0;
}

static uint64_t end_of(const struct store_call *call, uint64_t size)
{
	if (call->offset >= size)
		return call->offset; /* nothing */
	if (!call->length || call->length > size - call->offset)
		return size;
	return call->offset + call->length;
}

/* Is this the version that was begun, or that the caller insists on? A server that ignores If-Match
 * must not mix two versions. */
static int compare_version(const struct body *body, const struct store_call *call,
			   const struct store_object *object)
{
	if (body->begun &&
	    (strcmp(body->object.etag, object->etag) != 0 || body->object.size != object->size))
		return -ESTALE;
	if (call->if_match && object->etag[0] && strcmp(call->if_match, "*") != 0 &&
	    strcmp(call->if_match, object->etag) != 0)
		return -ESTALE;
	return 0;
}

/* A checksum of the whole object can be compared when the sink gets the whole from this answer. */
static int start_check(struct body *body, const struct store_call *call,
		       const struct store_check *check)
{
	body->check = (struct store_check){.kind = DIGEST_NONE};
	digest_run_drop(&body->run);
	if (body->delivered || call->offset || body->end != body->object.size ||
	    body->answer_end != body->object.size)
		return 0;
	body->check = *check;
	return digest_run_start(&body->run, check->kind);
}

int body_head(struct body *body, const struct store_call *call, const struct store_answer *answer,
	      const struct store_object *object, const struct store_check *check)
{
	struct store_object seen = *object;
	int ret = read_lengths(body, call, answer, &seen.size);

	if (ret < 0)
		return ret;
	ret = compare_version(body, call, &seen);
	if (ret < 0)
		return ret;
	if (!body->begun) {
		body->object = seen;
		body->end = end_of(call, seen.size);
		ret = begin_sink(body, call);
		if (ret < 0)
			return ret;
	}
	ret = start_check(body, call, check);
	if (ret < 0)
		return ret;
	return call->offset + body->delivered >= body->end && body->answer_end ? HTTP_ENOUGH : 0;
}

int body_data(struct body *body, const struct store_call *call, const void *data, size_t bytes)
{
	uint64_t next = call->offset + body->delivered; /* what the sink waits for */
	const char *from = data;
	int ret;

	if (bytes > body->answer_end - body->at)
		return -EBADMSG;
	ret = digest_run_add(&body->run, data, bytes);
	if (ret < 0)
		return ret;
	if (body->at + bytes > next && next < body->end) {
		uint64_t skip = next - body->at; /* of a 200 to a range */
		uint64_t count = bytes - skip;

		if (count > body->end - next)
			count = body->end - next;
		ret = feed_sink(body, call, from + skip, count);
		if (ret < 0)
			return ret;
	}
	body->at += bytes;
	return body->check.kind == DIGEST_NONE && call->offset + body->delivered >= body->end &&
			       body->at < body->answer_end
		       ? HTTP_ENOUGH
		       : 0;
}

int body_end(struct body *body, const struct store_call *call)
{
	uint8_t digest[DIGEST_MAX_BYTES];
	int bytes;
	int same;

	if (body->check.kind != DIGEST_NONE && body->at == body->answer_end) {
		bytes = digest_run_end(&body->run, digest);
		if (bytes < 0)
			return bytes;
		same = body->check.hex ? digest_is_hex(digest, (size_t)bytes, body->check.text)
				       : digest_is_base64(digest, (size_t)bytes, body->check.text);
		if (!same)
			return -EBADMSG;
	}
	return call->offset + body->delivered < body->end ? -EAGAIN : 0;
}

void body_restart(struct body *body)
{
	digest_run_drop(&body->run);
	memset(body, 0, sizeof(*body));
}

int body_beyond(struct body *body, const struct store_call *call, const struct store_object *object)
{
	body->object = *object;
	body->end = call->offset;
	return begin_sink(body, call);
}

void body_free(struct body *body)
{
	digest_run_drop(&body->run);
}
