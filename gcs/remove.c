// SPDX-License-Identifier: Apache-2.0
/* Delete, one by one and by the hundred. */
#include <errno.h>

#include "core/batch.h"
#include "gcs/gcs.h"

int gcs_remove_build(const struct store_call *call, const struct store_site *site,
		     struct store_request *out)
{
	int ret;

	if (!call->key || !call->key[0] || call->if_none_match)
		return -EINVAL;
	ret = gcs_site_start(site, "DELETE", GCS_JSON, call->bucket, call->key, out);
	if (!ret)
		ret = gcs_version_conditions(call, &out->target);
	return ret ? ret : gcs_site_finish(site, NULL, out);
}

int gcs_remove_parse(struct store_call *call, const struct store_answer *answer,
		     struct store_check *check)
{
	(void)call, (void)answer, (void)check;
	return 0;
}

int gcs_remove_build_many(const struct store_call *call, const struct store_site *site,
			  struct store_request *out)
{
	size_t at = (size_t)call->step * GCS_BATCH_MAX;
	size_t end = at + GCS_BATCH_MAX;
	int ret;

	if (!call->key_count || call->key_count > STORE_LIST_MAX)
		return -EINVAL;
	ret = gcs_batch_begin(site, out);
	for (; at < end && at < call->key_count && !ret; at++) {
		ret = call->keys[at][0] ? gcs_batch_delete(site, call->bucket, call->keys[at], out)
					: -EINVAL;
	}
	return ret ? ret : gcs_batch_end(out);
}

int gcs_remove_parse_many(struct store_call *call, const struct store_answer *answer,
			  struct store_check *check)
{
	size_t from = (size_t)call->step * GCS_BATCH_MAX;
	size_t count = call->key_count - from < GCS_BATCH_MAX ? call->key_count - from
							      : GCS_BATCH_MAX;
	struct batch_part parts[GCS_BATCH_MAX];
	int errors[GCS_BATCH_MAX];
	int ret = batch_read(answer, parts, count);

	(void)check;
	if (ret)
		return ret;
	for (size_t i = 0; i < count; i++)
		errors[i] = batch_error(parts[i].status);
	return batch_note(call, errors, count);
}
