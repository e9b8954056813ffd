// SPDX-License-Identifier: Apache-2.0
/*
 * ListObjectsV2 and, for those that have only that, ListObjects; ListMultipartUploads and
 * ListBuckets. Keys of objects are asked for in URL encoding, since XML 1.0 cannot hold every byte
 * that a key may have. Whether the service obliged stands in EncodingType, which may come after the
 * keys; so names are decoded when the whole answer has been read. Keys of uploads are not: RADOS
 * Gateway 16 would encode some and say so of none.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/entries.h"
#include "core/http/date.h"
#include "core/http/range.h"
#include "core/http/xml.h"
#include "core/scope.h"
#include "s3/s3.h"

#define NS_PER_S INT64_C(1000000000)

#define FIRST_ENTRIES 64

/* A token of the old way of listing is this byte, which no continuation token begins with, and the
 * name that the page before ended with. */
#define MARKER '\n'

struct parser {
	struct store_list list;
	size_t cap;
	size_t max;
	const char *root;	      /* the element that the answer must be */
	const char *entry;	      /* the element of one entry */
	const char *prefix;	      /* of a common prefix, or NULL */
	char *next_key, *next_upload; /* of uploads, where the next page begins */
	char *next_marker;	      /* the same in the old way of listing, "" until it is known */
	bool seen_root;
	bool is_first_page; /* and no other is asked for */
	bool truncated;
	bool url_encoded;
};

int s3_list_build(const struct store_call *call, const struct store_site *site,
		  struct store_request *out)
{
	char delimiter[2] = {call->delimiter, '\0'};
	bool old = call->token ? *call->token == MARKER : site->quirks & STORE_QUIRK_LIST_V1;
	char max[16];
	int ret;

	if (!call->bucket || call->max_entries > STORE_LIST_MAX)
		return -EINVAL;
	if (call->key && strlen(call->key) > S3_KEY_BYTES)
		return -ENAMETOOLONG;
	snprintf(max, sizeof(max), "%u", call->max_entries ? call->max_entries : STORE_LIST_MAX);
	out->method = "GET";
	ret = s3_site_path(site, call->bucket, NULL, &out->target);
	if (!ret && call->token && !old)
		ret = uri_add_query(&out->target, "continuation-token", call->token);
	if (!ret && call->delimiter)
		ret = uri_add_query(&out->target, "delimiter", delimiter);
	if (!ret)
		ret = uri_add_query(&out->target, "encoding-type", "url");
	if (!ret && !old)
		ret = uri_add_query(&out->target, "list-type", "2");
	if (!ret && old && (call->token || call->after))
		ret = uri_add_query(&out->target, "marker",
				    call->token ? call->token + 1 : call->after);
	if (!ret)
		ret = uri_add_query(&out->target, "max-keys", max);
	if (!ret && call->key && call->key[0])
		ret = uri_add_query(&out->target, "prefix", call->key);
	if (!ret && !old && !call->token && call->after)
		ret = uri_add_query(&out->target, "start-after", call->after);
	return ret == -EMSGSIZE ? -ENAMETOOLONG : ret;
}

/* Directory buckets list in no order, and know no start-after (API reference, ListObjectsV2); they
 * and their access points are told by their names. */
bool s3_list_begins(const char *bucket)
{
	static const char *const unordered[] = {"--x-s3", "--xa-s3"};
	size_t len = strlen(bucket);

	for (size_t i = 0; i < sizeof(unordered) / sizeof(unordered[0]); i++) {
		size_t end = strlen(unordered[i]);

		if (len >= end && !strcmp(bucket + len - end, unordered[i]))
			return false;
	}
	return true;
}

/* A token of uploads is the id of the last one, a newline, and its key. */
static int add_markers(const char *token, struct buffer *target)
{
	SCOPE_FREE char *id = strdup(token);
	char *key = id ? strchr(id, '\n') : NULL;
	int ret;

	if (!id)
		return -ENOMEM;
	if (!key)
		return -EINVAL;
	*key++ = '\0';
	ret = uri_add_query(target, "key-marker", key);
	return ret ? ret : uri_add_query(target, "upload-id-marker", id);
}

static int build_parts(const struct store_call *call, const struct store_site *site,
		       struct store_request *out)
{
	char max[16];
	int ret;

	if (!call->bucket || !call->key || !call->key[0] || call->token ||
	    call->max_entries > STORE_LIST_MAX)
		return -EINVAL;
	snprintf(max, sizeof(max), "%u", call->max_entries ? call->max_entries : STORE_LIST_MAX);
	out->method = "GET";
	ret = s3_site_path(site, call->bucket, call->key, &out->target);
	if (!ret)
		ret = uri_add_query(&out->target, "max-parts", max);
	if (!ret)
		ret = uri_add_query(&out->target, "uploadId", call->upload);
	return ret == -EMSGSIZE ? -ENAMETOOLONG : ret;
}

int s3_list_build_uploads(const struct store_call *call, const struct store_site *site,
			  struct store_request *out)
{
	char max[16];
	int ret;

	if (call->upload)
		return build_parts(call, site, out);

	if (!call->bucket || call->max_entries > STORE_LIST_MAX)
		return -EINVAL;
	if (call->key && strlen(call->key) > S3_KEY_BYTES)
		return -ENAMETOOLONG;
	snprintf(max, sizeof(max), "%u", call->max_entries ? call->max_entries : STORE_LIST_MAX);
	out->method = "GET";
	ret = s3_site_path(site, call->bucket, NULL, &out->target);
	if (!ret && call->token)
		ret = add_markers(call->token, &out->target);
	if (!ret)
		ret = uri_add_query(&out->target, "max-uploads", max);
	if (!ret && call->key && call->key[0])
		ret = uri_add_query(&out->target, "prefix", call->key);
	if (!ret)
		ret = uri_add_query(&out->target, "uploads", "");
	return ret == -EMSGSIZE ? -ENAMETOOLONG : ret;
}

int s3_list_build_buckets(const struct store_call *call, const struct store_site *site,
			  struct store_request *out)
{
	(void)call;
	out->method = "GET";
	return s3_site_path(site, NULL, NULL, &out->target);
}

static int add_entry(struct parser *p, bool is_prefix)
{
	struct store_entry *grown;
	size_t cap = p->cap ? 2 * p->cap : FIRST_ENTRIES;

	if (p->list.count == p->max)
		return -EBADMSG;
	if (p->list.count == p->cap) {
		grown = reallocarray(p->list.entries, cap, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		p->list.entries = grown;
		p->cap = cap;
	}
	p->list.entries[p->list.count++] = (struct store_entry){.is_prefix = is_prefix};
	return 0;
}

static int on_begin(void *arg, const char *path)
{
	struct parser *p = arg;

	if (!strcmp(path, p->root))
		p->seen_root = true;
	else if (!p->seen_root)
		return -EBADMSG;
	else if (!strcmp(path, p->entry))
		return add_entry(p, false);
	else if (p->prefix && !strcmp(path, p->prefix))
		return add_entry(p, true);
	return 0;
}

static int set_text(char **field, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		return -ENOMEM;
	free(*field);
	*field = copy;
	return 0;
}

static int set_etag(struct store_object *object, const char *text)
{
	if (strlen(text) >= sizeof(object->etag))
		return -EBADMSG;
	strcpy(object->etag, text);
	return 0;
}

/* A listing may know milliseconds, Last-Modified never does: one object must not have two times.
 * 0 when unknown. */
static int64_t whole_seconds(const char *text)
{
	int64_t ns = 0;

	(void)date_parse_iso(text, &ns);
	return ns - ns % NS_PER_S;
}

/* A field of an entry; name: what stands behind the entry's own path. */
static int on_entry_field(struct store_entry *entry, const char *name, const char *text)
{
	if (!strcmp(name, "/Key") || !strcmp(name, "/Name") || !strcmp(name, "/Prefix") ||
	    !strcmp(name, "/PartNumber"))
		return set_text(&entry->name, text);
	if (!strcmp(name, "/Size"))
		return range_parse_number(text, &entry->object.size) < 0 ? -EBADMSG : 0;
	if (!strcmp(name, "/ETag"))
		return set_etag(&entry->object, text);
	if (!strcmp(name, "/UploadId"))
		return set_text(&entry->upload, text);
	if (!strcmp(name, "/LastModified") || !strcmp(name, "/CreationDate") ||
	    !strcmp(name, "/Initiated"))
		entry->object.mtime_ns = whole_seconds(text);
	return 0;
}

/* What of path stands behind element, or NULL. */
static const char *behind(const char *path, const char *element)
{
	size_t len = element ? strlen(element) : 0;

	return element && !strncmp(path, element, len) && path[len] == '/' ? path + len : NULL;
}

static int on_end(void *arg, const char *path, const char *text)
{
	struct parser *p = arg;
	const char *name = behind(path, p->entry);

	if (!name)
		name = behind(path, p->prefix);
	if (name)
		return on_entry_field(&p->list.entries[p->list.count - 1], name, text);
	name = behind(path, p->root);
	if (!name)
		return 0;
	if (!strcmp(name, "/IsTruncated"))
		p->truncated = !strcmp(text, "true");
	else if (!strcmp(name, "/EncodingType"))
		p->url_encoded = !strcmp(text, "url");
	else if (!strcmp(name, "/NextContinuationToken"))
		return set_text(&p->list.next_token, text);
	else if (!strcmp(name, "/NextKeyMarker"))
		return set_text(&p->next_key, text);
	else if (!strcmp(name, "/NextMarker") || (!strcmp(name, "/Marker") && !p->next_marker))
		return set_text(&p->next_marker, strcmp(name, "/Marker") ? text : "");
	else if (!strcmp(name, "/NextUploadIdMarker"))
		return set_text(&p->next_upload, text);
	return 0;
}

static void parser_free(struct parser *p)
{
	entries_free(&p->list);
	free(p->next_key);
	free(p->next_upload);
	free(p->next_marker);
}

/* Decodes the names. One that holds a NUL cannot be said to any program here; it is left out. */
static int decode_names(struct parser *p)
{
	size_t kept = 0;

	for (size_t i = 0; i < p->list.count; i++) {
		struct store_entry *entry = &p->list.entries[i];
		int ret = entry->name ? 0 : -EBADMSG;

		if (!ret && p->url_encoded)
			ret = uri_decode(entry->name);
		if (ret == -EINVAL || ret == -EBADMSG)
			return -EBADMSG;
		if (ret < 0) {
			free(entry->name);
			free(entry->upload);
			entry->name = entry->upload = NULL;
			continue;
		}
		p->list.entries[kept++] = *entry;
		if (kept - 1 != i)
			entry->name = entry->upload = NULL;
	}
	p->list.count = kept;
	return 0;
}

/* The two markers as one token. */
static int join_markers(struct parser *p)
{
	char *token;

	if (!p->next_key || !p->next_key[0] || !p->next_upload || strchr(p->next_upload, '\n'))
		return 0;
	if (p->url_encoded && uri_decode(p->next_key) < 0)
		return -EBADMSG;
	if (asprintf(&token, "%s\n%s", p->next_upload, p->next_key) < 0)
		return -ENOMEM;
	free(p->list.next_token);
	p->list.next_token = token;
	return 0;
}

/* The name that the page ends with, objects and prefixes together: the one that the service names,
 * which RADOS Gateway 16 does not encode though it says so, or the greatest. */
static const char *last_name(const struct parser *p)
{
	const char *last = "";

	for (size_t i = 0; i < p->list.count; i++) {
		const char *name = p->list.entries[i].name;

		if (!strcmp(name, p->next_marker))
			return name;
		if (strcmp(name, last) > 0)
			last = name;
	}
	return last;
}

/* An answer in the old way, whether asked for or not, says where the next page begins only if a
 * delimiter was given, and not every service does then. */
static int make_marker(struct parser *p, const char *token)
{
	const char *marker = last_name(p);
	char *made;

	if (asprintf(&made, "%c%s", MARKER, *marker ? marker : p->next_marker) < 0)
		return -ENOMEM;
	free(p->list.next_token);
	p->list.next_token = made;
	/* a service that begins with the same page again would be listed for ever */
	return made[1] && (!token || strcmp(token, made) != 0) ? 0 : -EBADMSG;
}

static int finish(struct parser *p, const char *token)
{
	int ret;

	if (!p->seen_root)
		return -EBADMSG;
	ret = join_markers(p);
	if (!ret)
		ret = decode_names(p);
	if (!ret && p->truncated && !p->list.next_token && p->next_marker)
		ret = make_marker(p, token);
	if (ret)
		return ret;
	/* a page that says there are more but not how to get them would lose files silently */
	if (p->is_first_page)
		p->truncated = false;
	if (p->truncated && (!p->list.next_token || !p->list.next_token[0]))
		return -EBADMSG;
	if (!p->truncated) {
		free(p->list.next_token);
		p->list.next_token = NULL;
	}
	return 0;
}

static int parse(struct parser *p, struct store_call *call, const struct store_answer *answer)
{
	struct xml_visitor visitor = {.begin = on_begin, .end = on_end, .arg = p};
	int ret = xml_read(answer->body, answer->body_bytes, &visitor);

	if (!ret)
		ret = finish(p, call->token);
	if (ret < 0) {
		parser_free(p);
		return ret;
	}
	call->list = p->list;
	p->list = (struct store_list){0};
	parser_free(p);
	return 0;
}

int s3_list_parse(struct store_call *call, const struct store_answer *answer,
		  struct store_check *check)
{
	struct parser p = {
		.max = STORE_LIST_MAX,
		.root = "ListBucketResult",
		.entry = "ListBucketResult/Contents",
		.prefix = "ListBucketResult/CommonPrefixes",
	};

	(void)check;
	return parse(&p, call, answer);
}

/* Only whether there are any is asked so: the first page tells. */
static int parse_parts(struct store_call *call, const struct store_answer *answer)
{
	struct parser p = {
		.max = STORE_LIST_MAX,
		.root = "ListPartsResult",
		.entry = "ListPartsResult/Part",
		.is_first_page = true,
	};

	return parse(&p, call, answer);
}

int s3_list_parse_uploads(struct store_call *call, const struct store_answer *answer,
			  struct store_check *check)
{
	struct parser p = {
		.max = STORE_LIST_MAX,
		.root = "ListMultipartUploadsResult",
		.entry = "ListMultipartUploadsResult/Upload",
	};
	int ret;

	(void)check;
	if (call->upload)
		return parse_parts(call, answer);
	ret = parse(&p, call, answer);
	for (size_t i = 0; i < call->list.count && !ret; i++) {
		if (!call->list.entries[i].upload)
			ret = -EBADMSG;
	}
	return ret;
}

int s3_list_parse_buckets(struct store_call *call, const struct store_answer *answer,
			  struct store_check *check)
{
	struct parser p = {
		.max = S3_BUCKETS_MAX,
		.root = "ListAllMyBucketsResult",
		.entry = "ListAllMyBucketsResult/Buckets/Bucket",
	};

	(void)check;
	return parse(&p, call, answer);
}
