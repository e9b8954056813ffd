// SPDX-License-Identifier: Apache-2.0
/* The bytes of one sending: the answer's as they come, the request's as they are wanted. */
#include <errno.h>
#include <string.h>

#include "core/clock.h"
#include "core/http/xml.h"
#include "core/inflight.h"

#define ANSWER_BYTES_MAX XML_BYTES_MAX /* of a list */
#define FAULT_BYTES_MAX	 65536	       /* of an error answer; what is beyond is not read */

static bool is_success(int status)
{
	return status >= 200 && status < 300;
}

struct store_answer flight_answer(const struct flight *f)
{
	return (struct store_answer){
		.status = f->x.status,
		.fields = &f->x.answer,
		.body = buffer_text(&f->answer),
		.body_bytes = f->answer.len,
	};
}

int flight_on_head(struct http_exchange *x)
{
	struct flight *f = x->arg;
	struct store_answer answer = flight_answer(f);
	struct store_check check = {0};
	int ret;

	f->answer.max = is_success(x->status) ? ANSWER_BYTES_MAX : FAULT_BYTES_MAX;
	if (f->ask.verb != STORE_GET || !is_success(x->status))
		return 0;
	if (x->status != 200 && x->status != 206)
		return -EBADMSG;
	f->ask.object = (struct store_object){0};
	ret = f->ops->verb[STORE_GET].parse(&f->ask, &answer, &check);
	if (ret < 0)
		return ret;
	if (!f->body.begun)
		flight_give_metadata(f);
	return body_head(&f->body, f->call, &answer, &f->ask.object, &check);
}

int flight_on_body(struct http_exchange *x, const void *data, size_t bytes)
{
	struct flight *f = x->arg;
	int ret;

	f->in += bytes;
	TALLY_ADD(f->job, bytes_in[f->store], bytes);
	TALLY_ADD(f->job, cost_pico, bytes * f->site.price.out);
	if (f->ask.verb == STORE_GET && is_success(x->status))
		return body_data(&f->body, f->call, data, bytes);
	ret = buffer_add(&f->answer, data, bytes);
	flight_charge_answer(f);
	if (ret == -EMSGSIZE && !is_success(x->status))
		return HTTP_ENOUGH;
	return ret;
}

static int read_source(struct flight *f, uint64_t offset, void *buf, size_t bytes)
{
	const struct store_source *source = &f->call->source;
	int ret = source->read(source->arg, offset, buf, bytes);

	f->source_failed = ret < 0;
	return ret < 0 ? ret : 0;
}

static size_t least(uint64_t a, uint64_t b)
{
	return (size_t)(a < b ? a : b);
}

/* What stands at offset of the request's whole body, as far as it is of one kind. Returns how much,
 * or a negative errno. */
static ssize_t read_piece(struct flight *f, uint64_t offset, void *buf, size_t bytes)
{
	const struct store_request *r = &f->request;
	uint64_t source = r->streams ? r->source_bytes : 0;
	size_t piece;
	int ret = 0;

	if (offset < r->body.len) {
		piece = least(bytes, r->body.len - offset);
		memcpy(buf, r->body.data + offset, piece);
	} else if (offset - r->body.len < source) {
		offset -= r->body.len;
		piece = least(bytes, source - offset);
		ret = read_source(f, offset, buf, piece);
	} else {
		piece = bytes;
		memcpy(buf, r->tail.data + (offset - r->body.len - source), piece);
	}
	return ret < 0 ? ret : (ssize_t)piece;
}

int flight_on_send(struct http_exchange *x, uint64_t offset, void *buf, size_t bytes)
{
	struct flight *f = x->arg;

	for (size_t done = 0; done < bytes;) {
		ssize_t n = read_piece(f, offset + done, (char *)buf + done, bytes - done);

		if (n < 0)
			return (int)n;
		done += (size_t)n;
	}
	f->out += bytes;
	TALLY_ADD(f->job, bytes_out[f->store], bytes);
	f->progress_ms = clock_mono_ms();
	return 0;
}
