// SPDX-License-Identifier: Apache-2.0
/* The table that is Google Cloud Storage. */
#include <errno.h>
#include <stdio.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "gcs/gcs.h"

static int sign(const struct store_site *site, const struct creds *creds, int64_t now_s,
		struct store_request *request)
{
	char *value;
	int ret;

	(void)site, (void)now_s;
	if (asprintf(&value, "Bearer %s", creds->token) < 0)
		return -ENOMEM;
	ret = header_add(&request->fields, "Authorization", value);
	OPENSSL_cleanse(value, strlen(value));
	free(value);
	return ret == -EINVAL ? -EACCES : ret;
}

const struct store_ops gcs_ops = {
	.scheme = "gs",
	.copies_whole = true,
	.keeps_whole = true,
	.meta_bytes = GCS_META_BYTES,
	.sums_crc32c = true,
	.looks_first = true,
	.begins = gcs_list_begins,
	.holds = gcs_site_holds,
	.verb[STORE_HEAD] = {.build = gcs_object_build_head, .parse = gcs_object_parse_head},
	.verb[STORE_GET] = {.build = gcs_object_build_get, .parse = gcs_object_parse_get},
	.verb[STORE_LIST] = {.build = gcs_list_build, .parse = gcs_list_parse},
	.verb[STORE_BUCKETS] = {.build = gcs_list_build_buckets, .parse = gcs_list_parse_buckets},
	.verb[STORE_PUT] = {.build = gcs_put_build,
			    .parse = gcs_put_parse,
			    .expect = gcs_put_expect,
			    .streams = true},
	.verb[STORE_DELETE] = {.build = gcs_remove_build, .parse = gcs_remove_parse},
	.verb[STORE_DELETE_MANY] = {.build = gcs_remove_build_many,
				    .parse = gcs_remove_parse_many,
				    .works = true},
	.verb[STORE_COPY] = {.build = gcs_copy_build,
			     .parse = gcs_copy_parse,
			     .expect = gcs_put_unknown,
			     .look = gcs_copy_build_look,
			     .made = gcs_copy_made,
			     .works = true},
	.verb[STORE_MULTIPART_BEGIN] = {.local = gcs_parts_begin},
	.verb[STORE_PART] = {.build = gcs_parts_build, .parse = gcs_parts_parse, .streams = true},
	.verb[STORE_PART_COPY] = {.build = gcs_parts_build_keep, .parse = gcs_parts_parse_keep},
	.verb[STORE_COMPLETE] = {.build = gcs_compose_build,
				 .parse = gcs_compose_parse,
				 .expect = gcs_put_unknown,
				 .look = gcs_compose_build_look,
				 .made = gcs_compose_made,
				 .works = true},
	.verb[STORE_ABORT] = {.build = gcs_compose_build_abort, .parse = gcs_compose_parse_abort},
	.verb[STORE_UPLOADS] = {.local = gcs_parts_none},
	.locate = gcs_site_locate,
	.sign = sign,
	.fault = gcs_fault_parse,
	.identity = gcs_object_identity,
	.request_id = gcs_fault_request_id,
};
