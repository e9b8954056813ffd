// SPDX-License-Identifier: Apache-2.0
/*
 * Copy Blob, within one account. It may answer before the copy is made: then HEADs ask how far it
 * is. Content-Type and its like always go along, and cannot be changed by it. Of a blob onto itself
 * only the metadata can change, for which there is a request of its own that moves no byte.
 */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "azure/azure.h"

#define SOURCE_BYTES (STORE_ORIGIN_BYTES + 3 * (AZURE_KEY_BYTES + URI_PATH_BYTES))

static bool is_onto_itself(const struct store_call *call)
{
	return !strcmp(call->bucket, call->from_bucket) && !strcmp(call->key, call->from_key);
}

static bool is_same_account(const char *a, const char *b)
{
	size_t len = strcspn(a, "/");

	return len == strcspn(b, "/") && !strncmp(a, b, len);
}

static int build_metadata(const struct store_call *call, const struct store_site *site,
			  struct store_request *out)
{
	struct store_call conditions = *call;
	int ret;

	/* it must change something, and is one object with one ETag */
	if (!call->set_user)
		return -EINVAL;
	if (!conditions.if_match)
		conditions.if_match = call->from_etag;
	ret = azure_site_start(site, "PUT", call->bucket, call->key, out);
	if (!ret)
		ret = uri_add_query(&out->target, "comp", "metadata");
	if (!ret)
		ret = azure_put_conditions(&conditions, &out->fields);
	return ret ? ret : azure_meta_add(call, true, &out->fields);
}

bool azure_copy_is_within(const struct store_call *call)
{
	return is_same_account(call->bucket, call->from_bucket);
}

int azure_copy_add_source(const struct store_call *call, const struct store_site *site,
			  struct header_list *fields)
{
	SCOPE_BUFFER struct buffer source = BUFFER_INIT(SOURCE_BYTES);
	int ret = buffer_add_text(&source, site->origin);

	if (!ret)
		ret = azure_site_path(site, call->from_bucket, call->from_key, &source);
	if (!ret)
		ret = header_add(fields, "x-ms-copy-source", buffer_text(&source));
	if (!ret && call->from_etag)
		ret = header_add(fields, "x-ms-source-if-match", call->from_etag);
	return ret;
}

int azure_copy_build(const struct store_call *call, const struct store_site *site,
		     struct store_request *out)
{
	int ret;

	if (!call->bucket || !call->key || !call->key[0] || !call->from_bucket || !call->from_key ||
	    !call->from_key[0])
		return -EINVAL;
	if (is_onto_itself(call))
		return build_metadata(call, site, out);
	/* without any it would be the source's that goes along */
	if (!azure_copy_is_within(call) || (call->set_user && !call->set_user->count))
		return -EOPNOTSUPP;
	ret = azure_site_start(site, "PUT", call->bucket, call->key, out);
	if (!ret)
		ret = azure_copy_add_source(call, site, &out->fields);
	if (!ret)
		ret = azure_put_conditions(call, &out->fields);
	return ret ? ret : azure_meta_add(call, true, &out->fields);
}

int azure_copy_parse(struct store_call *call, const struct store_answer *answer,
		     struct store_check *check)
{
	struct store_object object = {0};

	(void)check;
	if (azure_blob_attributes(answer->fields, &object) < 0 || !object.etag[0])
		return -EBADMSG;
	call->object = object;
	return 0;
}

int azure_copy_settled(const struct store_answer *answer)
{
	const char *status = header_get(answer->fields, "x-ms-copy-status");

	if (!status || !strcasecmp(status, "success"))
		return 0;
	return strcasecmp(status, "pending") ? -EIO : -EINPROGRESS;
}
