// SPDX-License-Identifier: Apache-2.0
/*
 * Delete Blob. Snapshots are no part of what is seen here, and so nothing that may go unseen: a
 * blob that has some is not deleted (409 SnapshotsPresent).
 */
#include <errno.h>

#include "azure/azure.h"

int azure_remove_build(const struct store_call *call, const struct store_site *site,
		       struct store_request *out)
{
	int ret;

	if (!call->key || !call->key[0] || call->if_none_match)
		return -EINVAL;
	ret = azure_site_start(site, "DELETE", call->bucket, call->key, out);
	return ret ? ret : azure_put_conditions(call, &out->fields);
}

int azure_remove_parse(struct store_call *call, const struct store_answer *answer,
		       struct store_check *check)
{
	(void)call, (void)answer, (void)check;
	return 0;
}

/* The service's batches want each request in them signed by itself. */
int azure_remove_not_many(struct store_call *call)
{
	(void)call;
	return -EOPNOTSUPP;
}
