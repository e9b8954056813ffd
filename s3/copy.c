// SPDX-License-Identifier: Apache-2.0
/*
 * CopyObject. The service answers 200 as soon as it begins; an error that it meets later is the
 * body.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/http/date.h"
#include "core/http/xml.h"
#include "s3/s3.h"

#define SOURCE_BYTES (3 * (S3_KEY_BYTES + S3_BUCKET_BYTES) + 2) /* escaped, with NUL */

/* RADOS Gateway heeds the condition under a name of its own only, and that of a CopyObject only. */
static int add_condition(const struct store_call *call, const struct store_site *site,
			 struct header_list *fields)
{
	int ret = header_add(fields, "x-amz-copy-source-if-match", call->from_etag);

	return ret || s3_site_is_amazon(site)
		       ? ret
		       : header_add(fields, "x-amz-copy-if-match", call->from_etag);
}

int s3_copy_source(const struct store_call *call, const struct store_site *site,
		   struct header_list *fields)
{
	SCOPE_BUFFER struct buffer source = BUFFER_INIT(SOURCE_BYTES);
	const char *bucket = call->from_bucket;
	const char *key = call->from_key;
	int ret;

	if (!bucket || !key || !key[0] || !bucket[0] || strchr(bucket, '/'))
		return -EINVAL;
	if (strlen(key) > S3_KEY_BYTES || strlen(bucket) > S3_BUCKET_BYTES)
		return -ENAMETOOLONG;
	if (site->from_alias[0])
		bucket = site->from_alias;
	ret = uri_encode(&source, bucket, strlen(bucket), true);
	if (!ret)
		ret = buffer_add_text(&source, site->from_alias[0] ? "/object/" : "/");
	if (!ret)
		ret = uri_encode(&source, key, strlen(key), true);
	if (!ret)
		ret = header_add(fields, "x-amz-copy-source", buffer_text(&source));
	if (!ret)
		ret = s3_encrypt_source(site, fields);
	if (!ret && call->from_etag && !site->source_seen)
		ret = add_condition(call, site, fields);
	return ret;
}

static bool is_onto_itself(const struct store_call *call)
{
	return call->from_bucket && call->from_key && !strcmp(call->bucket, call->from_bucket) &&
	       !strcmp(call->key, call->from_key);
}

int s3_copy_build(const struct store_call *call, const struct store_site *site,
		  struct store_request *out)
{
	bool replaces = call->set_user || call->set_fields;
	int ret;

	/* a copy of an object onto itself must change something */
	if (!call->bucket || !call->key || !call->key[0] || (is_onto_itself(call) && !replaces))
		return -EINVAL;
	out->method = "PUT";
	ret = s3_site_path(site, call->bucket, call->key, &out->target);
	if (!ret)
		ret = s3_copy_source(call, site, &out->fields);
	if (!ret)
		ret = s3_put_conditions(call, site, &out->fields);
	if (!ret && replaces)
		ret = header_add(&out->fields, "x-amz-metadata-directive", "REPLACE");
	if (!ret)
		ret = s3_encrypt_new(site, &out->fields);
	return ret ? ret : s3_meta_add(call, &out->fields);
}

struct result {
	const char *root;
	struct store_object object;
	bool seen_root;
};

static int on_begin(void *arg, const char *path)
{
	struct result *r = arg;

	r->seen_root |= !strcmp(path, r->root);
	return r->seen_root ? 0 : -EBADMSG;
}

static int on_end(void *arg, const char *path, const char *text)
{
	struct result *r = arg;
	const char *name = path + strlen(r->root);
	int64_t ns;

	if (!strcmp(name, "/ETag"))
		return s3_put_etag(text, r->object.etag);
	if (!strcmp(name, "/LastModified") && !date_parse_iso(text, &ns))
		r->object.mtime_ns = ns - ns % DATE_NS_PER_S; /* as HEAD will say it */
	return 0;
}

int s3_copy_result(struct store_call *call, const struct store_answer *answer, const char *root)
{
	struct result r = {.root = root};
	struct xml_visitor visitor = {.begin = on_begin, .end = on_end, .arg = &r};
	int ret;

	if (s3_fault_in_body(answer))
		return -EREMOTEIO;
	ret = xml_read(answer->body, answer->body_bytes, &visitor);
	if (ret)
		return ret;
	if (!r.object.etag[0])
		return -EBADMSG;
	call->object = r.object;
	return 0;
}

int s3_copy_parse(struct store_call *call, const struct store_answer *answer,
		  struct store_check *check)
{
	(void)check;
	return s3_copy_result(call, answer, "CopyObjectResult");
}

/* The copy of what was put whole has its ETag; of what came in parts the service makes up another.
 */
int s3_copy_expect(const struct store_call *call, const struct store_sums *sums,
		   char etag[STORE_ETAG_BYTES])
{
	(void)sums;
	if (!call->from_etag || !s3_object_is_md5(call->from_etag))
		return -ENOENT;
	strcpy(etag, call->from_etag);
	return 0;
}
