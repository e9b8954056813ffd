/* SPDX-License-Identifier: Apache-2.0 */
/* ListObjects, both versions. A continuation token is the last name of the page before, in
 * hexadecimal: opaque to clients, and free of state. */
#include "tests/store/s3.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/store/bucket.h"
#include "tests/store/list.h"
#include "tests/store/s3_lacks.h"
#include "tests/store/s3_sigv4.h"
#include "tests/store/scope.h"

#define TOKEN_NAME_MAX (2ul * OBJECT_KEY_MAX) /* bytes of the name in a token */

struct listing {
	struct s3_call *c;
	struct list_query query;
	struct list_page page;
	bool url; /* encoding-type=url */
	bool owner;
};

/* As S3 does it: like a form, but slashes stay. */
static void url_text(struct buf *out, const char *text)
{
	for (; *text; text++) {
		if (*text == ' ')
			buf_str(out, "+");
		else if (*text == '*')
			buf_str(out, "*");
		else
			uri_encode(out, text, 1, true);
	}
}

static void put_name(const struct listing *l, const char *element, const char *text)
{
	struct buf *out = &l->c->reply->text;

	if (!l->url) {
		buf_xml_element(out, element, text);
		return;
	}
	buf_printf(out, "<%s>", element);
	url_text(out, text);
	buf_printf(out, "</%s>", element);
}

static void put_object(const struct listing *l, const struct object *o)
{
	struct buf *out = &l->c->reply->text;

	buf_str(out, "<Contents>");
	put_name(l, "Key", o->key);
	s3_xml_date(out, "LastModified", o->mtime_s);
	buf_printf(out, "<ETag>&quot;%s&quot;</ETag>", o->etag);
	s3_xml_number(out, "Size", content_bytes(o->content));
	if (l->owner)
		buf_str(out, "<Owner><ID>skyshim</ID><DisplayName>skyshim</DisplayName></Owner>");
	buf_str(out, "<StorageClass>STANDARD</StorageClass></Contents>");
}

/* Prefixes stand behind the objects in the answer, each kind in order. */
static void put_entries(const struct listing *l)
{
	struct buf *out = &l->c->reply->text;

	for (size_t i = 0; i < l->page.count; i++) {
		size_t at = s3_lacks(LACK_ORDER) ? l->page.count - 1 - i : i;

		if (l->page.entries[at].object)
			put_object(l, l->page.entries[at].object);
	}
	for (size_t i = 0; i < l->page.count; i++) {
		if (!l->page.entries[i].prefix)
			continue;
		buf_str(out, "<CommonPrefixes>");
		put_name(l, "Prefix", l->page.entries[i].prefix);
		buf_str(out, "</CommonPrefixes>");
	}
}

/* What both versions ask for alike. False: refused, the reply is filled. */
static bool parse(struct listing *l)
{
	struct s3_call *c = l->c;
	const char *prefix = s3_param(c, "prefix");
	const char *delimiter = s3_param(c, "delimiter");
	const char *encoding = s3_param(c, "encoding-type");
	uint64_t max;

	if (!s3_param_number(c, "max-keys", INT32_MAX, S3_LIST_MAX, &max)) {
		s3_fail_with(c, S3_INVALID_ARGUMENT, "Message",
			     "Provided max-keys not an integer or within integer range",
			     "ArgumentName", "max-keys", "ArgumentValue", s3_param(c, "max-keys"),
			     NULL);
		return false;
	}
	if (encoding && strcmp(encoding, "url") != 0) {
		s3_fail_with(c, S3_INVALID_ARGUMENT, "Message",
			     "Invalid Encoding Method specified in Request", "ArgumentName",
			     "encoding-type", "ArgumentValue", encoding, NULL);
		return false;
	}
	l->url = encoding != NULL;
	l->query.prefix = prefix ? prefix : "";
	l->query.delimiter = delimiter ? delimiter : "";
	l->query.after = "";
	l->query.max = max < S3_LIST_MAX ? (size_t)max : S3_LIST_MAX;
	return true;
}

/* Walks, and begins the answer with what both versions say alike. */
static bool walk(struct listing *l)
{
	struct s3_call *c = l->c;
	struct buf *out = &c->reply->text;
	struct bucket_info info;
	int err = list_walk(c->bucket, &l->query, &l->page);

	if (err) {
		s3_fail(c, s3_error_of(err));
		return false;
	}
	if (!bucket_lookup(c->bucket, &info))
		reply_header(c->reply, "x-amz-bucket-region", info.region);
	s3_xml_begin(c, "ListBucketResult");
	buf_xml_element(out, "Name", c->bucket);
	put_name(l, "Prefix", l->query.prefix);
	if (*l->query.delimiter)
		put_name(l, "Delimiter", l->query.delimiter);
	s3_xml_number(out, "MaxKeys", l->query.max);
	if (l->url)
		buf_xml_element(out, "EncodingType", "url");
	buf_xml_element(out, "IsTruncated", l->page.more ? "true" : "false");
	return true;
}

void s3_list_objects(struct s3_call *c)
{
	struct listing l = {.c = c, .owner = true};
	const char *marker = s3_param(c, "marker");

	if (!parse(&l))
		return;
	l.query.after = marker ? marker : "";
	if (!walk(&l))
		return;
	put_name(&l, "Marker", l.query.after);
	if (l.page.more && *l.query.delimiter && !s3_lacks(LACK_NEXT_MARKER))
		put_name(&l, "NextMarker", list_last(&l.page));
	put_entries(&l);
	s3_xml_end(c, "ListBucketResult");
	list_free(&l.page);
}

/* False when the token is none of ours. */
static bool read_token(const char *token, char name_out[TOKEN_NAME_MAX + 1])
{
	size_t len = strlen(token);

	if (!len || len % 2 || len / 2 > TOKEN_NAME_MAX)
		return false;
	for (size_t i = 0; i < len; i += 2) {
		unsigned byte;

		if (!isxdigit((unsigned char)token[i]) || !isxdigit((unsigned char)token[i + 1]) ||
		    sscanf(token + i, "%2x", &byte) != 1)
			return false;
		name_out[i / 2] = (char)byte;
	}
	name_out[len / 2] = '\0';
	return true;
}

static void put_token(struct buf *out, const char *name)
{
	buf_str(out, "<NextContinuationToken>");
	for (; *name; name++)
		buf_printf(out, "%02x", (unsigned char)*name);
	buf_str(out, "</NextContinuationToken>");
}

void s3_list_objects_v2(struct s3_call *c)
{
	struct listing l = {.c = c};
	struct buf *out = &c->reply->text;
	const char *token = s3_param(c, "continuation-token");
	const char *start_after = s3_param(c, "start-after");
	const char *fetch_owner = s3_param(c, "fetch-owner");
	char name[TOKEN_NAME_MAX + 1];

	if (s3_lacks(LACK_LIST_V2_SEEN)) {
		s3_list_objects(c);
		return;
	}
	if (!parse(&l))
		return;
	if (token && !read_token(token, name)) {
		s3_fail_with(c, S3_INVALID_ARGUMENT, "Message",
			     "The continuation token provided is incorrect", "ArgumentName",
			     "continuation-token", NULL);
		return;
	}
	if (token)
		l.query.after = name;
	else if (start_after && !s3_lacks(LACK_START_AFTER))
		l.query.after = start_after;
	l.owner = fetch_owner && !strcmp(fetch_owner, "true");
	if (!walk(&l))
		return;
	s3_xml_number(out, "KeyCount", l.page.count);
	if (token)
		buf_xml_element(out, "ContinuationToken", token);
	if (start_after)
		put_name(&l, "StartAfter", start_after);
	if (l.page.more)
		put_token(out, list_last(&l.page));
	put_entries(&l);
	s3_xml_end(c, "ListBucketResult");
	list_free(&l.page);
}
