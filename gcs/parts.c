// SPDX-License-Identifier: Apache-2.0
/*
 * Uploads in parts. The service's own (resumable sessions) take bytes in order, one request at a
 * time, and those of the XML API know no conditions when they are completed. So each part is an
 * object of its own, hidden below GCS_PARTS, that is composed into the real one and then deleted:
 * compose.c. Its id is the version that was stored, and what the whole is known by if the answer to
 * its completion is lost: VERSION CRC32C "," SIZE "," NAME.
 *
 * What is kept of an object that is appended to is the whole of it, as one part: there is no copy
 * of a range.
 */
#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/http/range.h"
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

static int set_id(struct store_call *call, const char *crc32c, const char *name)
{
	if (asprintf(&call->part_id, "%s%s,%" PRIu64 ",%s", call->object.etag, crc32c,
		     call->object.size, name) >= 0)
		return 0;
	call->part_id = NULL;
	return -ENOMEM;
}

int gcs_parts_parse(struct store_call *call, const struct store_answer *answer,
		    struct store_check *check)
{
	int ret = gcs_put_parse(call, answer, check);

	return ret ? ret : set_id(call, check->text, "");
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
	struct store_check kept = {0};
	int ret = gcs_resource_parse(call, answer, &kept);

	(void)check;
	if (!ret && call->from_etag && strcmp(call->object.etag, call->from_etag) != 0)
		ret = -ESTALE;
	if (!ret && ((call->length && call->length != call->object.size) ||
		     (call->from_sum && strcmp(call->from_sum, kept.text) != 0)))
		ret = -EOPNOTSUPP;
	return ret ? ret : set_id(call, kept.text, call->from_key);
}

/* A CRC32C in base64. */
static int read_sum(const char *text, size_t len, uint32_t *out)
{
	uint8_t raw[6];

	if (len != 8 || EVP_DecodeBlock(raw, (const unsigned char *)text, 8) != sizeof(raw))
		return -EINVAL;
	*out = (uint32_t)raw[0] << 24 | (uint32_t)raw[1] << 16 | (uint32_t)raw[2] << 8 | raw[3];
	return 0;
}

int gcs_parts_read(const char *id, struct gcs_part *out)
{
	const char *end = id[0] == '"' ? strchr(id + 1, '"') : NULL;
	const char *comma = end ? strchr(end, ',') : NULL;
	const char *name = comma ? strchr(comma + 1, ',') : NULL;
	char size[32];

	*out = (struct gcs_part){.name = ""};
	if (!end || end - id >= STORE_ETAG_BYTES - 1 || (end[1] && !name))
		return -EINVAL;
	snprintf(out->etag, sizeof(out->etag), "%.*s", (int)(end - id + 1), id);
	if (!name)
		return 0;
	out->name = name + 1;
	snprintf(size, sizeof(size), "%.*s", (int)(name - comma - 1), comma + 1);
	out->has_sum = !range_parse_number(size, &out->size) &&
		       !read_sum(end + 1, (size_t)(comma - end - 1), &out->crc32c);
	return 0;
}
