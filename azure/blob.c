// SPDX-License-Identifier: Apache-2.0
/* Get Blob Properties, Get Container Properties and Get Blob. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "azure/azure.h"
#include "core/http/date.h"
#include "core/http/range.h"

static int add_conditions(const struct store_call *call, struct header_list *fields)
{
	int ret = 0;

	if (call->if_match)
		ret = header_add(fields, "If-Match", call->if_match);
	if (!ret && call->if_none_match)
		ret = header_add(fields, "If-None-Match", call->if_none_match);
	return ret;
}

int azure_blob_build_head(const struct store_call *call, const struct store_site *site,
			  struct store_request *out)
{
	int ret;

	if (azure_tree_asks(call, site))
		return azure_tree_build_ask(call, site, out);
	ret = azure_site_start(site, "HEAD", call->bucket, call->key, out);
	if (!ret && (!call->key || !call->key[0]))
		ret = uri_add_query(&out->target, "restype", "container");
	return ret ? ret : add_conditions(call, &out->fields);
}

int azure_blob_build_get(const struct store_call *call, const struct store_site *site,
			 struct store_request *out)
{
	char range[RANGE_TEXT_BYTES];
	int ret;

	if (!call->key || !call->key[0])
		return -EINVAL;
	ret = azure_site_start(site, "GET", call->bucket, call->key, out);
	if (!ret)
		ret = add_conditions(call, &out->fields);
	if (ret || (!call->offset && !call->length))
		return ret;
	range_format(call->offset, call->length, range);
	return header_add(&out->fields, "x-ms-range", range);
}

int azure_blob_attributes(const struct header_list *fields, struct store_object *out)
{
	const char *modified = header_get(fields, "Last-Modified");
	int64_t seconds;

	if (header_copy(fields, "ETag", out->etag, sizeof(out->etag)) < 0)
		return -EBADMSG;
	out->mtime_ns = 0;
	if (modified && !date_parse_http(modified, &seconds))
		out->mtime_ns = seconds * DATE_NS_PER_S;
	return 0;
}

/* A blob that stands for a directory where none is real: its own tools mark it so. */
static bool is_stub(const struct header_list *fields)
{
	const char *stub = header_get(fields, "x-ms-meta-hdi_isfolder");

	return stub && !strcasecmp(stub, "true");
}

static int parse(struct store_call *call, const struct store_answer *answer, uint64_t size)
{
	struct store_object object = {.size = size};
	int ret = 0, meta;

	if (azure_blob_attributes(answer->fields, &object) < 0)
		return -EBADMSG;
	if (azure_tree_look(call, answer->fields)) {
		object.size = 0;
		if (!azure_tree_is_dir(call->key)) /* its metadata tells all the same */
			ret = -ENOENT;
	} else if (is_stub(answer->fields) ||
		   (call->names == STORE_NAMES_TREE && azure_tree_is_dir(call->key))) {
		return -ENOENT;
	}
	call->object = object;
	meta = azure_meta_parse(answer->fields, call);
	return meta ? meta : ret;
}

int azure_blob_parse_head(struct store_call *call, const struct store_answer *answer,
			  struct store_check *check)
{
	const char *length = header_get(answer->fields, "Content-Length");
	uint64_t size = 0;
	int ret = azure_tree_answered(call, answer);

	(void)check;
	if (ret)
		return ret;
	if (call->key && call->key[0] && (!length || range_parse_number(length, &size) < 0))
		return -EBADMSG;
	return parse(call, answer, size);
}

int azure_blob_parse_get(struct store_call *call, const struct store_answer *answer,
			 struct store_check *check)
{
	/* that of the whole blob: a range's own Content-MD5 is of the range */
	const char *whole = answer->status == 206 ? "x-ms-blob-content-md5" : "Content-MD5";
	const char *md5 = header_get(answer->fields, whole);

	if (md5 && md5[0] && strlen(md5) < sizeof(check->text)) {
		check->kind = DIGEST_MD5;
		check->hex = false;
		strcpy(check->text, md5);
	}
	return parse(call, answer, 0);
}

bool azure_blob_identity(const struct store_answer *answer, const struct store_object *object,
			 char out[STORE_ETAG_BYTES])
{
	(void)object; /* its ETag is another with every change, and says nothing of the bytes */
	if (header_copy(answer->fields, "Content-MD5", out, STORE_ETAG_BYTES) < 0)
		out[0] = '\0';
	return out[0];
}
