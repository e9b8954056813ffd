// SPDX-License-Identifier: Apache-2.0
/*
 * Multipart uploads: CreateMultipartUpload, UploadPart, UploadPartCopy, CompleteMultipartUpload,
 * AbortMultipartUpload. Completing answers 200 as soon as it begins, as copying does.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/http/xml.h"
#include "core/scope.h"
#include "s3/s3.h"

#define UPLOAD_ID_BYTES 2048 /* more than any service's, with NUL */
#define RANGE_BYTES	64

static int add_path(const struct store_call *call, const struct store_site *site,
		    struct buffer *target)
{
	if (!call->bucket || !call->key || !call->key[0])
		return -EINVAL;
	return s3_site_path(site, call->bucket, call->key, target);
}

static int add_upload(const struct store_call *call, struct buffer *target)
{
	int ret;

	if (!call->upload || !call->upload[0] || strlen(call->upload) >= UPLOAD_ID_BYTES)
		return -EINVAL;
	ret = uri_add_query(target, "uploadId", call->upload);
	return ret == -EMSGSIZE ? -ENAMETOOLONG : ret;
}

int s3_upload_build_begin(const struct store_call *call, const struct store_site *site,
			  struct store_request *out)
{
	int ret = add_path(call, site, &out->target);

	out->method = "POST";
	if (!ret)
		ret = uri_add_query(&out->target, "uploads", "");
	if (!ret)
		ret = s3_encrypt_new(site, &out->fields);
	return ret ? ret : s3_meta_add(call, &out->fields);
}

static int on_begin_end(void *arg, const char *path, const char *text)
{
	char **id = arg;

	if (strcmp(path, "InitiateMultipartUploadResult/UploadId") != 0 || *id)
		return 0;
	if (!text[0] || strlen(text) >= UPLOAD_ID_BYTES)
		return -EBADMSG;
	*id = strdup(text);
	return *id ? 0 : -ENOMEM;
}

int s3_upload_parse_begin(struct store_call *call, const struct store_answer *answer,
			  struct store_check *check)
{
	SCOPE_FREE char *id = NULL;
	struct xml_visitor visitor = {.end = on_begin_end, .arg = &id};
	int ret = xml_read(answer->body, answer->body_bytes, &visitor);

	(void)check;
	if (!ret && !id)
		ret = -EBADMSG;
	if (!ret)
		call->upload_id = take_ptr(&id);
	return ret;
}

/* What the two ways to make a part have in common. */
static int start_part(const struct store_call *call, const struct store_site *site,
		      struct store_request *out)
{
	char number[16];
	int ret = add_path(call, site, &out->target);

	out->method = "PUT";
	if (!call->part || call->part > STORE_PART_MAX)
		return -EINVAL;
	snprintf(number, sizeof(number), "%u", call->part);
	if (!ret)
		ret = uri_add_query(&out->target, "partNumber", number);
	if (!ret)
		ret = add_upload(call, &out->target);
	return ret ? ret : s3_encrypt_access(site, &out->fields);
}

int s3_upload_build_part(const struct store_call *call, const struct store_site *site,
			 struct store_request *out)
{
	int ret = start_part(call, site, out);

	return ret ? ret : s3_put_source(call, out);
}

int s3_upload_build_part_copy(const struct store_call *call, const struct store_site *site,
			      struct store_request *out)
{
	char range[RANGE_BYTES];
	int ret;

	/* this service has no "to the end" here */
	if ((call->offset && !call->length) || call->length > UINT64_MAX - call->offset)
		return -EINVAL;
	if (call->length > S3_PUT_MAX)
		return -EFBIG;
	if (site->quirks & STORE_QUIRK_NO_PART_COPY)
		return -EOPNOTSUPP;
	ret = start_part(call, site, out);
	if (!ret)
		ret = s3_copy_source(call, site, &out->fields);
	if (ret || !call->length)
		return ret;
	snprintf(range, sizeof(range), "bytes=%" PRIu64 "-%" PRIu64, call->offset,
		 call->offset + call->length - 1);
	return header_add(&out->fields, "x-amz-copy-source-range", range);
}

int s3_upload_parse_part_copy(struct store_call *call, const struct store_answer *answer,
			      struct store_check *check)
{
	(void)check;
	return s3_copy_result(call, answer, "CopyPartResult");
}

static int add_part(struct buffer *body, const struct store_part *part)
{
	int ret = buffer_addf(body, "<Part><PartNumber>%u</PartNumber><ETag>", part->number);

	if (!ret)
		ret = xml_add_text(body, part->etag);
	return ret ? ret : buffer_add_text(body, "</ETag></Part>");
}

static bool are_in_order(const struct store_call *call)
{
	unsigned last = 0;

	for (size_t i = 0; i < call->part_count; i++) {
		if (call->parts[i].number <= last || call->parts[i].number > STORE_PART_MAX)
			return false;
		last = call->parts[i].number;
	}
	return last > 0;
}

int s3_upload_build_complete(const struct store_call *call, const struct store_site *site,
			     struct store_request *out)
{
	int ret = add_path(call, site, &out->target);

	if (!are_in_order(call))
		return -EINVAL;
	out->method = "POST";
	if (!ret)
		ret = add_upload(call, &out->target);
	if (!ret)
		ret = buffer_add_text(&out->body,
				      "<CompleteMultipartUpload "
				      "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
	for (size_t i = 0; i < call->part_count && !ret; i++)
		ret = add_part(&out->body, &call->parts[i]);
	if (!ret)
		ret = buffer_add_text(&out->body, "</CompleteMultipartUpload>");
	return ret ? ret : s3_put_conditions(call, site, &out->fields);
}

int s3_upload_parse_complete(struct store_call *call, const struct store_answer *answer,
			     struct store_check *check)
{
	(void)check;
	return s3_copy_result(call, answer, "CompleteMultipartUploadResult");
}

static uint8_t nibble(char c)
{
	return (uint8_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

/* The MD5 of the parts' MD5s and their number, where each part's ETag is its MD5. */
int s3_upload_expect(const struct store_call *call, const struct store_sums *sums,
		     char etag[STORE_ETAG_BYTES])
{
	struct digest_run run = {0};
	uint8_t digest[DIGEST_MAX_BYTES];
	char hex[DIGEST_HEX_BYTES];
	int ret = digest_run_start(&run, DIGEST_MD5);

	(void)sums;
	for (size_t i = 0; i < call->part_count && !ret; i++) {
		const char *part = call->parts[i].etag;

		if (!s3_object_is_md5(part)) {
			ret = -ENOENT;
			break;
		}
		for (int j = 0; j < DIGEST_MD5_BYTES; j++)
			digest[j] =
				(uint8_t)(nibble(part[1 + 2 * j]) << 4 | nibble(part[2 + 2 * j]));
		ret = digest_run_add(&run, digest, DIGEST_MD5_BYTES);
	}
	if (!ret)
		ret = digest_run_end(&run, digest);
	digest_run_drop(&run);
	if (ret < 0)
		return -ENOENT;
	digest_hex(digest, DIGEST_MD5_BYTES, hex);
	snprintf(etag, STORE_ETAG_BYTES, "\"%s-%zu\"", hex, call->part_count);
	return 0;
}

int s3_upload_build_abort(const struct store_call *call, const struct store_site *site,
			  struct store_request *out)
{
	int ret = add_path(call, site, &out->target);

	out->method = "DELETE";
	return ret ? ret : add_upload(call, &out->target);
}

int s3_upload_parse_abort(struct store_call *call, const struct store_answer *answer,
			  struct store_check *check)
{
	(void)call, (void)answer, (void)check;
	return 0;
}
