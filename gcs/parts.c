// SPDX-License-Identifier: Apache-2.0
/*
 * Uploads in parts. The service's own (resumable sessions) take bytes in order, one request at a
 * time, and those of the XML API know no conditions when they are completed. So each part is an
 * object of its own, hidden below GCS_PARTS, that is composed into the real one and then deleted:
 * compose.c. Its id is the version that was stored.
 *
 * What is kept of an object that is appended to is the whole of it, as one part: there is no copy
 * of a range.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gcs/gcs.h"

#define UPLOAD_LEN 16 /* hex digits */
#define PART_BYTES 64 /* of a part's name */

int gcs_parts_begin(struct store_call *call)
{
	uint64_t number = (uint64_t)arc4random() << 32 | arc4random();

	if (asprintf(&call->upload_id, "%016" PRIx64, number) >= 0)
		return 0;
	call->upload_id = NULL;
	return -ENOMEM;
}

int gcs_parts_none(struct store_call *call)
{
	(void)call;
	return 0;
}

bool gcs_parts_is_upload(const char *upload)
{
	return upload && strlen(upload) == UPLOAD_LEN &&
	       strspn(upload, "0123456789abcdef") == UPLOAD_LEN;
}

int gcs_parts_build(const struct store_call *call, const struct store_site *site,
		    struct store_request *out)
{
	char name[PART_BYTES];

	if (!call->key || !call->key[0] || !gcs_parts_is_upload(call->upload) || !call->part ||
	    call->part > STORE_PART_MAX)
		return -EINVAL;
	if (call->source.bytes > GCS_OBJECT_MAX)
		return -EFBIG;
	snprintf(name, sizeof(name), GCS_PARTS "%s/%05u", call->upload, call->part);
	return gcs_put_upload(call, site, name, json_object(), out);
}

int gcs_parts_parse(struct store_call *call, const struct store_answer *answer,
		    struct store_check *check)
{
	return gcs_put_parse(call, answer, check);
}

int gcs_parts_build_keep(const struct store_call *call, const struct store_site *site,
			 struct store_request *out)
{
	struct store_call head = *call;

	if (!call->key || !call->key[0] || !call->from_bucket || !call->from_key)
		return -EINVAL;
	/* what is composed lies in one bucket, and goes from the first byte to the last */
	if (strcmp(call->bucket, call->from_bucket) != 0 || call->offset)
		return -EOPNOTSUPP;
	head.key = call->from_key;
	head.if_match = call->from_etag;
	head.if_none_match = NULL;
	return gcs_object_build_head(&head, site, out);
}

int gcs_parts_parse_keep(struct store_call *call, const struct store_answer *answer,
			 struct store_check *check)
{
	struct store_check unused = {0};
	int ret = gcs_resource_parse(call, answer, &unused);

	(void)check;
	if (!ret && call->from_etag && strcmp(call->object.etag, call->from_etag) != 0)
		ret = -ESTALE;
	if (!ret && call->length && call->length != call->object.size)
		ret = -EOPNOTSUPP;
	if (!ret && asprintf(&call->part_id, "%s%s", call->object.etag, call->from_key) < 0) {
		call->part_id = NULL;
		ret = -ENOMEM;
	}
	return ret;
}
