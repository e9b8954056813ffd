/* SPDX-License-Identifier: Apache-2.0 */
/* "Blob Batch": up to 256 deletions or changes of tier in one request, each answered by a part, and
 * each with a proof of its own of who asks. */
#include "tests/store/azure.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/store/mime.h"

#define CALLS_MAX 256

/* A request as it stands in a part. */
struct inner {
	struct request req;
	char *method, *target;
};

/* "DELETE /CONTAINER/BLOB?z HTTP/1.1", headers; nothing has a body. */
static int parse(const struct azure_call *outer, const struct mime_part *part, struct inner *out)
{
	const char *at = part->data, *end = part->data + part->bytes;
	const char *line_end = memchr(at, '\n', part->bytes);
	struct request *req = &out->req;
	char *mark;

	if (!line_end || sscanf(at, "%ms %ms", &out->method, &out->target) != 2 ||
	    *out->target != '/')
		return -EINVAL;
	at = line_end + 1;
	if (at < end && mime_headers(&at, end, &req->headers) == -ENOMEM)
		return -ENOMEM;
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
	/* "The subrequests should not have the x-ms-version header": it is the batch's */
	if (headers_get(&req->headers, "x-ms-version"))
		return -EINVAL;
	return uri_params_parse(req->query, &req->params);
}

static bool is_allowed(const struct request *req)
{
	const char *comp = uri_params_get(&req->params, "comp");

	return !strcmp(req->method, "DELETE") ||
	       (!strcmp(req->method, "PUT") && comp && !strcmp(comp, "tier"));
}

static void put_answer(struct buf *out, const char *boundary, const struct mime_part *part,
		       const struct reply *reply)
{
	const char *id = headers_get(&part->headers, "Content-ID");

	buf_printf(out, "--%s\r\nContent-Type: application/http\r\n", boundary);
	if (id)
		buf_printf(out, "Content-ID: %s\r\n", id);
	buf_printf(out, "\r\nHTTP/1.1 %d %s\r\n", reply->status,
		   reply->status == 202	      ? "Accepted"
		   : reply->status / 100 == 2 ? "OK"
					      : "Refused");
	for (size_t i = 0; i < reply->headers.count; i++)
		buf_printf(out, "%s: %s\r\n", reply->headers.items[i].name,
			   reply->headers.items[i].value);
	if (reply->text.len)
		buf_printf(out, "Content-Length: %zu\r\n", reply->text.len);
	buf_str(out, "\r\n");
	buf_put(out, reply->text.data, reply->text.len);
	if (reply->text.len)
		buf_str(out, "\r\n");
}

static void run_one(const struct azure_call *outer, const char *boundary,
		    const struct mime_part *part, struct buf *out)
{
	struct inner inner = {0};
	struct reply reply = {0};
	struct azure_call refused = {.req = &inner.req, .reply = &reply};
	int err = parse(outer, part, &inner);

	if (!err && is_allowed(&inner.req))
		azure_run_nested(&inner.req, &reply);
	else
		azure_fail(&refused, "InvalidInput");
	put_answer(out, boundary, part, &reply);
	reply_reset(&reply);
	headers_free(&inner.req.headers);
	uri_params_free(&inner.req.params);
	free(inner.req.fault_path);
	free(inner.method);
	free(inner.target);
}

void azure_batch(struct azure_call *c)
{
	struct mime mime;
	struct mime_part part;
	struct buf out = {0};
	char boundary[64];
	size_t calls = 0;

	snprintf(boundary, sizeof(boundary), "batchresponse_%s", c->req->id);
	if (!mime_begin(&mime, azure_header(c, "Content-Type"), c->req->body, c->req->body_bytes)) {
		azure_fail(c, "InvalidHeaderValue");
		return;
	}
	while (calls <= CALLS_MAX && mime_next(&mime, &part)) {
		if (calls++ < CALLS_MAX)
			run_one(c, boundary, &part, &out);
		headers_free(&part.headers);
	}
	if (!calls || calls > CALLS_MAX) {
		buf_free(&out);
		azure_fail(c, "InvalidInput");
		return;
	}
	buf_printf(&out, "--%s--\r\n", boundary);
	c->reply->text = out;
	c->reply->status = 202;
	reply_header_printf(c->reply, "Content-Type", "multipart/mixed; boundary=%s", boundary);
}
