/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dialect of Google Cloud Storage: which method a request is, and the frame around it. Read
 * next: gcs.h, gcs_auth.c, gcs_resource.c, then the verbs.
 */
#include "tests/store/gcs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "tests/store/precondition.h"
#include "tests/store/settings.h"

#define OTHER "other"

static const struct {
	const char *prefix;
	enum gcs_space space;
} spaces[] = {
	{"/storage/v1/", GCS_API},
	{"/upload/storage/v1/", GCS_UPLOAD},
	{"/download/storage/v1/", GCS_DOWNLOAD},
	{"/batch/storage/v1", GCS_BATCH},
};

/* The first that fits counts. */
static const struct gcs_route routes[] = {
	{"buckets.list", "GET", GCS_API, "b", .run = gcs_buckets_list},
	{"buckets.insert", "POST", GCS_API, "b", .writes = true, .run = gcs_buckets_insert},
	{"buckets.get", "GET", GCS_API, "b/*", .run = gcs_buckets_get},
	{"buckets.delete", "DELETE", GCS_API, "b/*", .writes = true, .run = gcs_buckets_delete},
	{"objects.list", "GET", GCS_API, "b/*/o", .run = gcs_objects_list},
	{"objects.media", "GET", GCS_API, "b/*/o/*", "alt", "media", .run = gcs_objects_media},
	{"objects.media", "GET", GCS_DOWNLOAD, "b/*/o/*", .run = gcs_objects_media},
	{"objects.get", "GET", GCS_API, "b/*/o/*", .run = gcs_objects_get},
	{"objects.patch", "PATCH", GCS_API, "b/*/o/*", .writes = true, .run = gcs_objects_patch},
	{"objects.update", "PUT", GCS_API, "b/*/o/*", .writes = true, .run = gcs_objects_update},
	{"objects.delete", "DELETE", GCS_API, "b/*/o/*", .writes = true, .run = gcs_objects_delete},
	{"objects.compose", "POST", GCS_API, "b/*/o/*/compose", .writes = true,
	 .run = gcs_objects_compose},
	{"objects.copy", "POST", GCS_API, "b/*/o/*/copyTo/b/*/o/*", .run = gcs_objects_copy},
	{"objects.rewrite", "POST", GCS_API, "b/*/o/*/rewriteTo/b/*/o/*",
	 .run = gcs_objects_rewrite},
	{"objects.insert", "POST", GCS_UPLOAD, "b/*/o", "uploadType", "media", .writes = true,
	 .has_media = true, .run = gcs_upload_media},
	{"objects.insert", "POST", GCS_UPLOAD, "b/*/o", "uploadType", "multipart", .writes = true,
	 .has_media = true, .run = gcs_upload_multipart},
	{"resumable.chunk", "PUT", GCS_UPLOAD, "b/*/o", "upload_id", .writes = true,
	 .has_media = true, .by_session = true, .run = gcs_resumable_chunk},
	{"resumable.cancel", "DELETE", GCS_UPLOAD, "b/*/o", "upload_id", .writes = true,
	 .by_session = true, .run = gcs_resumable_cancel},
	{"resumable.start", "POST", GCS_UPLOAD, "b/*/o", "uploadType", "resumable", .writes = true,
	 .run = gcs_resumable_start},
	{"batch", "POST", GCS_BATCH, "", .has_media = true, .run = gcs_batch},
	{"xml.get", "GET", GCS_XML, "*/*", .run = gcs_objects_media},
	{"xml.head", "HEAD", GCS_XML, "*/*", .run = gcs_objects_media},
};

static const struct gcs_route other = {.verb = OTHER, .run = gcs_not_found};

static const char *const verbs[] = {
	"buckets.list",
	"buckets.insert",
	"buckets.get",
	"buckets.delete",
	"objects.list",
	"objects.get",
	"objects.media",
	"objects.insert",
	"objects.patch",
	"objects.update",
	"objects.delete",
	"objects.compose",
	"objects.copy",
	"objects.rewrite",
	"resumable.start",
	"resumable.chunk",
	"resumable.cancel",
	"batch",
	"xml.get",
	"xml.head",
	OTHER,
	NULL,
};

/* The space of a path; *rest_out: behind its prefix. */
static enum gcs_space space_of(const char *path, const char **rest_out)
{
	for (size_t i = 0; i < sizeof(spaces) / sizeof(spaces[0]); i++) {
		size_t len = strlen(spaces[i].prefix);

		if (!strncmp(path, spaces[i].prefix, len)) {
			*rest_out = path + len;
			return spaces[i].space;
		}
	}
	*rest_out = path + 1;
	return GCS_XML;
}

/* Of the XML API only what bearers and everybody may do to objects is answered here: whoever signs
 * with an HMAC key speaks S3's dialect. */
static bool claims(const struct request *req)
{
	const char *auth = headers_get(&req->headers, "Authorization");
	const char *rest, *slash;

	if (*req->path != '/')
		return false;
	if (space_of(req->path, &rest) != GCS_XML)
		return true;
	slash = strchr(rest, '/');
	return (!strcmp(req->method, "GET") || !strcmp(req->method, "HEAD")) && slash && slash[1] &&
	       (!auth || !strncasecmp(auth, "Bearer ", 7)) &&
	       !uri_params_get(&req->params, "X-Amz-Signature");
}

/* Matches the path, segment by segment, and takes its names. The object of the XML API goes on to
 * the end, slashes and all; elsewhere a slash in a name is written %2F. */
static bool match(struct gcs_call *c, const struct gcs_route *r, char *path)
{
	const char *pattern = r->path;
	size_t names = 0;

	memset(c->names, 0, sizeof(c->names));
	while (*pattern && *path) {
		size_t want = strcspn(pattern, "/");
		bool last = r->space == GCS_XML && names == 1;
		size_t len = last ? strlen(path) : strcspn(path, "/");
		bool more = path[len] == '/';

		if (*pattern == '*') {
			path[len] = '\0';
			c->names[names++] = path;
		} else if (len != want || memcmp(path, pattern, len) != 0) {
			return false;
		}
		path += len + more;
		pattern += want + (pattern[want] == '/');
		if (more && !*pattern)
			return false;
	}
	return !*pattern && !*path;
}

/* The names of the route that fits, decoded. */
static bool take_names(struct gcs_call *c)
{
	for (size_t i = 0; i < GCS_NAMES_MAX && c->names[i]; i++) {
		char *name = (char *)(uintptr_t)c->names[i];

		if (!*name || uri_decode(name, strlen(name), false) < 0)
			return false;
	}
	c->bucket = c->names[0];
	c->object = c->names[1];
	return true;
}

static const struct gcs_route *find_route(struct gcs_call *c, const char *path)
{
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		const struct gcs_route *r = &routes[i];
		const char *value = r->param ? gcs_param(c, r->param) : NULL;

		if (r->space != c->space || strcmp(r->method, c->req->method) != 0 ||
		    (r->param && (!value || (r->value && strcmp(r->value, value) != 0))))
			continue;
		free(c->path);
		c->path = strdup(path);
		if (c->path && match(c, r, c->path))
			return r;
	}
	memset(c->names, 0, sizeof(c->names));
	return &other;
}

static void begin(struct request *req)
{
	struct gcs_call *c = calloc(1, sizeof(*c));
	struct buf path = {0};
	const char *rest;

	req->verb = OTHER;
	req->state = c;
	if (!c)
		return;
	c->req = req;
	c->space = space_of(req->path, &rest);
	c->route = find_route(c, rest);
	c->bad_path = req->malformed || !take_names(c);
	req->verb = c->route->verb;
	buf_printf(&path, "%s/%s", c->bucket ? c->bucket : "", c->object ? c->object : "");
	req->fault_path = path.data;
	req->body_max = c->route->has_media ? EXCHANGE_BODY_MAX : GCS_JSON_BYTES_MAX;
	if (c->space == GCS_BATCH)
		req->body_max = GCS_BATCH_BYTES;
}

static void sign_reply(struct gcs_call *c)
{
	char date[30];

	reply_header(c->reply, "X-GUploader-UploadID", c->req->id);
	reply_header(c->reply, "Server", "UploadServer");
	if (settings.clock_offset_s) {
		precondition_date(time(NULL) + settings.clock_offset_s, date);
		reply_header(c->reply, "Date", date);
	}
}

static bool settle(struct request *req, struct reply *reply)
{
	struct gcs_call *c = req->state;

	if (!c) {
		reply->status = 500;
		return true;
	}
	c->reply = reply;
	if (c->bad_path)
		gcs_fail(c, 400, "invalid", "Invalid request path or parameters.");
	if (!c->bad_path && gcs_auth(c)) {
		req->want_md5 = c->route->run == gcs_upload_media;
		return false;
	}
	sign_reply(c);
	return true;
}

static void run(struct gcs_call *c)
{
	if (c->req->body_too_big)
		gcs_fail(c, 413, "uploadTooLarge", "Request Entity Too Large");
	else
		c->route->run(c);
	if (c->reply->text.failed)
		gcs_fail(c, 500, "internalError", "no memory");
}

static void handle(struct request *req, struct reply *reply)
{
	struct gcs_call *c = req->state;

	c->reply = reply;
	run(c);
	sign_reply(c);
}

static void fault(struct request *req, const struct fault *fault, struct reply *reply)
{
	struct gcs_call *c = req->state;

	if (!c) {
		reply->status = 500;
		return;
	}
	c->reply = reply;
	if (fault->kind == FAULT_SLOWDOWN)
		gcs_fail(c, 429, "rateLimitExceeded",
			 "The object exceeded the rate limit for object mutation operations.");
	else if (fault->kind == FAULT_DENIED)
		gcs_fail(c, 403, "forbidden", "Access denied.");
	else if (fault->kind == FAULT_EXPIRED)
		gcs_fail(c, 401, "authError", "Invalid Credentials");
	else
		gcs_fail(c, 503, "backendError", "Backend Error");
	if (fault->kind == FAULT_OK_ERROR)
		reply->status = 200;
	if (fault->retry_after_s >= 0)
		reply_header_printf(reply, "Retry-After", "%d", fault->retry_after_s);
	sign_reply(c);
}

static void broken(struct request *req)
{
	struct gcs_call *c = req->state;

	if (c && c->route->run == gcs_resumable_chunk && !c->bad_path)
		gcs_resumable_broken(c);
}

static void end(struct request *req)
{
	struct gcs_call *c = req->state;

	if (!c)
		return;
	free(c->path);
	free(c);
	req->state = NULL;
}

void gcs_not_found(struct gcs_call *c)
{
	gcs_fail(c, 404, "notFound", "Not Found");
}

void gcs_run_nested(struct request *req, struct reply *reply)
{
	struct fault f;

	begin(req);
	f = faults_pick(req->verb, req->method, req->fault_path ? req->fault_path : "");
	if (f.kind >= FAULT_SLOWDOWN && f.kind <= FAULT_OK_ERROR)
		fault(req, &f, reply);
	else if (!settle(req, reply))
		handle(req, reply);
	end(req);
}

const struct dialect gcs_dialect = {
	.name = "gcs",
	.verbs = verbs,
	.claims = claims,
	.begin = begin,
	.settle = settle,
	.handle = handle,
	.fault = fault,
	.broken = broken,
	.end = end,
};
