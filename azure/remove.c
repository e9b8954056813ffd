// SPDX-License-Identifier: Apache-2.0
/*
 * Delete Blob, and Blob Batch for many. Snapshots are no part of what is seen here, and so nothing
 * that may go unseen: a blob that has some is not deleted (409 SnapshotsPresent).
 */
#include <errno.h>

#include "azure/azure.h"
#include "core/batch.h"

int azure_remove_build(const struct store_call *call, const struct store_site *site,
		       struct store_request *out)
{
	int ret;

	if (!call->key || !call->key[0] || call->if_none_match)
		return -EINVAL;
	if (azure_tree_asks(call, site))
		return azure_tree_build_ask(call, site, out);
	if (site->names == STORE_NAMES_TREE && azure_tree_is_dir(call->key))
		return azure_tree_build_remove(call, site, out);
	ret = azure_site_start(site, "DELETE", call->bucket, call->key, out);
	return ret ? ret : azure_put_conditions(call, &out->fields);
}

int azure_remove_parse(struct store_call *call, const struct store_answer *answer,
		       struct store_check *check)
{
	(void)check;
	return azure_tree_answered(call, answer);
}

int azure_remove_build_many(const struct store_call *call, const struct store_site *site,
			    struct store_request *out)
{
	size_t picked[AZURE_BATCH_MAX], count;
	int ret;

	if (!call->key_count || call->key_count > STORE_LIST_MAX)
		return -EINVAL;
	count = batch_pick(call, AZURE_BATCH_MAX, picked);
	ret = azure_batch_begin(site, call->bucket, out);
	for (size_t i = 0; i < count && !ret; i++)
		ret = azure_batch_delete(site, call, picked[i], i, out);
	return ret ? ret : azure_batch_end(out);
}

int azure_remove_parse_many(struct store_call *call, const struct store_answer *answer,
			    struct store_check *check)
{
	size_t picked[AZURE_BATCH_MAX];
	size_t count = batch_pick(call, AZURE_BATCH_MAX, picked);
	int errors[AZURE_BATCH_MAX];
	int ret = azure_batch_read(answer, errors, count);

	(void)check;
	return ret ? ret : batch_note(call, picked, errors, count);
}
