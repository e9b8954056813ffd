/* SPDX-License-Identifier: Apache-2.0 */
/* Multipart uploads. */
#include "tests/store/s3.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/store/precondition.h"
#include "tests/store/s3_lacks.h"
#include "tests/store/s3_checksum.h"
#include "tests/store/s3_xml.h"
#include "tests/store/scope.h"
#include "tests/store/uploads.h"

#define COPY_DIGEST_MAX (64ull << 20)
#define PART_BYTES_MAX	(5ull << 30)

static enum s3_error error_of(int err)
{
	switch (err) {
	case -ENOENT:
		return S3_NO_SUCH_UPLOAD;
	case -EINVAL:
		return S3_INVALID_PART;
	case -ERANGE:
		return S3_ENTITY_TOO_SMALL;
	case -ESRCH:
		return S3_NO_SUCH_KEY;
	default:
		return s3_error_of(err);
	}
}

static const char *upload_id(const struct s3_call *c)
{
	return s3_param(c, "uploadId");
}

void s3_create_upload(struct s3_call *c)
{
	struct buf *out = &c->reply->text;
	const char *algorithm = s3_header(c, "x-amz-checksum-algorithm");
	struct headers headers = {0};
	char id[UPLOAD_ID_BYTES];
	enum s3_error err = s3_take_headers(c, &headers);

	if (!err)
		err = error_of(uploads_create(c->bucket, c->key, &headers, id));
	if (err) {
		s3_fail(c, err);
		return;
	}
	if (algorithm)
		reply_header(c->reply, "x-amz-checksum-algorithm", algorithm);
	s3_xml_begin(c, "InitiateMultipartUploadResult");
	buf_xml_element(out, "Bucket", c->bucket);
	buf_xml_element(out, "Key", c->key);
	buf_xml_element(out, "UploadId", id);
	s3_xml_end(c, "InitiateMultipartUploadResult");
}

/* False: refused, the reply is filled. */
static bool part_number(struct s3_call *c, unsigned *out)
{
	uint64_t number;

	if (!s3_param_number(c, "partNumber", UPLOAD_PARTS_MAX, 0, &number) || !number) {
		s3_fail_with(c, S3_INVALID_ARGUMENT, "Message",
			     "Part number must be an integer between 1 and 10000, inclusive",
			     "ArgumentName", "partNumber", NULL);
		return false;
	}
	*out = (unsigned)number;
	return true;
}

static void echo_checksums(struct s3_call *c, const struct headers *from)
{
	for (size_t i = 0; i < from->count; i++) {
		if (!strncasecmp(from->items[i].name, S3_CHECKSUM_PREFIX,
				 strlen(S3_CHECKSUM_PREFIX)))
			reply_header(c->reply, from->items[i].name, from->items[i].value);
	}
}

void s3_upload_part(struct s3_call *c)
{
	struct request *req = c->req;
	struct content *content;
	char etag[OBJECT_ETAG_BYTES];
	unsigned number;
	int err;

	if (!part_number(c, &number))
		return;
	content = s3_take_body(c);
	if (!content) {
		s3_fail(c, S3_INTERNAL);
		return;
	}
	s3_sigv4_hex(req->md5, sizeof(req->md5), etag);
	err = uploads_put_part(c->bucket, c->key, upload_id(c), number, content, etag);
	if (err) {
		s3_fail(c, error_of(err));
		return;
	}
	c->reply->status = 200;
	reply_header_printf(c->reply, "ETag", "\"%s\"", etag);
	echo_checksums(c, &req->headers);
	echo_checksums(c, &c->trailers);
}

/* The part of the source that x-amz-copy-source-range asks for, or all of it. NULL: refused, or no
 * memory, and the reply is filled. */
static struct content *copied_range(struct s3_call *c, const struct object *from)
{
	const char *range = s3_header(c, "x-amz-copy-source-range");
	uint64_t size = content_bytes(from->content);
	uint64_t offset = 0, bytes = size;
	const char *dash = range ? strchr(range, '-') : NULL;
	struct content *slice;

	/* Here S3 takes only "bytes=FIRST-LAST", and LAST must lie inside. */
	if (range && (precondition_range(range, size, &offset, &bytes) != RANGE_GIVEN || !dash ||
		      dash == range + 6 || strtoull(dash + 1, NULL, 10) != offset + bytes - 1)) {
		s3_fail_with(c, S3_INVALID_ARGUMENT, "Message",
			     "The x-amz-copy-source-range value must be of the form "
			     "bytes=first-last where first and last are the zero-based offsets of "
			     "the first and last bytes to copy",
			     "ArgumentName", "x-amz-copy-source-range", "ArgumentValue", range,
			     NULL);
		return NULL;
	}
	if (bytes > PART_BYTES_MAX) {
		s3_fail(c, S3_ENTITY_TOO_LARGE);
		return NULL;
	}
	slice = content_slice(from->content, offset, bytes);
	if (!slice)
		s3_fail(c, S3_INTERNAL);
	return slice;
}

/* Of a large copy not a digest of the bytes, for speed, but one of what they are. */
static int copy_digest(struct s3_call *c, const struct object *from, struct content *slice,
		       char *etag)
{
	const char *range = s3_header(c, "x-amz-copy-source-range");
	uint64_t hash[2] = {0xcbf29ce484222325, 0x84222325cbf29ce4};

	if (content_bytes(slice) <= COPY_DIGEST_MAX)
		return content_digest(slice, "MD5", etag, OBJECT_ETAG_BYTES);
	for (const char *s = from->etag; *s; s++)
		hash[0] = (hash[0] ^ (unsigned char)*s) * 0x100000001b3;
	for (const char *s = range ? range : ""; *s; s++)
		hash[1] = (hash[1] ^ (unsigned char)*s) * 0x100000001b3;
	snprintf(etag, OBJECT_ETAG_BYTES, "%016" PRIx64 "%016" PRIx64, hash[0], hash[1]);
	return 0;
}

static void part_from(struct s3_call *c, unsigned number, const struct object *from)
{
	struct content *slice = copied_range(c, from);
	char etag[OBJECT_ETAG_BYTES];
	int err;

	if (!slice)
		return;
	err = copy_digest(c, from, slice, etag);
	if (err)
		content_put(slice);
	else
		err = uploads_put_part(c->bucket, c->key, upload_id(c), number, slice, etag);
	if (err) {
		s3_fail(c, error_of(err));
		return;
	}
	s3_xml_begin(c, "CopyPartResult");
	s3_xml_date(&c->reply->text, "LastModified", from->mtime_s);
	buf_printf(&c->reply->text, "<ETag>&quot;%s&quot;</ETag>", etag);
	s3_xml_end(c, "CopyPartResult");
}

void s3_upload_part_copy(struct s3_call *c)
{
	struct s3_source source;
	struct object *from;
	unsigned number;
	enum s3_error err;

	if (!part_number(c, &number))
		return;
	err = s3_source_parse(c, &source);
	if (err) {
		s3_fail(c, err);
		return;
	}
	if (s3_source_open(c, &source, &from)) {
		part_from(c, number, from);
		object_put(from);
	}
	free(source.text);
}

static void put_part(struct buf *out, const struct upload_part *p)
{
	buf_str(out, "<Part>");
	s3_xml_number(out, "PartNumber", p->number);
	s3_xml_date(out, "LastModified", p->mtime_s);
	buf_printf(out, "<ETag>&quot;%s&quot;</ETag>", p->etag);
	s3_xml_number(out, "Size", p->bytes);
	buf_str(out, "</Part>");
}

void s3_list_parts(struct s3_call *c)
{
	SCOPE_FREE struct upload_part *parts = NULL;
	struct buf *out = &c->reply->text;
	uint64_t marker, max, last = 0;
	long count, from = 0;
	bool more;

	if (!s3_param_number(c, "part-number-marker", INT32_MAX, 0, &marker) ||
	    !s3_param_number(c, "max-parts", INT32_MAX, S3_LIST_MAX, &max)) {
		s3_fail(c, S3_INVALID_ARGUMENT);
		return;
	}
	if (max > S3_LIST_MAX)
		max = S3_LIST_MAX;
	count = uploads_parts(c->bucket, c->key, upload_id(c), &parts);
	if (count < 0) {
		s3_fail(c, error_of((int)count));
		return;
	}
	while (from < count && parts[from].number <= marker)
		from++;
	more = (uint64_t)(count - from) > max;
	if (more)
		count = from + (long)max;

	s3_xml_begin(c, "ListPartsResult");
	buf_xml_element(out, "Bucket", c->bucket);
	buf_xml_element(out, "Key", c->key);
	buf_xml_element(out, "UploadId", upload_id(c));
	s3_xml_number(out, "PartNumberMarker", marker);
	for (; from < count; from++) {
		put_part(out, &parts[from]);
		last = parts[from].number;
	}
	s3_xml_number(out, "NextPartNumberMarker", last);
	s3_xml_number(out, "MaxParts", max);
	buf_xml_element(out, "IsTruncated", more ? "true" : "false");
	buf_str(out, "<StorageClass>STANDARD</StorageClass>");
	s3_xml_end(c, "ListPartsResult");
}

/* Whether an upload comes behind the markers; with a key marker alone, its own key is behind us
 * too. */
static bool behind(const struct upload_info *u, const char *key_marker, const char *id_marker)
{
	int order = strcmp(u->key, key_marker);

	if (order)
		return order > 0;
	return *id_marker && strcmp(u->id, id_marker) > 0;
}

void s3_list_uploads(struct s3_call *c)
{
	struct buf *out = &c->reply->text;
	const char *prefix = s3_param(c, "prefix");
	const char *key_marker = s3_param(c, "key-marker");
	const char *id_marker = s3_param(c, "upload-id-marker");
	struct upload_info *list;
	uint64_t max, done = 0;
	long count, last = -1;
	bool more = false;

	if (s3_param(c, "delimiter")) {
		s3_fail(c, S3_NOT_IMPLEMENTED);
		return;
	}
	if (!s3_param_number(c, "max-uploads", INT32_MAX, S3_LIST_MAX, &max)) {
		s3_fail(c, S3_INVALID_ARGUMENT);
		return;
	}
	count = uploads_list(c->bucket, &list);
	if (count < 0) {
		s3_fail(c, error_of((int)count));
		return;
	}
	s3_xml_begin(c, "ListMultipartUploadsResult");
	buf_xml_element(out, "Bucket", c->bucket);
	for (long i = 0; i < count; i++) {
		if (prefix && strncmp(list[i].key, prefix, strlen(prefix)) != 0)
			continue;
		if (key_marker && !behind(&list[i], key_marker, id_marker ? id_marker : ""))
			continue;
		more = done == max || done == S3_LIST_MAX;
		if (more)
			break;
		buf_str(out, "<Upload>");
		buf_xml_element(out, "Key", list[i].key);
		buf_xml_element(out, "UploadId", list[i].id);
		s3_xml_date(out, "Initiated", list[i].started_s);
		buf_str(out, "<StorageClass>STANDARD</StorageClass></Upload>");
		last = i;
		done++;
	}
	if (more && last >= 0) {
		buf_xml_element(out, "NextKeyMarker", list[last].key);
		buf_xml_element(out, "NextUploadIdMarker", list[last].id);
	}
	s3_xml_number(out, "MaxUploads", max);
	buf_xml_element(out, "IsTruncated", more ? "true" : "false");
	s3_xml_end(c, "ListMultipartUploadsResult");
	uploads_list_free(list, count);
}

static bool ascending(const struct upload_part *parts, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		if (parts[i].number <= parts[i - 1].number)
			return false;
	}
	return true;
}

void s3_complete_upload(struct s3_call *c)
{
	SCOPE_FREE struct upload_part *parts = NULL;
	struct upload_complete how = {.part_bytes_min = settings.part_bytes_min};
	struct buf *out = &c->reply->text;
	char bare[OBJECT_ETAG_BYTES], etag[OBJECT_ETAG_BYTES];
	enum s3_error err = S3_OK;

	if (!s3_write_condition(c, &how.condition, bare))
		return;
	/* of an object in parts: its ETag has a dash */
	if (how.condition.if_match && strchr(bare, '-') && s3_lacks(LACK_PARTS_ETAG)) {
		s3_fail(c, S3_PRECONDITION_FAILED);
		return;
	}
	if (s3_xml_complete(c->req->body, c->req->body_bytes, &parts, &how.count))
		err = S3_MALFORMED_XML;
	else if (!ascending(parts, how.count))
		err = S3_INVALID_PART_ORDER;
	how.parts = parts;
	if (!err)
		err = error_of(uploads_complete(c->bucket, c->key, upload_id(c), &how, etag));
	if (err) {
		s3_fail(c, err);
		return;
	}
	s3_xml_begin(c, "CompleteMultipartUploadResult");
	buf_printf(out, "<Location>http%s://%s", c->req->tls ? "s" : "",
		   s3_header(c, "Host") ? s3_header(c, "Host") : settings.domain);
	buf_xml(out, c->req->path, strlen(c->req->path));
	buf_str(out, "</Location>");
	buf_xml_element(out, "Bucket", c->bucket);
	buf_xml_element(out, "Key", c->key);
	buf_printf(out, "<ETag>&quot;%s&quot;</ETag>", etag);
	s3_xml_end(c, "CompleteMultipartUploadResult");
}

void s3_abort_upload(struct s3_call *c)
{
	int err = uploads_abort(c->bucket, c->key, upload_id(c));

	if (err)
		s3_fail(c, error_of(err));
	else
		c->reply->status = 204;
}
