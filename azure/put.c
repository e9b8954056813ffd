// SPDX-License-Identifier: Apache-2.0
/* Put Blob. The body goes with its MD5, which the service checks, keeps, and gives back. */
#include <errno.h>
#include <string.h>

#include "azure/azure.h"

int azure_put_conditions(const struct store_call *call, struct header_list *fields)
{
	int ret = 0;

	if (call->if_none_match && strcmp(call->if_none_match, "*") != 0)
		return -EINVAL;
	if (call->if_match)
		ret = header_add(fields, "If-Match", call->if_match);
	if (!ret && call->if_none_match)
		ret = header_add(fields, "If-None-Match", call->if_none_match);
	return ret;
}

int azure_put_build(const struct store_call *call, const struct store_site *site,
		    struct store_request *out)
{
	char md5[DIGEST_BASE64_BYTES];
	int ret;

	if (!call->key || !call->key[0])
		return -EINVAL;
	if (azure_tree_asks(call, site))
		return azure_tree_build_ask(call, site, out);
	if (site->names == STORE_NAMES_TREE && azure_tree_is_dir(call->key))
		return azure_tree_build_put(call, site, out);
	if (call->append_at)
		return azure_append_build(call, site, out);
	if (call->source.bytes > AZURE_PUT_MAX)
		return -EFBIG;
	ret = azure_site_start(site, "PUT", call->bucket, call->key, out);
	if (!ret)
		ret = header_add(&out->fields, "x-ms-blob-type", "BlockBlob");
	digest_base64(out->sums->md5, DIGEST_MD5_BYTES, md5);
	if (!ret)
		ret = header_add(&out->fields, "Content-MD5", md5);
	if (!ret)
		ret = azure_put_conditions(call, &out->fields);
	return ret ? ret : azure_meta_add(call, false, &out->fields);
}

void azure_put_check(const struct header_list *fields, struct store_check *check)
{
	const char *md5 = header_get(fields, "Content-MD5");

	if (!md5 || !md5[0] || strlen(md5) >= sizeof(check->text))
		return;
	check->kind = DIGEST_MD5;
	check->hex = false;
	strcpy(check->text, md5);
}

int azure_put_parse(struct store_call *call, const struct store_answer *answer,
		    struct store_check *check)
{
	struct store_object object = {.size = call->append_at + call->source.bytes};
	int ret = azure_tree_answered(call, answer);

	if (ret)
		return ret;
	/* without an ETag it is no answer of Azure's, and nothing says that anything was kept */
	if (azure_blob_attributes(answer->fields, &object) < 0 || !object.etag[0])
		return -EBADMSG;
	azure_put_check(answer->fields, check);
	call->object = object;
	return 0;
}

int azure_put_expect(const struct store_call *call, const struct store_sums *sums,
		     char identity[STORE_ETAG_BYTES])
{
	/* what was appended has none of its own */
	if (call->append_at || !sums->has_md5)
		return -ENOENT;
	digest_base64(sums->md5, DIGEST_MD5_BYTES, identity);
	return 0;
}

int azure_put_unknown(const struct store_call *call, const struct store_sums *sums,
		      char identity[STORE_ETAG_BYTES])
{
	(void)call, (void)sums, (void)identity;
	return -ENOENT;
}
