// SPDX-License-Identifier: Apache-2.0
/* The table that is Azure Blob Storage. */
#include <errno.h>

#include "azure/azure.h"

static int sign(const struct store_site *site, const struct creds *creds, int64_t now_s,
		struct store_request *request)
{
	struct sharedkey_subject subject = {
		.method = request->method,
		.target = buffer_text(&request->target),
	};
	int ret = azure_batch_is(request) ? azure_batch_sign(creds, now_s, request) : 0;

	(void)site;
	subject.body_bytes = request->streams ? request->source_bytes : request->body.len;
	if (!ret)
		ret = azure_proof_add_source(creds, now_s, request);
	return ret ? ret
		   : azure_proof_add(creds, &subject, now_s, &request->target, &request->fields);
}

const struct store_ops azure_ops = {
	.scheme = "az",
	.has_accounts = true,
	.has_trees = true,
	.copies_whole = true,
	.append_max = AZURE_APPEND_MAX,
	.meta_bytes = AZURE_META_BYTES,
	.holds = azure_site_holds,
	.verb[STORE_HEAD] = {.build = azure_blob_build_head, .parse = azure_blob_parse_head},
	.verb[STORE_GET] = {.build = azure_blob_build_get, .parse = azure_blob_parse_get},
	.verb[STORE_LIST] = {.build = azure_list_build, .parse = azure_list_parse},
	.verb[STORE_BUCKETS] = {.build = azure_list_build_containers,
				.parse = azure_list_parse_containers},
	.verb[STORE_PUT] = {.build = azure_put_build,
			    .parse = azure_put_parse,
			    .expect = azure_put_expect,
			    .look = azure_append_build_look,
			    .made = azure_append_made,
			    .streams = true},
	.verb[STORE_DELETE] = {.build = azure_remove_build, .parse = azure_remove_parse},
	.verb[STORE_DELETE_MANY] = {.build = azure_remove_build_many,
				    .parse = azure_remove_parse_many},
	.verb[STORE_COPY] = {.build = azure_copy_build,
			     .parse = azure_copy_parse,
			     .settled = azure_copy_settled,
			     .expect = azure_put_unknown,
			     .look = azure_copy_build_look,
			     .made = azure_copy_made,
			     .works = true},
	.verb[STORE_MULTIPART_BEGIN] = {.local = azure_blocks_begin},
	.verb[STORE_PART] = {.build = azure_blocks_build_part,
			     .parse = azure_blocks_parse_part,
			     .streams = true},
	.verb[STORE_PART_COPY] = {.build = azure_blocks_build_keep,
				  .parse = azure_blocks_parse_keep},
	.verb[STORE_COMPLETE] = {.build = azure_blocks_build_commit,
				 .parse = azure_blocks_parse_commit,
				 .expect = azure_put_unknown,
				 .look = azure_blocks_build_look,
				 .made = azure_blocks_made,
				 .works = true},
	.verb[STORE_RENAME] = {.build = azure_tree_build_rename,
			       .parse = azure_tree_parse_rename,
			       .expect = azure_put_unknown,
			       .look = azure_tree_build_look,
			       .made = azure_tree_made,
			       .works = true},
	.verb[STORE_ABORT] = {.local = azure_blocks_nothing},
	.verb[STORE_UPLOADS] = {.local = azure_blocks_nothing},
	.locate = azure_site_locate,
	.sign = sign,
	.fault = azure_fault_parse,
	.identity = azure_blob_identity,
	.accounts = azure_account_list,
	.request_id = azure_fault_request_id,
};
