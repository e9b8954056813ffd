/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The S3 dialect: which verb a request is, and the frame around it. Read next: s3.h, s3_auth.c,
 * s3_body.c, then the verbs in s3_bucket.c, s3_list.c, s3_object.c, s3_write.c and s3_upload.c.
 */
#include "tests/store/s3.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "tests/store/precondition.h"
#include "tests/store/s3_lacks.h"

#define OTHER "Other" /* the verb of what is no request of S3's, or none that this store knows */

/* The first that fits counts. */
static const struct s3_route routes[] = {
	{.verb = "ListBuckets", .method = "GET", .run = s3_list_buckets},

	{.verb = "CopyObject",
	 .method = "PUT",
	 .on_key = true,
	 .header = "x-amz-copy-source",
	 .writes = true,
	 .run = s3_copy_object},
	{.verb = "PutObject",
	 .method = "PUT",
	 .on_key = true,
	 .writes = true,
	 .run = s3_put_object},
	{.verb = "GetObject", .method = "GET", .on_key = true, .run = s3_get_object},
	{.verb = "HeadObject", .method = "HEAD", .on_key = true, .run = s3_get_object},
	{.verb = "DeleteObject",
	 .method = "DELETE",
	 .on_key = true,
	 .writes = true,
	 .run = s3_delete_object},

	{.verb = "CreateBucket",
	 .method = "PUT",
	 .on_bucket = true,
	 .writes = true,
	 .has_xml = true,
	 .run = s3_create_bucket},
	{.verb = "DeleteBucket",
	 .method = "DELETE",
	 .on_bucket = true,
	 .writes = true,
	 .run = s3_delete_bucket},
	{.verb = "HeadBucket", .method = "HEAD", .on_bucket = true, .run = s3_head_bucket},
	{.verb = "ListObjects", .method = "GET", .on_bucket = true, .run = s3_list_objects},
};

/* Those that a parameter tells apart. */
static const struct s3_route param_routes[] = {
	{.verb = "UploadPartCopy",
	 .method = "PUT",
	 .on_key = true,
	 .param = "uploadId",
	 .header = "x-amz-copy-source",
	 .writes = true,
	 .run = s3_upload_part_copy},
	{.verb = "UploadPart",
	 .method = "PUT",
	 .on_key = true,
	 .param = "uploadId",
	 .writes = true,
	 .run = s3_upload_part},
	{.verb = "ListParts",
	 .method = "GET",
	 .on_key = true,
	 .param = "uploadId",
	 .run = s3_list_parts},
	{.verb = "AbortMultipartUpload",
	 .method = "DELETE",
	 .on_key = true,
	 .param = "uploadId",
	 .writes = true,
	 .run = s3_abort_upload},
	{.verb = "CreateMultipartUpload",
	 .method = "POST",
	 .on_key = true,
	 .param = "uploads",
	 .writes = true,
	 .run = s3_create_upload},
	{.verb = "CompleteMultipartUpload",
	 .method = "POST",
	 .on_key = true,
	 .param = "uploadId",
	 .writes = true,
	 .has_xml = true,
	 .run = s3_complete_upload},

	{.verb = "ListObjectsV2",
	 .method = "GET",
	 .on_bucket = true,
	 .param = "list-type",
	 .value = "2",
	 .run = s3_list_objects_v2},
	{.verb = "GetBucketLocation",
	 .method = "GET",
	 .on_bucket = true,
	 .param = "location",
	 .run = s3_get_bucket_location},
	{.verb = "GetBucketVersioning",
	 .method = "GET",
	 .on_bucket = true,
	 .param = "versioning",
	 .run = s3_get_bucket_versioning},
	{.verb = "ListMultipartUploads",
	 .method = "GET",
	 .on_bucket = true,
	 .param = "uploads",
	 .run = s3_list_uploads},
	{.verb = "DeleteObjects",
	 .method = "POST",
	 .on_bucket = true,
	 .param = "delete",
	 .writes = true,
	 .has_xml = true,
	 .run = s3_delete_objects},
};

/* Subresources that S3 has and this store has not: an honest 501, not the plain verb. */
static const char *const unknown_params[] = {
	"accelerate",
	"acl",
	"analytics",
	"attributes",
	"cors",
	"encryption",
	"inventory",
	"legal-hold",
	"lifecycle",
	"logging",
	"metrics",
	"notification",
	"object-lock",
	"ownershipControls",
	"policy",
	"policyStatus",
	"publicAccessBlock",
	"replication",
	"requestPayment",
	"restore",
	"retention",
	"select",
	"tagging",
	"torrent",
	"versionId",
	"versions",
	"website",
	"partNumber",
};

static const struct s3_route other = {.verb = OTHER, .writes = true, .run = s3_not_implemented};

static const char *const verbs[] = {
	"ListBuckets",
	"CreateBucket",
	"DeleteBucket",
	"HeadBucket",
	"GetBucketLocation",
	"GetBucketVersioning",
	"ListObjects",
	"ListObjectsV2",
	"ListMultipartUploads",
	"DeleteObjects",
	"GetObject",
	"HeadObject",
	"PutObject",
	"CopyObject",
	"DeleteObject",
	"CreateMultipartUpload",
	"UploadPart",
	"UploadPartCopy",
	"ListParts",
	"CompleteMultipartUpload",
	"AbortMultipartUpload",
	OTHER,
	NULL,
};

const char *s3_header(const struct s3_call *c, const char *name)
{
	return headers_get(&c->req->headers, name);
}

const char *s3_param(const struct s3_call *c, const char *name)
{
	return uri_params_get(&c->req->params, name);
}

static bool fits(const struct s3_call *c, const struct s3_route *r)
{
	const char *value = r->param ? s3_param(c, r->param) : NULL;

	if (strcmp(r->method, c->req->method) != 0 || r->on_key != (c->key != NULL) ||
	    r->on_bucket != (c->bucket && !c->key))
		return false;
	if (r->param && (!value || (r->value && strcmp(r->value, value) != 0)))
		return false;
	return !r->header || s3_header(c, r->header);
}

static const struct s3_route *find_route(const struct s3_call *c)
{
	for (size_t i = 0; i < sizeof(param_routes) / sizeof(param_routes[0]); i++) {
		if (fits(c, &param_routes[i]))
			return &param_routes[i];
	}
	for (size_t i = 0; i < sizeof(unknown_params) / sizeof(unknown_params[0]); i++) {
		if (s3_param(c, unknown_params[i]))
			return &other;
	}
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		if (fits(c, &routes[i]))
			return &routes[i];
	}
	return &other;
}

/* RFC 3629: no overlong forms, no surrogates. S3 takes no key that is not UTF-8. */
static bool is_utf8(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;

	while (*at) {
		unsigned more = *at < 0x80 ? 0 : *at < 0xE0 ? 1 : *at < 0xF0 ? 2 : 3;
		unsigned first = *at++, second = *at;

		if ((first >= 0x80 && first < 0xC2) || first > 0xF4 ||
		    (first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ||
		    (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F))
			return false;
		for (; more; more--, at++) {
			if ((*at & 0xC0) != 0x80)
				return false;
		}
	}
	return true;
}

/* The bucket that the Host header names, if it is BUCKET.DOMAIN[:PORT]. */
static void take_host_bucket(struct s3_call *c)
{
	const char *host = s3_header(c, "Host");
	size_t domain_len = strlen(settings.domain);
	size_t len = host ? strcspn(host, ":") : 0;
	size_t bucket_len = len > domain_len + 1 ? len - domain_len - 1 : 0;

	if (s3_lacks(LACK_VIRTUAL_HOSTS) || !bucket_len || bucket_len >= sizeof(c->host_bucket) ||
	    host[bucket_len] != '.' ||
	    strncasecmp(host + bucket_len + 1, settings.domain, domain_len) != 0)
		return;
	memcpy(c->host_bucket, host, bucket_len);
	c->bucket = c->host_bucket;
}

/* Takes the decoded path apart. */
static enum s3_error take_names(struct s3_call *c)
{
	char *rest = c->names + 1;
	char *slash;

	take_host_bucket(c);
	if (!c->bucket && *rest) {
		c->bucket = rest;
		slash = strchr(rest, '/');
		rest = slash ? slash + 1 : rest + strlen(rest);
		if (slash)
			*slash = '\0';
	}
	if (c->bucket && *rest) {
		c->key = rest;
		c->key_len = strlen(rest);
	}
	if (c->key_len > OBJECT_KEY_MAX)
		return S3_KEY_TOO_LONG;
	if (c->key && !is_utf8(c->key))
		return S3_INVALID_URI;
	return S3_OK;
}

static enum s3_error parse(struct s3_call *c)
{
	size_t len = strlen(c->req->path);
	long decoded;

	c->path = strdup(c->req->path);
	if (!c->path)
		return S3_INTERNAL;
	decoded = uri_decode(c->path, len, false);
	if (decoded < 0 || c->req->malformed || *c->path != '/') {
		free(c->path);
		c->path = NULL;
		return S3_INVALID_URI;
	}
	c->path_len = (size_t)decoded;
	c->names = strdup(c->path);
	return c->names ? take_names(c) : S3_INTERNAL;
}

static void begin(struct request *req)
{
	struct s3_call *c = calloc(1, sizeof(*c));
	struct buf path = {0};

	req->verb = OTHER;
	req->state = c;
	if (!c)
		return;
	c->req = req;
	c->early = parse(c);
	c->route = c->early ? &other : find_route(c);
	req->verb = c->route->verb;
	buf_printf(&path, "%s/%s", c->bucket ? c->bucket : "", c->key ? c->key : "");
	req->fault_path = path.data;
	req->body_max = c->route->writes && !c->route->has_xml ? EXCHANGE_BODY_MAX
							       : S3_XML_BYTES_MAX;
}

static void sign_reply(struct s3_call *c)
{
	char date[30];

	reply_header(c->reply, "x-amz-request-id", c->req->id);
	reply_header(c->reply, "x-amz-id-2", c->req->id);
	reply_header(c->reply, "Server", "skyshim-teststore");
	if (settings.clock_offset_s) {
		precondition_date(time(NULL) + settings.clock_offset_s, date);
		reply_header(c->reply, "Date", date);
	}
}

/* A PUT must say its length beforehand; an aws-chunked one says it in another header. */
static enum s3_error check_length(const struct s3_call *c)
{
	if (strcmp(c->req->method, "PUT") != 0 || s3_header(c, "Content-Length"))
		return S3_OK;
	if (!s3_header(c, "Transfer-Encoding"))
		return c->route->run == s3_put_object ? S3_MISSING_LENGTH : S3_OK;
	return s3_is_chunked(c) ? S3_OK : S3_NOT_IMPLEMENTED;
}

/* What this store was told not to have. */
static enum s3_error check_lacks(const struct s3_call *c)
{
	bool conditional = s3_header(c, "If-Match") || s3_header(c, "If-None-Match");
	const char *verb = c->route->verb;

	if ((s3_lacks(LACK_BATCH_DELETE) && !strcmp(verb, "DeleteObjects")) ||
	    (s3_lacks(LACK_COPY) && !strcmp(verb, "CopyObject")) ||
	    (s3_lacks(LACK_PART_COPY) && !strcmp(verb, "UploadPartCopy")) ||
	    (s3_lacks(LACK_CONDITIONS) && conditional && c->route->writes))
		return S3_NOT_IMPLEMENTED;
	return s3_lacks(LACK_LIST_V2) && !strcmp(verb, "ListObjectsV2") ? S3_INVALID_ARGUMENT
									: S3_OK;
}

static bool settle(struct request *req, struct reply *reply)
{
	struct s3_call *c = req->state;
	enum s3_error err;

	if (!c) {
		reply->status = 500;
		return true;
	}
	c->reply = reply;
	err = c->early ? c->early : s3_auth(c);
	if (!err)
		err = check_lacks(c);
	if (!err)
		err = check_length(c);
	if (err && !reply->status)
		s3_fail(c, err);
	if (!err && s3_auth_allows(c, c->bucket, c->route->writes)) {
		req->want_sha256 = c->payload == S3_PAYLOAD_HASH;
		req->want_md5 = c->route->writes && !s3_is_chunked(c);
		return false;
	}
	sign_reply(c);
	return true;
}

static void handle(struct request *req, struct reply *reply)
{
	struct s3_call *c = req->state;
	enum s3_error err;

	c->reply = reply;
	err = s3_body(c);
	if (err)
		s3_fail(c, err);
	else
		c->route->run(c);
	sign_reply(c);
}

static void fault(struct request *req, const struct fault *fault, struct reply *reply)
{
	struct s3_call *c = req->state;

	if (!c) {
		reply->status = 500;
		return;
	}
	c->reply = reply;
	s3_fail(c, fault->kind == FAULT_SLOWDOWN  ? S3_SLOW_DOWN
		   : fault->kind == FAULT_DENIED  ? S3_ACCESS_DENIED
		   : fault->kind == FAULT_EXPIRED ? S3_EXPIRED_TOKEN
						  : S3_INTERNAL);
	if (fault->kind == FAULT_OK_ERROR)
		reply->status = 200;
	if (fault->retry_after_s >= 0)
		reply_header_printf(reply, "Retry-After", "%d", fault->retry_after_s);
	sign_reply(c);
}

static void end(struct request *req)
{
	struct s3_call *c = req->state;

	if (!c)
		return;
	headers_free(&c->trailers);
	free(c->path);
	free(c->names);
	free(c);
}

void s3_not_implemented(struct s3_call *c)
{
	s3_fail(c, S3_NOT_IMPLEMENTED);
}

const struct dialect s3_dialect = {
	.name = "s3",
	.verbs = verbs,
	.begin = begin,
	.settle = settle,
	.handle = handle,
	.fault = fault,
	.end = end,
};
