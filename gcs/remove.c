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
	size_t picked[GCS_BATCH_MAX], count;
	int ret;

	if (!call->key_count || call->key_count > STORE_LIST_MAX)
		return -EINVAL;
	count = batch_pick(call, GCS_BATCH_MAX, picked);
	ret = gcs_batch_begin(site, out);
	for (size_t i = 0; i < count && !ret; i++) {
		const char *key = call->keys[picked[i]];
		const char *etag = batch_etag(call, picked[i]);

		ret = key[0] ? gcs_batch_delete(site, call->bucket, key, etag, out) : -EINVAL;
	}
	return ret ? ret : gcs_batch_end(out);
}

int gcs_remove_parse_many(struct store_call *call, const struct store_answer *answer,
			  struct store_check *check)
{
	size_t picked[GCS_BATCH_MAX];
	size_t count = batch_pick(call, GCS_BATCH_MAX, picked);
	struct batch_part parts[GCS_BATCH_MAX];
	int errors[GCS_BATCH_MAX];
	int ret = batch_read(answer, parts, count);

	(void)check;
	if (ret)
		return ret;
	for (size_t i = 0; i < count; i++)
		errors[i] = batch_error(parts[i].status);
	return batch_note(call, picked, errors, count);
}
