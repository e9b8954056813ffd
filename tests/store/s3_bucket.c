/* SPDX-License-Identifier: Apache-2.0 */
/* Verbs on buckets. */
#include "tests/store/s3.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/store/bucket.h"
#include "tests/store/s3_xml.h"
#include "tests/store/scope.h"

#define DEFAULT_REGION "us-east-1" /* the one that S3 calls by no name */

static void put_owner(struct buf *out)
{
	buf_str(out, "<Owner><ID>skyshim</ID><DisplayName>skyshim</DisplayName></Owner>");
}

void s3_list_buckets(struct s3_call *c)
{
	SCOPE_FREE struct bucket_info *list = NULL;
	struct buf *out = &c->reply->text;
	long count = bucket_list(&list);

	if (count < 0) {
		s3_fail(c, S3_INTERNAL);
		return;
	}
	s3_xml_begin(c, "ListAllMyBucketsResult");
	put_owner(out);
	buf_str(out, "<Buckets>");
	for (long i = 0; i < count; i++) {
		buf_str(out, "<Bucket>");
		buf_xml_element(out, "Name", list[i].name);
		s3_xml_date(out, "CreationDate", list[i].created_s);
		buf_str(out, "</Bucket>");
	}
	buf_str(out, "</Buckets>");
	s3_xml_end(c, "ListAllMyBucketsResult");
}

void s3_create_bucket(struct s3_call *c)
{
	SCOPE_FREE char *region = NULL;
	int err = 0;

	if (c->req->body_bytes && s3_xml_location(c->req->body, c->req->body_bytes, &region)) {
		s3_fail(c, S3_MALFORMED_XML);
		return;
	}
	err = bucket_create(c->bucket, region ? region : settings.region);
	if (err == -EEXIST)
		s3_fail(c, S3_BUCKET_EXISTS);
	else if (err == -EINVAL)
		s3_fail(c, S3_INVALID_BUCKET_NAME);
	else if (err)
		s3_fail(c, err == -EMFILE ? S3_TOO_MANY_BUCKETS : S3_INTERNAL);
	if (err)
		return;
	c->reply->status = 200;
	reply_header_printf(c->reply, "Location", "/%s", c->bucket);
}

void s3_delete_bucket(struct s3_call *c)
{
	int err = bucket_delete(c->bucket);

	if (err)
		s3_fail(c, s3_error_of(err));
	else
		c->reply->status = 204;
}

void s3_head_bucket(struct s3_call *c)
{
	struct bucket_info info;

	if (bucket_lookup(c->bucket, &info)) {
		s3_fail(c, S3_NO_SUCH_BUCKET);
		return;
	}
	c->reply->status = 200;
	reply_header(c->reply, "x-amz-bucket-region", info.region);
}

void s3_get_bucket_location(struct s3_call *c)
{
	struct bucket_info info;

	if (bucket_lookup(c->bucket, &info)) {
		s3_fail(c, S3_NO_SUCH_BUCKET);
		return;
	}
	s3_xml_begin(c, "LocationConstraint");
	if (strcmp(info.region, DEFAULT_REGION) != 0)
		buf_xml(&c->reply->text, info.region, strlen(info.region));
	s3_xml_end(c, "LocationConstraint");
}

/* Never switched on. */
void s3_get_bucket_versioning(struct s3_call *c)
{
	struct bucket_info info;

	if (bucket_lookup(c->bucket, &info)) {
		s3_fail(c, S3_NO_SUCH_BUCKET);
		return;
	}
	s3_xml_begin(c, "VersioningConfiguration");
	s3_xml_end(c, "VersioningConfiguration");
}

/* One <Deleted> or <Error> of DeleteObjects' answer. */
static void delete_one(struct s3_call *c, const struct s3_xml_key *k, bool quiet, struct buf *out)
{
	char bare[OBJECT_ETAG_BYTES];
	struct object_condition condition = {0};
	int err;

	if (k->etag) {
		s3_etag_bare(k->etag, bare);
		condition.if_match = bare;
	}
	err = objects_delete(c->bucket, k->key, strlen(k->key), &condition);
	if (!err && quiet)
		return;
	buf_str(out, err ? "<Error>" : "<Deleted>");
	buf_xml_element(out, "Key", k->key);
	if (err) {
		buf_xml_element(out, "Code", s3_error_code(s3_error_of(err)));
		buf_xml_element(out, "Message", s3_error_message(s3_error_of(err)));
	}
	buf_str(out, err ? "</Error>" : "</Deleted>");
}

static bool has_digest(const struct s3_call *c)
{
	static const char *const names[] = {
		"Content-MD5",		 "x-amz-checksum-crc32",
		"x-amz-checksum-crc32c", "x-amz-checksum-crc64nvme",
		"x-amz-checksum-sha1",	 "x-amz-checksum-sha256",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (s3_header(c, names[i]))
			return true;
	}
	return c->trailers.count > 0;
}

void s3_delete_objects(struct s3_call *c)
{
	struct s3_xml_keys keys;
	struct bucket_info info;

	if (bucket_lookup(c->bucket, &info)) {
		s3_fail(c, S3_NO_SUCH_BUCKET);
		return;
	}
	if (!has_digest(c)) {
		s3_fail_with(c, S3_INVALID_REQUEST, "Message",
			     "Missing required header for this request: Content-MD5", NULL);
		return;
	}
	if (s3_xml_delete(c->req->body, c->req->body_bytes, &keys)) {
		s3_fail(c, S3_MALFORMED_XML);
		return;
	}
	s3_xml_begin(c, "DeleteResult");
	for (size_t i = 0; i < keys.count; i++)
		delete_one(c, &keys.items[i], keys.quiet, &c->reply->text);
	s3_xml_end(c, "DeleteResult");
	s3_xml_keys_free(&keys);
}
