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
#include "core/pairs.h"
#include "core/scope.h"

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
	/* directories are made, and renamed, by themselves */
	if (site->names == STORE_NAMES_TREE && azure_tree_is_dir(call->from_key))
		return -EOPNOTSUPP;
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

/* --- after a lost answer ----------------------------------------------------------------------
 *
 * "Get Blob Properties": what a Copy Blob has made says what of (x-ms-copy-source), until it is
 * written anew. Metadata that was set is there in full. Both are as young as the request. */

int azure_copy_build_look(const struct store_call *call, const struct store_site *site,
			  struct store_request *out)
{
	struct store_call head = *call;

	head.if_match = head.if_none_match = NULL;
	return azure_blob_build_head(&head, site, out);
}

/* Does that address name what was to be copied? Of an emulator the account is in the path.
 * Returns 0, -ESTALE, or -ENOENT: the path does, but the account need not be the same. */
static int compare_source(const struct store_call *call, const char *url)
{
	const char *host = strstr(url, "://");
	const char *path = host ? strchr(host + 3, '/') : NULL;
	size_t account_len = strcspn(call->from_bucket, "/");
	SCOPE_BUFFER struct buffer wanted = BUFFER_INIT(SOURCE_BYTES);
	SCOPE_FREE char *said = path ? strndup(path, strcspn(path, "?")) : NULL;

	if (!path)
		return -ESTALE;
	if (!said || buffer_addf(&wanted, "/%s/%s", call->from_bucket, call->from_key))
		return -ENOMEM;
	if (uri_decode_path(said) < 0)
		return -ESTALE;
	if (!strcmp(said, buffer_text(&wanted)))
		return 0;
	if (strcmp(said, buffer_text(&wanted) + 1 + account_len) != 0)
		return -ESTALE;
	host += 3;
	return !strncasecmp(host, call->from_bucket, account_len) && host[account_len] == '.'
		       ? 0
		       : -ENOENT;
}

int azure_copy_made(struct store_call *call, const struct store_answer *answer)
{
	const char *source = header_get(answer->fields, "x-ms-copy-source");
	const char *status = header_get(answer->fields, "x-ms-copy-status");
	const char *before = call->if_match ? call->if_match : NULL;
	struct store_check check = {0};
	int ret;

	if (!before && is_onto_itself(call))
		before = call->from_etag;
	ret = azure_blob_parse_head(call, answer, &check);
	if (ret)
		return ret == -ENOENT ? -ESTALE : ret;
	if (!pairs_hold(&call->user, call->set_user) ||
	    (before && !strcmp(before, call->object.etag)))
		return -ESTALE;
	if (is_onto_itself(call))
		return 0;
	if (!source || !status ||
	    (strcasecmp(status, "success") != 0 && strcasecmp(status, "pending") != 0))
		return -ESTALE;
	return compare_source(call, source);
}
