/* SPDX-License-Identifier: Apache-2.0 */
/* "Sending batch requests": up to 100 calls in one request, each answered by a part. What the outer
 * request says who asks holds for those inside that do not say it themselves. */
#include "tests/store/gcs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/store/scope.h"

#define CALLS_MAX 100
#define BOUNDARY  "batch_skyshim_teststore"

/* A request as it stands in a part. */
struct inner {
	struct request req;
	char *method, *target;
};

/* "DELETE /storage/v1/b/x/o/y?z HTTP/1.1", headers, body. */
static int parse(const struct gcs_call *outer, const struct mime_part *part, struct inner *out)
{
	const char *at = part->data, *end = part->data + part->bytes;
	const char *line_end = memchr(at, '\n', part->bytes);
	struct request *req = &out->req;
	char *mark;

	if (!line_end || sscanf(at, "%ms %ms", &out->method, &out->target) != 2 ||
	    *out->target != '/')
		return -EINVAL;
	at = line_end + 1;
	/* a request without headers or body may end right here */
	if (at < end && mime_headers(&at, end, &req->headers))
		at = end;
	req->method = out->method;
	req->path = out->target;
	req->query = "";
	req->from_loopback = outer->req->from_loopback;
	req->tls = outer->req->tls;
	snprintf(req->id, sizeof(req->id), "%s", outer->req->id);
	mark = strchr(out->target, '?');
	if (mark) {
		*mark = '\0';
		req->query = mark + 1;
	}
	if (uri_params_parse(req->query, &req->params))
		return -EINVAL;
	req->body_bytes = (size_t)(end - at);
	req->body = req->body_bytes ? strndup(at, req->body_bytes) : NULL;
	return req->body_bytes && !req->body ? -ENOMEM : 0;
}

static void inherit(const struct gcs_call *outer, struct request *req)
{
	static const char *const names[] = {"Authorization", "Host", "X-Goog-User-Project"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = gcs_header(outer, names[i]);

		if (value && !headers_get(&req->headers, names[i]))
			headers_add(&req->headers, names[i], value);
	}
}

static void put_answer(struct buf *out, const struct mime_part *part, const struct reply *reply)
{
	const char *id = headers_get(&part->headers, "Content-ID");

	buf_str(out, "--" BOUNDARY "\r\nContent-Type: application/http\r\n");
	if (id)
		buf_printf(out, "Content-ID: <response-%s\r\n", *id == '<' ? id + 1 : id);
	buf_printf(out, "\r\nHTTP/1.1 %d %s\r\n", reply->status,
		   reply->status / 100 == 2 ? "OK" : "Error");
	for (size_t i = 0; i < reply->headers.count; i++)
		buf_printf(out, "%s: %s\r\n", reply->headers.items[i].name,
			   reply->headers.items[i].value);
	buf_printf(out, "Content-Length: %zu\r\n\r\n", reply->text.len);
	buf_put(out, reply->text.data, reply->text.len);
	buf_str(out, "\r\n");
}

/* Bytes are neither sent nor fetched within a batch; nor is there a batch within. */
static bool allowed(const struct request *req)
{
	const char *alt = uri_params_get(&req->params, "alt");

	return !strncmp(req->path, "/storage/v1/", 12) && (!alt || strcmp(alt, "media") != 0);
}

static void run_one(const struct gcs_call *outer, const struct mime_part *part, struct buf *out)
{
	struct inner inner = {0};
	struct reply reply = {0};
	struct gcs_call refused = {.req = &inner.req, .reply = &reply};
	int err = parse(outer, part, &inner);

	inherit(outer, &inner.req);
	if (!err && allowed(&inner.req))
		gcs_run_nested(&inner.req, &reply);
	else
		gcs_fail(&refused, 400, "badRequest", "Bad Request");
	put_answer(out, part, &reply);
	reply_reset(&reply);
	headers_free(&inner.req.headers);
	uri_params_free(&inner.req.params);
	free(inner.req.fault_path);
	free(inner.req.body);
	free(inner.method);
	free(inner.target);
}

void gcs_batch(struct gcs_call *c)
{
	struct mime mime;
	struct mime_part part;
	struct buf out = {0};
	size_t calls = 0;

	if (!mime_begin(&mime, gcs_header(c, "Content-Type"), c->req->body, c->req->body_bytes)) {
		gcs_fail(c, 400, "badRequest", "Failed to parse batch request: no boundary");
		return;
	}
	while (calls <= CALLS_MAX && mime_next(&mime, &part)) {
		if (calls++ < CALLS_MAX)
			run_one(c, &part, &out);
		headers_free(&part.headers);
	}
	if (!calls || calls > CALLS_MAX) {
		buf_free(&out);
		gcs_fail(c, 400, "badRequest",
			 calls ? "The batch request contains too many calls"
			       : "Failed to parse batch request: no parts");
		return;
	}
	buf_str(&out, "--" BOUNDARY "--\r\n");
	c->reply->text = out;
	c->reply->status = 200;
	reply_header(c->reply, "Content-Type", "multipart/mixed; boundary=" BOUNDARY);
}
