// SPDX-License-Identifier: Apache-2.0
/*
 * Accounts with a hierarchical namespace (Data Lake Storage Gen2): directories are there by
 * themselves, and a rename of a file or of a directory is one request. Blobs are read and written
 * by the Blob API as everywhere; directories by the other one, whose host has "dfs" in place of
 * "blob": "Path - Create", "- Update", "- Delete" of the "Azure Data Lake Storage Gen2 REST API".
 *
 * Such an account is known by answers that come anyhow: a property x-ms-resource-type of "Get Blob"
 * and "Get Blob Properties", an element ResourceType of "List Blobs", which version 2020-10-02 and
 * later give of such accounts alone. That neither is there proves nothing: where none has come
 * before the first directory is made, removed or renamed, or is looked at because nothing is listed
 * in it, "Get Account Information" is asked, and where that may not be, "Filesystem - Get
 * Properties"; once for an account. Who answers neither is taken for no such account.
 */
#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "azure/azure.h"
#include "core/scope.h"

#define SOURCE_BYTES	 (3 * (AZURE_KEY_BYTES + URI_PATH_BYTES))
#define PROPERTIES_BYTES (4 * AZURE_META_BYTES)
#define META		 "x-ms-meta-"
#define FOLDER		 "x-ms-meta-hdi_isfolder" /* the service's own, of each directory */

bool azure_tree_is_dir(const char *key)
{
	size_t len = key ? strlen(key) : 0;

	return len && key[len - 1] == '/';
}

bool azure_tree_look(struct store_call *call, const struct header_list *fields)
{
	const char *type = header_get(fields, "x-ms-resource-type");

	if (type)
		call->names = STORE_NAMES_TREE;
	call->is_directory = type && !strcasecmp(type, "directory");
	return call->is_directory;
}

/* --- what is it? ----------------------------------------------------------------------------- */

bool azure_tree_asks(const struct store_call *call, const struct store_site *site)
{
	if (site->names != STORE_NAMES_UNKNOWN || call->step >= AZURE_TREE_QUESTIONS)
		return false;
	switch (call->verb) {
	case STORE_HEAD:
	case STORE_PUT:
	case STORE_DELETE:
		return azure_tree_is_dir(call->key);
	case STORE_RENAME:
		return true;
	default:
		return false;
	}
}

int azure_tree_build_ask(const struct store_call *call, const struct store_site *site,
			 struct store_request *out)
{
	int ret = azure_site_start(site, "HEAD", call->bucket, NULL, out);

	out->streams = false;
	out->source_bytes = 0;
	out->beside = call->step > 0;
	if (ret || out->beside)
		return ret ? ret : uri_add_query(&out->target, "resource", "filesystem");
	ret = uri_add_query(&out->target, "comp", "properties");
	return ret ? ret : uri_add_query(&out->target, "restype", "account");
}

int azure_tree_answered(struct store_call *call, const struct store_answer *answer)
{
	const char *kind = header_get(answer->fields, "x-ms-account-kind");
	const char *is = header_get(answer->fields, "x-ms-is-hns-enabled");

	if (!is)
		is = header_get(answer->fields, "x-ms-namespace-enabled");
	if (!is && !kind)
		return 0;
	call->names = is && !strcasecmp(is, "true") ? STORE_NAMES_TREE : STORE_NAMES_FLAT;
	return -EINPROGRESS;
}

/* --- directories ----------------------------------------------------------------------------- */

struct properties {
	struct buffer text; /* "name=BASE64,..." */
	unsigned char base64[4 * (AZURE_META_BYTES / 3 + 2)];
};

static int add_property(void *arg, const char *name, const char *value)
{
	struct properties *p = arg;

	if (!strcasecmp(name, FOLDER))
		return 0;
	EVP_EncodeBlock(p->base64, (const unsigned char *)value, (int)strlen(value));
	return buffer_addf(&p->text, "%s%s=%s", p->text.len ? "," : "", name + strlen(META),
			   (char *)p->base64);
}

/* Directories have no Content-Type and the like. */
static int add_properties(const struct store_call *call, struct header_list *fields)
{
	struct properties *p;
	int ret;

	if (!call->set_user || !call->set_user->count)
		return 0;
	p = malloc(sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->text = BUFFER_INIT(PROPERTIES_BYTES);
	ret = azure_meta_each(call->set_user, add_property, p);
	if (!ret && p->text.len)
		ret = header_add(fields, "x-ms-properties", buffer_text(&p->text));
	buffer_free(&p->text);
	free(p);
	return ret == -EMSGSIZE ? -E2BIG : ret;
}

static int start(const struct store_call *call, const struct store_site *site, const char *method,
		 struct store_request *out)
{
	int ret = azure_site_start(site, method, call->bucket, call->key, out);

	out->streams = false;
	out->source_bytes = 0;
	out->beside = true;
	return ret ? ret : azure_put_conditions(call, &out->fields);
}

int azure_tree_build_put(const struct store_call *call, const struct store_site *site,
			 struct store_request *out)
{
	bool is_new = call->if_none_match;
	int ret;

	if (call->source.bytes || call->append_at)
		return -EINVAL;
	/* "Path - Create" over a directory that is there might take its files for its own */
	ret = start(call, site, is_new ? "PUT" : "PATCH", out);
	if (!ret)
		ret = is_new ? uri_add_query(&out->target, "resource", "directory")
			     : uri_add_query(&out->target, "action", "setProperties");
	return ret ? ret : add_properties(call, &out->fields);
}

int azure_tree_build_remove(const struct store_call *call, const struct store_site *site,
			    struct store_request *out)
{
	int ret = start(call, site, "DELETE", out);

	return ret ? ret : uri_add_query(&out->target, "recursive", "false");
}

/* --- rename ---------------------------------------------------------------------------------- */

int azure_tree_build_rename(const struct store_call *call, const struct store_site *site,
			    struct store_request *out)
{
	SCOPE_BUFFER struct buffer source = BUFFER_INIT(SOURCE_BYTES);
	int ret;

	if (!call->key || !call->key[0] || !call->from_bucket || !call->from_key ||
	    !call->from_key[0] || azure_tree_is_dir(call->key) != azure_tree_is_dir(call->from_key))
		return -EINVAL;
	if (!azure_copy_is_within(call))
		return -EOPNOTSUPP;
	if (azure_tree_asks(call, site))
		return azure_tree_build_ask(call, site, out);
	if (site->names != STORE_NAMES_TREE)
		return -EOPNOTSUPP;
	ret = start(call, site, "PUT", out);
	/* the rest of a large directory, where the service did only some of it */
	if (!ret && call->carry)
		ret = uri_add_query(&out->target, "continuation", call->carry);
	if (!ret)
		ret = uri_add_query(&out->target, "mode", "posix");
	if (!ret)
		ret = azure_site_path(site, call->from_bucket, call->from_key, &source);
	if (!ret)
		ret = header_add(&out->fields, "x-ms-rename-source", buffer_text(&source));
	if (!ret && call->from_etag)
		ret = header_add(&out->fields, "x-ms-source-if-match", call->from_etag);
	return ret == -EMSGSIZE ? -ENAMETOOLONG : ret;
}

int azure_tree_parse_rename(struct store_call *call, const struct store_answer *answer,
			    struct store_check *check)
{
	const char *more = header_get(answer->fields, "x-ms-continuation");
	struct store_object object = {0};
	int ret = azure_tree_answered(call, answer);

	(void)check;
	if (ret)
		return ret;
	if (answer->status != 201)
		return -EBADMSG;
	if (more && more[0]) {
		call->carry_out = strdup(more);
		return call->carry_out ? -EINPROGRESS : -ENOMEM;
	}
	if (azure_blob_attributes(answer->fields, &object) < 0)
		return -EBADMSG;
	call->object = object;
	return 0;
}

/* After a lost answer. What is renamed keeps its ETag: Hadoop's client of this API, by the vendor,
 * relies on that as well (its "rename recovery"). The source of a directory is gone, or this would
 * not be asked: what is there is it. */
int azure_tree_build_look(const struct store_call *call, const struct store_site *site,
			  struct store_request *out)
{
	struct store_call head = *call;

	head.if_match = head.if_none_match = NULL;
	return azure_blob_build_head(&head, site, out);
}

int azure_tree_made(struct store_call *call, const struct store_answer *answer)
{
	struct store_check check = {0};
	int ret = azure_blob_parse_head(call, answer, &check);

	if (ret)
		return ret == -ENOENT ? -ESTALE : ret;
	if (azure_tree_is_dir(call->key))
		return call->if_none_match ? -ENOENT : 0;
	if (!call->from_etag)
		return -ENOENT;
	return strcmp(call->object.etag, call->from_etag) != 0 ? -ESTALE : 0;
}
