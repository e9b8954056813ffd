// SPDX-License-Identifier: Apache-2.0
/* The table that is S3. */
#include <string.h>

#include "s3/s3.h"
#include "s3/sigv4.h"

static int sign(const struct store_site *site, const struct creds *creds, int64_t now_s,
		struct store_request *request)
{
	struct sigv4_key key = {
		.id = creds->id,
		.secret = creds->secret,
		.token = creds->token,
		.region = site->region,
		.service = "s3",
	};
	struct sigv4_subject subject = {
		.method = request->method,
		.host = site->host,
		.target = buffer_text(&request->target),
		.body_hash = SIGV4_EMPTY_BODY,
	};
	int ret = header_add(&request->fields, "X-Amz-Content-Sha256", SIGV4_EMPTY_BODY);

	return ret ? ret : sigv4_sign(&key, &subject, now_s, &request->fields);
}

const struct store_ops s3_ops = {
	.scheme = "s3",
	.verb[STORE_HEAD] = {s3_object_build_head, s3_object_parse_head},
	.verb[STORE_GET] = {s3_object_build_get, s3_object_parse_get},
	.verb[STORE_LIST] = {s3_list_build, s3_list_parse},
	.verb[STORE_BUCKETS] = {s3_list_build_buckets, s3_list_parse_buckets},
	.locate = s3_site_locate,
	.sign = sign,
	.fault = s3_fault_parse,
	.request_id = s3_fault_request_id,
};
