// SPDX-License-Identifier: Apache-2.0
/* The table that is S3. */
#include <string.h>

#include "s3/s3.h"
#include "core/sigv4.h"

/* What stands for the body in the signature. Over TLS the bytes of an object that goes whole are
 * not signed: TLS carries them unchanged, and Content-MD5, which is signed, says what they are.
 * Over plain http they are, as S3 wants, and those of parts always, which have no MD5. */
static int body_hash(const struct store_request *request, char out[DIGEST_HEX_BYTES])
{
	const char *known = request->streams ? request->sums->sha256 : SIGV4_EMPTY_BODY;

	if (!request->streams && request->body.len)
		return digest_sha256_hex(request->body.data, request->body.len, out);
	strcpy(out, known[0] ? known : "UNSIGNED-PAYLOAD");
	return 0;
}

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
	char hash[DIGEST_HEX_BYTES];
	struct sigv4_subject subject = {
		.method = request->method,
		.host = site->host,
		.target = buffer_text(&request->target),
		.body_hash = hash,
	};
	int ret = body_hash(request, hash);

	if (!ret)
		ret = header_add(&request->fields, "X-Amz-Content-Sha256", hash);
	if (!ret && site->requester_pays)
		ret = header_add(&request->fields, "X-Amz-Request-Payer", "requester");
	if (!ret)
		ret = s3_encrypt_sign(creds, &request->fields);
	return ret ? ret : sigv4_sign(&key, &subject, now_s, &request->fields);
}

const struct store_ops s3_ops = {
	.scheme = "s3",
	.begins = s3_list_begins,
	.signs_bodies = true,
	.meta_bytes = S3_META_BYTES,
	.verb[STORE_HEAD] = {.build = s3_object_build_head, .parse = s3_object_parse_head},
	.verb[STORE_GET] = {.build = s3_object_build_get, .parse = s3_object_parse_get},
	.verb[STORE_LIST] = {.build = s3_list_build, .parse = s3_list_parse},
	.verb[STORE_BUCKETS] = {.build = s3_list_build_buckets, .parse = s3_list_parse_buckets},
	.verb[STORE_PUT] = {.build = s3_put_build,
			    .parse = s3_put_parse,
			    .expect = s3_put_expect,
			    .streams = true},
	.verb[STORE_DELETE] = {.build = s3_remove_build, .parse = s3_remove_parse},
	.verb[STORE_DELETE_MANY] = {.build = s3_remove_build_many,
				    .parse = s3_remove_parse_many,
				    .works = true},
	.verb[STORE_COPY] = {.build = s3_copy_build,
			     .parse = s3_copy_parse,
			     .expect = s3_copy_expect,
			     .works = true},
	.verb[STORE_MULTIPART_BEGIN] = {.build = s3_upload_build_begin,
					.parse = s3_upload_parse_begin},
	.verb[STORE_PART] = {.build = s3_upload_build_part,
			     .parse = s3_put_parse,
			     .streams = true,
			     .signs = true},
	.verb[STORE_PART_COPY] = {.build = s3_upload_build_part_copy,
				  .parse = s3_upload_parse_part_copy,
				  .works = true},
	.verb[STORE_COMPLETE] = {.build = s3_upload_build_complete,
				 .parse = s3_upload_parse_complete,
				 .expect = s3_upload_expect,
				 .works = true},
	.verb[STORE_ABORT] = {.build = s3_upload_build_abort, .parse = s3_upload_parse_abort},
	.verb[STORE_UPLOADS] = {.build = s3_list_build_uploads, .parse = s3_list_parse_uploads},
	.locate = s3_site_locate,
	.sign = sign,
	.fault = s3_fault_parse,
	.identity = s3_object_identity,
	.request_id = s3_fault_request_id,
};
