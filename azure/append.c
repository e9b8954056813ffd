// SPDX-License-Identifier: Apache-2.0
/*
 * Append Block: at the end of an append blob, if that is still where it was. Such blobs are what
 * several programs write a log to; one that is put anew becomes a block blob, and the others cannot
 * append any more.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "azure/azure.h"
#include "core/http/range.h"
#include "core/scope.h"

int azure_append_build(const struct store_call *call, const struct store_site *site,
		       struct store_request *out)
{
	char md5[DIGEST_BASE64_BYTES], at[24];
	int ret;

	if (!call->if_match || !call->source.bytes)
		return -EINVAL;
	if (call->source.bytes > AZURE_APPEND_MAX)
		return -EFBIG;
	ret = azure_site_start(site, "PUT", call->bucket, call->key, out);
	if (!ret)
		ret = uri_add_query(&out->target, "comp", "appendblock");
	digest_base64(out->sums->md5, DIGEST_MD5_BYTES, md5);
	if (!ret)
		ret = header_add(&out->fields, "Content-MD5", md5);
	snprintf(at, sizeof(at), "%" PRIu64, call->append_at);
	if (!ret)
		ret = header_add(&out->fields, "x-ms-blob-condition-appendpos", at);
	return ret ? ret : azure_put_conditions(call, &out->fields);
}

/* After a lost answer: is what was to be appended there, at its place? */
int azure_append_build_look(const struct store_call *call, const struct store_site *site,
			    struct store_request *out)
{
	struct store_call get = *call;

	get.if_match = get.if_none_match = NULL;
	get.offset = call->append_at;
	get.length = call->source.bytes;
	return azure_blob_build_get(&get, site, out);
}

int azure_append_made(struct store_call *call, const struct store_answer *answer)
{
	SCOPE_FREE char *ours = malloc(call->source.bytes);
	struct store_object object = {.size = call->append_at + call->source.bytes};
	const char *text = header_get(answer->fields, "Content-Range");
	struct range_answer range;

	if (!ours)
		return -ENOMEM;
	if (answer->status != 206 || !text || range_parse(text, &range) < 0 ||
	    azure_blob_attributes(answer->fields, &object) < 0 || !object.etag[0])
		return -EBADMSG;
	/* others may have appended behind it already: that is their version, and its size */
	if (range.size < object.size || answer->body_bytes != call->source.bytes ||
	    call->source.read(call->source.arg, 0, ours, call->source.bytes) < 0 ||
	    memcmp(ours, answer->body, answer->body_bytes) != 0)
		return -ESTALE;
	object.size = range.size;
	call->object = object;
	return 0;
}
